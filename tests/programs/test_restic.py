"""restic keeps a repository in a bucket, over TLS with the gateway's own authority."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Programs, contents, keys, noise, tree
from gateway import Gateway


class Restic:
    def __init__(self, programs: Programs, gateway: Gateway, bucket: str) -> None:
        self.programs = programs
        self.options = ("--cacert", gateway.ca, "--no-cache", "-o", "s3.bucket-lookup=path")
        self.env = {"RESTIC_REPOSITORY": f"s3:{gateway.https}/{bucket}/repository", "RESTIC_PASSWORD": "correct horse"}

    def __call__(self, *command: object, status: int = 0) -> str:
        return self.programs.run("restic", *self.options, *command, status=status, **self.env)

    def snapshots(self) -> list[str]:
        return [snapshot["short_id"] for snapshot in json.loads(self("snapshots", "--json"))]


@pytest.mark.parametrize("kind", ["bucket", "kms_bucket"])
def test_the_life_of_a_repository(
    request: pytest.FixtureRequest, kind: str, programs: Programs, gateway: Gateway, s3, tmp_path: Path
) -> None:
    bucket = request.getfixturevalue(kind)
    restic = Restic(programs, gateway, bucket)
    source = tree(tmp_path / "source")

    restic("init")
    restic("backup", source)
    first = contents(source)
    (source / "one").write_bytes(noise(500_000, "second"))
    (source / "empty").unlink()
    restic("backup", source)
    second = contents(source)
    restic("check", "--read-data")

    before, after = restic.snapshots()
    for snapshot, expected in ((before, first), (after, second)):
        restic("restore", snapshot, "--target", tmp_path / snapshot)
        assert contents(Path(f"{tmp_path / snapshot}{source}")) == expected

    packs = set(keys(s3, bucket, "repository/data/"))
    (source / "sub/deep/large").write_bytes(b"small now")
    restic("backup", source)
    restic("forget", "--keep-last", "1", "--prune")
    assert len(restic.snapshots()) == 1
    assert not packs <= set(keys(s3, bucket, "repository/data/")), "prune has deleted nothing"
    restic("check", "--read-data")
    restic("restore", "latest", "--target", tmp_path / "last")
    assert contents(Path(f"{tmp_path / 'last'}{source}")) == contents(source)
    assert keys(s3, bucket, "repository/locks/") == []


def test_a_pack_that_changed_is_found(programs: Programs, gateway: Gateway, bucket: str, s3, tmp_path: Path) -> None:
    restic = Restic(programs, gateway, bucket)
    restic("init")
    restic("backup", tree(tmp_path / "source"))
    pack = keys(s3, bucket, "repository/data/")[0]
    body = bytearray(s3.get_object(Bucket=bucket, Key=pack)["Body"].read())
    body[len(body) // 2] ^= 1
    s3.put_object(Bucket=bucket, Key=pack, Body=bytes(body))
    assert "error" in restic("check", "--read-data", status=1).lower()
