"""rclone with the provider "Other", over HTTP and HTTPS, and with its encryption options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from gateway import Gateway
from modes import CUSTOMER_KEY
from test_aws_cli import same

MIB = 1024 * 1024


def tree(at: Path) -> Path:
    (at / "sub" / "deep").mkdir(parents=True)
    for name, size in (("empty", 0), ("one", 1), ("sub/ünï + code%", 70_000), ("sub/deep/large", 11 * MIB)):
        (at / name).write_bytes(noise(size))
    return at


@pytest.mark.every_store
def test_all_commands_over_http(gateway: Gateway, bucket: str, rclone, tmp_path: Path) -> None:
    all_commands(rclone(gateway, "http").run, bucket, tmp_path)


def test_all_commands_over_https(gateway: Gateway, bucket: str, rclone, tmp_path: Path) -> None:
    all_commands(rclone(gateway, "https").run, bucket, tmp_path)


def all_commands(run: Callable[..., str], bucket: str, tmp_path: Path) -> None:
    source, there = tree(tmp_path / "source"), f"r:{bucket}/tree"
    multipart = ("--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi")
    run("rclone", "copy", *multipart, source, there)
    run("rclone", "check", "--download", source, there)
    run("rclone", "check", source, there)
    run("rclone", "copy", there, tmp_path / "back")
    same(source, tmp_path / "back")
    assert sorted(run("rclone", "lsf", "-R", "--files-only", there).splitlines()) == [
        "empty",
        "one",
        "sub/deep/large",
        "sub/ünï + code%",
    ]
    (source / "one").unlink()
    (source / "two").write_bytes(b"22")
    run("rclone", "sync", source, there)
    run("rclone", "check", "--download", source, there)
    assert "one" not in run("rclone", "lsf", there).splitlines()
    run("rclone", "rcat", f"{there}/piped", stdin=b"from a pipe")
    assert run("rclone", "cat", f"{there}/piped") == "from a pipe"
    assert run("rclone", "cat", "--offset", "5", "--count", "1", f"{there}/piped") == "a"
    run("rclone", "moveto", f"{there}/piped", f"{there}/moved")
    run("rclone", "copy", there, f"r:{bucket}/copy")
    run("rclone", "check", there, f"r:{bucket}/copy")
    sizes = json.loads(run("rclone", "size", "--json", there))
    assert sizes["count"] == 5
    run("rclone", "purge", there)
    assert run("rclone", "lsf", there) == ""
    run("rclone", "mkdir", f"r:{bucket}-made")
    run("rclone", "rmdir", f"r:{bucket}-made")


def options(gateway: Gateway) -> dict[str, dict[str, str]]:
    return {
        "SSE-S3": {"server_side_encryption": "AES256"},
        "SSE-KMS": {"server_side_encryption": "aws:kms"},
        "SSE-KMS own key": {"server_side_encryption": "aws:kms", "sse_kms_key_id": gateway.key()},
        "SSE-C": {"sse_customer_algorithm": "AES256", "sse_customer_key": CUSTOMER_KEY.decode("latin-1")},
    }


@pytest.mark.parametrize("name", ("SSE-S3", "SSE-KMS", "SSE-KMS own key", "SSE-C"))
def test_encryption_options(gateway: Gateway, bucket: str, rclone, tmp_path: Path, name: str) -> None:
    chosen = options(gateway)[name]
    if name == "SSE-C":
        # rclone takes the key as text.
        chosen["sse_customer_key"] = "0123456789abcdef0123456789abcdef"
    run = rclone(gateway, "https", **chosen).run
    source, there = tree(tmp_path / "source"), f"r:{bucket}/tree"
    run("rclone", "copy", "--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi", source, there)
    run("rclone", "check", "--download", source, there)
    run("rclone", "copy", there, tmp_path / "back")
    same(source, tmp_path / "back")
    if name == "SSE-C":
        with pytest.raises(ClientError, match="400"):
            gateway.client().head_object(Bucket=bucket, Key="tree/one")
    else:
        head = gateway.client().head_object(Bucket=bucket, Key="tree/sub/deep/large")
        assert head["ServerSideEncryption"] == chosen["server_side_encryption"]
        assert head.get("SSEKMSKeyId") == chosen.get("sse_kms_key_id", head.get("SSEKMSKeyId"))
