"""Listings: order, prefixes, delimiters, pages, encoding and awkward keys."""

from __future__ import annotations

import pytest
import raw
from conftest import noise
from gateway import CANONICAL_ID, Gateway

AWKWARD = [
    "plain", "with space", "plus+plus", "per%cent", "%2F", "a//b", "/leading", "trailing/", "dot/./dot", "dot/../dot", "..", ".",
    "ünïcödé/ключ/鍵", "emoji/🔑", "quote'\"", "amp&<>", "semi;colon", "at@:=,$", "tilde~*()!", "back\\slash", "^`{|}[]", "question?mark#hash",
    "new\nline", "tab\t", "nul-ish\x01", "x" * 1024,
]  # fmt: skip


def keys_of(page: dict) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes_of(page: dict) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


@pytest.mark.every_store
def test_awkward_keys_are_kept_exactly(gateway: Gateway, s3, bucket: str) -> None:
    for number, key in enumerate(AWKWARD):
        s3.put_object(Bucket=bucket, Key=key, Body=noise(50, number))
    for number, key in enumerate(AWKWARD):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == noise(50, number), key
    # boto3 asks for encoded keys and decodes them, so control characters survive.
    expected = sorted(AWKWARD, key=lambda key: key.encode())
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == expected
    assert keys_of(s3.list_objects(Bucket=bucket)) == expected
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "ünïcödé/ключ/鍵"})
    assert copied["CopyObjectResult"]["ETag"]
    deleted = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": key} for key in AWKWARD if key.isprintable()]}
    )
    assert "Errors" not in deleted


def test_encoding_type_url_encodes_and_is_echoed(gateway: Gateway, bucket: str, s3) -> None:
    s3.put_object(Bucket=bucket, Key="a b+ü/c", Body=b"")
    answer = raw.request(
        gateway,
        "GET",
        f"/{bucket}",
        query=[("list-type", "2"), ("encoding-type", "url"), ("delimiter", "/"), ("prefix", "a b")],
    )
    text = answer.body.decode()
    assert "<EncodingType>url</EncodingType>" in text
    assert "<Prefix>a+b%2B%C3%BC/</Prefix>" in text or "<Prefix>a%20b%2B%C3%BC/</Prefix>" in text
    plain = raw.request(gateway, "GET", f"/{bucket}", query=[("list-type", "2")]).body.decode()
    assert "<Key>a b+ü/c</Key>" in plain and "EncodingType" not in plain
    raw.request(gateway, "GET", f"/{bucket}", query=[("encoding-type", "rot13")]).refused(400, "InvalidArgument")


KEYS = ["a/1", "a/2", "a/b/3", "b", "c/4", "c/d/e/5", "d", "e//6", "f", "ü/7"]


@pytest.fixture
def filled(s3, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    return bucket


def model(prefix: str, delimiter: str) -> list[tuple[str, bool]]:
    """What a listing has to give, by the definition."""
    out: list[tuple[str, bool]] = []
    for key in sorted(KEYS, key=lambda key: key.encode()):
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            entry = (key, False) if at < 0 else (key[: at + len(delimiter)], True)
            if entry not in out:
                out.append(entry)
    return out


@pytest.mark.parametrize("version", (1, 2))
@pytest.mark.parametrize("delimiter", ("", "/", "b", "//"))
@pytest.mark.parametrize("prefix", ("", "a/", "c", "e/", "ü", "zzz"))
def test_pages_of_any_size_are_the_model(s3, filled: str, version: int, prefix: str, delimiter: str) -> None:
    expected = model(prefix, delimiter)
    for size in (1, 2, 3, 1000):
        found: list[tuple[str, bool]] = []
        arguments = {"Bucket": filled, "Prefix": prefix, "MaxKeys": size} | (
            {"Delimiter": delimiter} if delimiter else {}
        )
        while True:
            page = (s3.list_objects if version == 1 else s3.list_objects_v2)(**arguments)
            here = [(key, False) for key in keys_of(page)] + [(prefix, True) for prefix in prefixes_of(page)]
            found += sorted(here, key=lambda entry: entry[0].encode())
            assert len(here) <= size
            if version == 2:
                assert page["KeyCount"] == len(here)
            if not page["IsTruncated"]:
                break
            if version == 2:
                arguments["ContinuationToken"] = page["NextContinuationToken"]
            else:
                assert ("NextMarker" in page) == bool(delimiter)
                arguments["Marker"] = page.get("NextMarker", found[-1][0])
        assert found == expected, size


def test_markers_start_after(s3, filled: str) -> None:
    assert keys_of(s3.list_objects_v2(Bucket=filled, StartAfter="c/4"))[0] == "c/d/e/5"
    assert keys_of(s3.list_objects(Bucket=filled, Marker="c/3"))[0] == "c/4"
    assert keys_of(s3.list_objects_v2(Bucket=filled, StartAfter="zz")) == ["ü/7"]
    page = s3.list_objects_v2(Bucket=filled, Delimiter="/", StartAfter="a/")
    assert "a/" in prefixes_of(page) or prefixes_of(page)[0] == "c/"


def test_pages_of_nothing(s3, filled: str) -> None:
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert page["KeyCount"] == 0 and page["IsTruncated"] is False


def test_bad_arguments_are_refused(gateway: Gateway, bucket: str) -> None:
    for query in (
        [("max-keys", "-1")],
        [("max-keys", "abc")],
        [("list-type", "2"), ("continuation-token", "!!")],
        [("list-type", "2"), ("continuation-token", "")],
    ):
        raw.request(gateway, "GET", f"/{bucket}", query=query).refused(400, "InvalidArgument")


def test_entries_say_what_they_are(s3, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"12345", ChecksumAlgorithm="SHA256")["ETag"]
    entry = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    assert (entry["ETag"], entry["Size"], entry["StorageClass"], entry["Owner"]["ID"]) == (
        etag,
        5,
        "STANDARD",
        CANONICAL_ID,
    )
    assert entry["ChecksumAlgorithm"] == ["SHA256"]
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert "Owner" in s3.list_objects(Bucket=bucket)["Contents"][0]


def test_list_buckets_in_pages(gateway: Gateway, s3) -> None:
    for letter in "abc":
        s3.create_bucket(Bucket=f"page-of-buckets-{letter}")
    first = s3.list_buckets(Prefix="page-of-buckets-", MaxBuckets=2)
    assert [entry["Name"] for entry in first["Buckets"]] == ["page-of-buckets-a", "page-of-buckets-b"]
    rest = s3.list_buckets(Prefix="page-of-buckets-", MaxBuckets=2, ContinuationToken=first["ContinuationToken"])
    assert [entry["Name"] for entry in rest["Buckets"]] == ["page-of-buckets-c"]
