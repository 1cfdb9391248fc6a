"""s3fs for Python (fsspec), as dask and pandas use it: a rename of a folder is copies and deletions, as Hadoop's."""

from __future__ import annotations

import pytest
import s3fs
from conftest import MIB, contents, keys, noise, tree, uploads
from gateway import REGION, ROOT_USER, Gateway


@pytest.fixture(params=["http", "https"])
def filesystem(request: pytest.FixtureRequest, gateway: Gateway) -> s3fs.S3FileSystem:
    client = {"endpoint_url": gateway.url(request.param), "region_name": REGION}
    if request.param == "https":
        client["verify"] = gateway.ca
    return s3fs.S3FileSystem(
        key=ROOT_USER.access_key,
        secret=ROOT_USER.secret_key,
        client_kwargs=client,
        default_block_size=5 * MIB,
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def test_a_folder_is_renamed(filesystem: s3fs.S3FileSystem, s3, bucket: str, tmp_path) -> None:
    source = tree(tmp_path / "source")
    filesystem.put(f"{source}/", f"{bucket}/job/_temporary/0/", recursive=True)
    # Its `mv` also copies folders, which are no objects, and fails at AWS as here.
    filesystem.copy(f"{bucket}/job/_temporary/0/", f"{bucket}/job/out/", recursive=True)
    filesystem.rm(f"{bucket}/job/_temporary", recursive=True)
    assert sorted(keys(s3, bucket)) == sorted(f"job/out/{name}" for name in contents(source))
    filesystem.get(f"{bucket}/job/out/", f"{tmp_path}/back/", recursive=True)
    assert contents(tmp_path / "back") == contents(source)
    assert not filesystem.exists(f"{bucket}/job/_temporary")
    filesystem.rm(f"{bucket}/job", recursive=True)
    assert keys(s3, bucket) == []


def test_files_are_written_in_parts_and_read_in_pieces(filesystem: s3fs.S3FileSystem, s3, bucket: str) -> None:
    body = noise(12 * MIB)
    with filesystem.open(f"{bucket}/large", "wb") as out:
        for start in range(0, len(body), MIB):
            out.write(body[start : start + MIB])
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-3"')
    with filesystem.open(f"{bucket}/large", "rb") as file:
        file.seek(6 * MIB - 3)
        assert file.read(10) == body[6 * MIB - 3 :][:10]
    assert filesystem.cat_ranges([f"{bucket}/large"] * 2, [0, 9 * MIB], [5, 9 * MIB + 7]) == [
        body[:5],
        body[9 * MIB : 9 * MIB + 7],
    ]
    with filesystem.open(f"{bucket}/large", "ab") as out:
        out.write(b"and more")
    assert filesystem.tail(f"{bucket}/large", 8) == b"and more"
    assert uploads(s3, bucket) == []


def test_a_write_that_fails_leaves_nothing(filesystem: s3fs.S3FileSystem, s3, bucket: str) -> None:
    with filesystem.transaction:
        with filesystem.open(f"{bucket}/kept", "wb") as out:
            out.write(b"kept")
        assert keys(s3, bucket) == []
    assert keys(s3, bucket) == ["kept"]
    with pytest.raises(RuntimeError):
        with filesystem.transaction:
            with filesystem.open(f"{bucket}/lost", "wb") as out:
                out.write(noise(6 * MIB))
            raise RuntimeError
    assert keys(s3, bucket) == ["kept"] and uploads(s3, bucket) == []


def test_globs_tags_and_metadata(filesystem: s3fs.S3FileSystem, bucket: str) -> None:
    for key in ("a/1.csv", "a/2.csv", "a/b/3.csv", "a/4.txt"):
        filesystem.pipe(f"{bucket}/{key}", key.encode())
    assert filesystem.glob(f"{bucket}/a/*.csv") == [f"{bucket}/a/1.csv", f"{bucket}/a/2.csv"]
    assert filesystem.glob(f"{bucket}/**/3.*") == [f"{bucket}/a/b/3.csv"]
    assert filesystem.du(f"{bucket}/a") == sum(map(len, ("a/1.csv", "a/2.csv", "a/b/3.csv", "a/4.txt")))
    filesystem.setxattr(f"{bucket}/a/1.csv", owner="me")
    assert filesystem.getxattr(f"{bucket}/a/1.csv", "owner") == "me"
    filesystem.put_tags(f"{bucket}/a/1.csv", {"colour": "red"})
    assert filesystem.get_tags(f"{bucket}/a/1.csv") == {"colour": "red"}
    with pytest.raises(FileNotFoundError):
        filesystem.info(f"{bucket}/a/5.csv")
