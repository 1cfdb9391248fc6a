"""rclone in its newest release, with the provider Other, over HTTPS; the suite runs Debian's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Programs, contents, keys, tree, uploads
from gateway import REGION, ROOT_USER, Gateway


@pytest.fixture
def rclone(programs: Programs, gateway: Gateway):
    config = programs.home / "rclone.conf"
    common = (
        f"type = s3\nprovider = Other\naccess_key_id = {ROOT_USER.access_key}\nsecret_access_key = "
        f"{ROOT_USER.secret_key}\nregion = {REGION}\nendpoint = {gateway.https}\nchunk_size = 5Mi\nupload_cutoff = 5Mi\n"
    )
    config.write_text(
        f"[r]\n{common}\n[old]\n{common}versions = true\n\n[c]\ntype = crypt\nremote = r:\npassword = {OBSCURED}\n"
    )
    options = ("--config", config, "--ca-cert", gateway.ca, "--retries", "1", "--low-level-retries", "1")

    def run(*command: object) -> str:
        return programs.run("rclone", *command, *options)

    return run


# `rclone obscure word`: rclone's own way to hide a password from a passer-by.
OBSCURED = "Zh-r4PFJJLF38e_qHIqwLpaSuk8"


@pytest.mark.parametrize("kind", ["bucket", "kms_bucket"])
def test_a_tree_there_and_back(request, kind: str, rclone, s3, tmp_path: Path) -> None:
    bucket, source = request.getfixturevalue(kind), tree(tmp_path / "source")
    more = ("--s3-server-side-encryption", "aws:kms") if kind == "kms_bucket" else ()
    rclone("copy", *more, source, f"r:{bucket}/tree")
    rclone("check", "--download", source, f"r:{bucket}/tree")
    rclone("check", *more, source, f"r:{bucket}/tree")
    rclone("copy", f"r:{bucket}/tree", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(source)
    # Times are kept in the metadata of the objects.
    assert (tmp_path / "back/one").stat().st_mtime == pytest.approx((source / "one").stat().st_mtime, abs=0.001)
    (source / "one").unlink()
    rclone("sync", *more, source, f"r:{bucket}/tree")
    assert sorted(keys(s3, bucket)) == sorted(f"tree/{name}" for name in contents(source))
    rclone("moveto", *more, f"r:{bucket}/tree/sub", f"r:{bucket}/moved")
    assert sorted(keys(s3, bucket)) == sorted(["tree/empty", "moved/deep/large", "moved/ünï + code%"])
    assert uploads(s3, bucket) == []
    rclone("purge", f"r:{bucket}/moved")
    assert keys(s3, bucket) == ["tree/empty"]


def test_metadata_is_listed(rclone, s3, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"body")
    rclone("copyto", "--metadata", "--metadata-set", "content-type=text/x-own", tmp_path / "file", f"r:{bucket}/file")
    (listed,) = json.loads(rclone("lsjson", "--metadata", "--hash", f"r:{bucket}"))
    assert listed["MimeType"] == "text/x-own"
    assert listed["Hashes"]["md5"] == "841a2d689ad86bd1611447453c22c6fc"


def test_old_versions_are_seen_and_cleaned_up(rclone, s3, bucket: str) -> None:
    rclone("backend", "versioning", f"r:{bucket}", "Enabled")
    for body in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="file.txt", Body=body)
    listed = rclone("lsf", f"old:{bucket}").split()
    assert len(listed) == 2 and "file.txt" in listed
    (old,) = set(listed) - {"file.txt"}
    assert rclone("cat", f"old:{bucket}/{old}") == "first"
    rclone("backend", "cleanup-hidden", f"r:{bucket}")
    assert [v["IsLatest"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == [True]


def test_left_uploads_are_cleaned_up(rclone, s3, bucket: str) -> None:
    s3.create_multipart_upload(Bucket=bucket, Key="left")
    assert "left" in rclone("backend", "list-multipart-uploads", f"r:{bucket}")
    rclone("backend", "cleanup", f"r:{bucket}", "-o", "max-age=0s")
    assert uploads(s3, bucket) == []


def test_rclones_own_encryption(rclone, s3, bucket: str, tmp_path: Path) -> None:
    source = tree(tmp_path / "source")
    rclone("copy", source, f"c:{bucket}/sealed")
    rclone("cryptcheck", source, f"c:{bucket}/sealed")
    rclone("copy", f"c:{bucket}/sealed", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(source)
