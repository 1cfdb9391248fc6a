"""The object_store crate (as `obstore`): what its own integration suite asks of a store."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import obstore
import pytest
import requests
from conftest import MIB, noise, uploads
from gateway import REGION, ROOT_USER, Gateway
from obstore.exceptions import AlreadyExistsError, NotFoundError, NotModifiedError, PreconditionError
from obstore.store import S3Store


@pytest.fixture
def store(gateway: Gateway, bucket: str) -> S3Store:
    return S3Store(
        bucket,
        endpoint=gateway.http,
        access_key_id=ROOT_USER.access_key,
        secret_access_key=ROOT_USER.secret_key,
        region=REGION,
        client_options={"allow_http": True},
        conditional_put="etag",
        copy_if_not_exists="multipart",
        retry_config={"max_retries": 0},
    )


def names(listed) -> list[str]:
    return [entry["path"] for page in listed for entry in page]


def test_put_get_list_delete(store: S3Store) -> None:
    assert names(store.list()) == []
    store.put("dir/file", b"arbitrary data")
    assert bytes(store.get("dir/file").bytes()) == b"arbitrary data"
    assert names(store.list("dir")) == ["dir/file"]
    # A prefix is of whole segments.
    assert names(store.list("di")) == []
    assert bytes(store.get_range("dir/file", start=3, end=7)) == b"itra"
    assert [bytes(part) for part in store.get_ranges("dir/file", starts=[0, 3, 10], ends=[1, 7, 14])] == [
        b"a",
        b"itra",
        b"data",
    ]
    assert bytes(store.get("dir/file", options={"range": {"suffix": 4}}).bytes()) == b"data"
    assert store.head("dir/file")["size"] == 14
    store.delete("dir/file")
    with pytest.raises((NotFoundError, FileNotFoundError)):
        store.get("dir/file")
    with pytest.raises((NotFoundError, FileNotFoundError)):
        store.head("dir/file")


def test_lists_with_a_delimiter(store: S3Store) -> None:
    for key in ("a/1", "a/b/2", "a/b/c/3", "d", "ä/ü", "x y/z+%"):
        store.put(key, b"data")
    top = store.list_with_delimiter()
    assert [entry["path"] for entry in top["objects"]] == ["d"]
    assert sorted(top["common_prefixes"]) == sorted(["a", "ä", "x y"])
    below = store.list_with_delimiter("a")
    assert [entry["path"] for entry in below["objects"]] == ["a/1"] and list(below["common_prefixes"]) == ["a/b"]
    assert names(store.list(offset="a/b/2")) == ["a/b/c/3", "d", "x y/z+%", "ä/ü"]


def test_many_keys_are_listed_and_deleted(store: S3Store) -> None:
    async def fill() -> None:
        await asyncio.gather(*(store.put_async(f"many/{number:04}", b"") for number in range(1100)))

    asyncio.run(fill())
    listed = names(store.list("many"))
    assert listed == [f"many/{number:04}" for number in range(1100)]
    store.delete(listed)
    assert names(store.list()) == []


def test_conditional_puts(store: S3Store) -> None:
    first = store.put("key", b"first", mode="create")
    with pytest.raises(AlreadyExistsError):
        store.put("key", b"second", mode="create")
    second = store.put("key", b"second", mode={"e_tag": first["e_tag"]})
    with pytest.raises(PreconditionError):
        store.put("key", b"third", mode={"e_tag": first["e_tag"]})
    with pytest.raises((PreconditionError, NotFoundError, FileNotFoundError)):
        store.put("absent", b"", mode={"e_tag": first["e_tag"]})
    assert bytes(store.get("key").bytes()) == b"second"
    assert store.head("key")["e_tag"] == second["e_tag"]


def test_a_counter_of_many_writers_loses_nothing(store: S3Store) -> None:
    """object_store's own test of optimistic locking."""
    store.put("counter", b"0")

    async def count() -> None:
        for _ in range(10):
            while True:
                got = await store.get_async("counter")
                value = int(bytes(await got.bytes_async()))
                try:
                    await store.put_async("counter", str(value + 1).encode(), mode={"e_tag": got.meta["e_tag"]})
                    break
                except PreconditionError:
                    continue

    async def race() -> None:
        await asyncio.gather(*(count() for _ in range(5)))

    asyncio.run(race())
    assert bytes(store.get("counter").bytes()) == b"50"


def test_conditional_gets(store: S3Store) -> None:
    put = store.put("key", b"data")
    meta = store.head("key")
    assert bytes(store.get("key", options={"if_match": put["e_tag"]}).bytes()) == b"data"
    with pytest.raises(PreconditionError):
        store.get("key", options={"if_match": '"other"'})
    with pytest.raises(NotModifiedError):
        store.get("key", options={"if_none_match": put["e_tag"]})
    with pytest.raises(NotModifiedError):
        store.get("key", options={"if_modified_since": meta["last_modified"] + timedelta(hours=1)})
    with pytest.raises(PreconditionError):
        store.get("key", options={"if_unmodified_since": meta["last_modified"] - timedelta(hours=1)})


@pytest.mark.parametrize("size", [10, 6 * MIB])
def test_copies_and_renames(store: S3Store, s3, bucket: str, size: int) -> None:
    body = noise(size)
    store.put("from", body)
    store.copy("from", "to")
    assert bytes(store.get("to").bytes()) == body
    with pytest.raises(AlreadyExistsError):
        store.copy("from", "to", overwrite=False)
    assert uploads(s3, bucket) == [], "a refused copy leaves its upload"
    store.delete("to")
    store.copy("from", "to", overwrite=False)
    store.rename("to", "renamed")
    assert bytes(store.get("renamed").bytes()) == body
    assert names(store.list()) == ["from", "renamed"]
    with pytest.raises((NotFoundError, FileNotFoundError)):
        store.copy("absent", "to")


def test_uploads_in_parts(store: S3Store, s3, bucket: str) -> None:
    body = noise(23 * MIB)
    store.put("parts", body, use_multipart=True, chunk_size=5 * MIB, max_concurrency=5)
    assert s3.head_object(Bucket=bucket, Key="parts")["ETag"].endswith('-5"')
    assert bytes(store.get("parts").bytes()) == body
    with obstore.open_writer(store, "written", buffer_size=5 * MIB, attributes={"Content-Type": "text/x-own"}) as out:
        for start in range(0, len(body), MIB):
            out.write(body[start : start + MIB])
    assert bytes(store.get("written").bytes()) == body
    assert s3.head_object(Bucket=bucket, Key="written")["ContentType"] == "text/x-own"


def test_presigned_urls(store: S3Store) -> None:
    url = obstore.sign(store, "PUT", "dir/a file", timedelta(minutes=1))
    assert requests.put(url, data=b"by URL", timeout=30).status_code == 200
    url = obstore.sign(store, "GET", "dir/a file", timedelta(minutes=1))
    assert requests.get(url, timeout=30).content == b"by URL"
