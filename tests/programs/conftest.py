"""One gateway for all programs, and the way to run one: as its users do, with nothing patched.

These tests are a long check, run by scripts/check-programs. A program that is missing fails its test;
only what the machine cannot do at all (FUSE) is skipped.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from gateway import REGION, ROOT_USER, Gateway, clean_environment  # noqa: E402

NUMBERS = itertools.count(1)
MIB = 1024 * 1024


def unique(prefix: str) -> str:
    return f"{prefix}-{os.getpid()}-{next(NUMBERS)}"


def noise(length: int, seed: object = 0) -> bytes:
    """Bytes that look like none others, the same ones for the same seed."""
    return random.Random(f"{seed}/{length}").randbytes(length)


def tree(at: Path, seed: object = 0) -> Path:
    """Files small and large, with names that are awkward in a URL."""
    (at / "sub" / "deep").mkdir(parents=True)
    for name, size in (("empty", 0), ("one", 1), ("sub/ünï + code%", 70_000), ("sub/deep/large", 11 * MIB)):
        (at / name).write_bytes(noise(size, seed))
    return at


def contents(at: Path) -> dict[str, bytes]:
    return {str(path.relative_to(at)): path.read_bytes() for path in at.rglob("*") if path.is_file()}


class Failed(AssertionError):
    """A program ended with a status other than the expected one."""


class Programs:
    """Runs programs in a home of their own, with the gateway's credentials and nothing else."""

    def __init__(self, gateway: Gateway, home: Path) -> None:
        self.gateway, self.home = gateway, home
        self.env = clean_environment(
            home,
            AWS_ACCESS_KEY_ID=ROOT_USER.access_key,
            AWS_SECRET_ACCESS_KEY=ROOT_USER.secret_key,
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
        )

    def run(self, *command: object, status: int = 0, cwd: Path | None = None, **env: str) -> str:
        """What it said to both outputs; anything but this status fails."""
        words = [str(word) for word in command]
        done = subprocess.run(
            [program(words[0]), *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env | env,
            cwd=cwd or self.home,
            timeout=300,
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode != status:
            raise Failed(f"{' '.join(words)}: status {done.returncode}\n{said[-6000:]}")
        return said

    def start(self, *command: object, log: Path, **env: str) -> subprocess.Popen[bytes]:
        words = [str(word) for word in command]
        with log.open("ab") as out:
            return subprocess.Popen(
                [program(words[0]), *words[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.env | env,
                cwd=self.home,
            )


def program(name: str) -> str:
    """Where it is: SEALGATE_PROGRAMS (what scripts/check-programs built) goes before PATH."""
    path = os.pathsep.join(filter(None, (os.environ.get("SEALGATE_PROGRAMS"), os.environ["PATH"])))
    if not (found := shutil.which(name, path=path)):
        pytest.fail(f"{name} is missing: scripts/check-programs installs it")
    return found


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway")).start()
    yield gateway
    panicked = "a panic was caught" in gateway.log()
    gateway.kill()
    shutil.rmtree(gateway.data, ignore_errors=True)
    assert not panicked


@pytest.fixture
def programs(gateway: Gateway, tmp_path: Path) -> Programs:
    home = tmp_path / "home"
    home.mkdir()
    return Programs(gateway, home)


@pytest.fixture
def s3(gateway: Gateway):
    return gateway.client()


@pytest.fixture
def name() -> str:
    """Of a bucket that is not there yet."""
    return unique("programs")


@pytest.fixture
def bucket(s3, name: str) -> str:
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def kms_bucket(s3, gateway: Gateway) -> str:
    """A bucket whose default is SSE-KMS under a key of the customer's."""
    bucket = unique("sealed")
    s3.create_bucket(Bucket=bucket)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": gateway.key()}}
    s3.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule | {"BucketKeyEnabled": True}]}
    )
    return bucket


def keys(s3, bucket: str, prefix: str = "") -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def uploads(s3, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
