"""What an operator does with a data folder, while the gateway runs on it and while it does not."""

from __future__ import annotations

import gzip
import json
import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from conftest import noise
from gateway import ACCOUNT, ALICE, BOB, Gateway, binary, clean_environment


class Refused(Exception):
    pass


def sealgate(gateway: Gateway, *arguments: str, stdin: str = "", **env: str) -> str:
    config = ["--config", str(gateway.folder / "config.toml")] if gateway.config else []
    done = subprocess.run(
        [binary(), *map(str, arguments), "--data", str(gateway.data), *config],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(gateway.folder, **gateway.env, **env),
    )
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def test_accounts_are_made_and_listed(new_gateway) -> None:
    gateway = new_gateway()
    made = sealgate(gateway, "account", "create", "second", "--email", "s@example.com")
    account = re.search(r"account (\d{12})", made)[1]
    assert account in sealgate(gateway, "account", "list")
    key = re.search(r"AWS_ACCESS_KEY_ID=(\S+)", made)[1]
    secret = re.search(r"AWS_SECRET_ACCESS_KEY='(.*)'", made)[1]
    import boto3

    sts = boto3.session.Session().client(
        "sts",
        endpoint_url=gateway.http,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    assert sts.get_caller_identity()["Account"] == account
    gateway.stop()
    assert account in sealgate(gateway, "account", "list")
    assert secret not in gateway.log()


def test_quotas_are_shown_set_and_kept(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="limited")
    s3.create_bucket(Bucket="free")
    s3.put_object(Bucket="limited", Key="a", Body=b"12345")
    assert sealgate(gateway, "bucket", "quota", "limited") == "limited: 5 of no limit bytes, 1 of no limit objects\n"
    shown = sealgate(gateway, "bucket", "quota", "limited", "--bytes", "1KiB", "--objects", "2")
    assert shown == "limited: 5 of 1024 bytes, 1 of 2 objects\n"

    def refused(bucket: str, size: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="b", Body=b"x" * size)
        except s3.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            assert (code, error.response["ResponseMetadata"]["HTTPStatusCode"]) == ("QuotaExceeded", 403)
            return True
        return False

    assert refused("limited", 1020) and not refused("limited", 1019)
    with pytest.raises(s3.exceptions.ClientError, match="QuotaExceeded"):
        s3.put_object(Bucket="limited", Key="c", Body=b"")
    assert not refused("limited", 0)
    # What is not named stays.
    assert sealgate(gateway, "bucket", "quota", "limited", "--objects", "none").endswith("5 of 1024 bytes, 2 of no limit objects\n")
    assert sealgate(gateway, "account", "quota", ACCOUNT, "--bytes", "100").endswith("5 of 100 bytes, 2 of no limit objects\n")
    assert refused("free", 96)
    gateway.stop()
    assert "of 100 bytes" in sealgate(gateway, "account", "quota", ACCOUNT)
    sealgate(gateway, "account", "quota", ACCOUNT, "--bytes", "none")
    gateway.start()
    s3 = gateway.client()
    assert not refused("free", 96)
    for arguments in (("bucket", "quota", "no-such"), ("account", "quota", "999999999999"), ("bucket", "quota", "free", "--bytes", "much")):
        with pytest.raises(Refused):
            sealgate(gateway, *arguments)


def test_explain_says_which_statement_decides(new_gateway) -> None:
    gateway = new_gateway()
    key = gateway.key()
    allowed = sealgate(gateway, "explain", "--principal", ALICE.arn, "--action", "kms:Decrypt", "--resource", key)
    assert allowed.startswith("allowed") and "everything" in allowed
    denied = sealgate(gateway, "explain", "--principal", BOB.arn, "--action", "kms:Decrypt", "--resource", key)
    assert denied.startswith("denied")
    object = "arn:aws:s3:::some/key"
    assert sealgate(
        gateway, "explain", "--principal", BOB.arn, "--action", "s3:GetObject", "--resource", object
    ).startswith("allowed")


@pytest.mark.parametrize("live", (True, False))
def test_rewrap_moves_data_keys_and_leaves_bodies(new_gateway, live: bool) -> None:
    gateway = new_gateway()
    s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    s3.create_bucket(Bucket="rewrapped")
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    modes = {
        "s3": {},
        "kms": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": old},
        "bucket-key": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": old, "BucketKeyEnabled": True},
        "dsse": {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": old},
    }
    for name, mode in modes.items():
        for size in (10, 100_000):
            s3.put_object(Bucket="rewrapped", Key=f"{name}/{size}", Body=noise(size, name), **mode)
    blobs = {path: path.read_bytes() for path in gateway.blobs()}
    kms.rotate_key_on_demand(KeyId=old)
    if not live:
        gateway.stop()
    said = sealgate(gateway, "rewrap", "--bucket", "rewrapped", "--rate", "1000")
    assert "8 objects looked at, 6 moved, 0 left" in said, said
    assert "8 objects looked at, 0 moved" in sealgate(gateway, "rewrap", "--bucket", "rewrapped")
    said = sealgate(gateway, "rewrap", "--bucket", "rewrapped", "--key", old, "--to-key", new)
    assert "6 moved" in said, said
    assert {path: path.read_bytes() for path in gateway.blobs()} == blobs
    if not live:
        gateway.start()
        s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    # Nothing hangs on the old key any more.
    kms.disable_key(KeyId=old)
    for name in modes:
        for size in (10, 100_000):
            found = s3.get_object(Bucket="rewrapped", Key=f"{name}/{size}")
            assert found["Body"].read() == noise(size, name)
            assert found.get("SSEKMSKeyId") == (None if name == "s3" else new)


def test_the_trail_is_proved_whole_and_every_tampering_is_found(new_gateway) -> None:
    gateway = new_gateway(config="index_encryption = false\n")
    kms = gateway.client("kms", scheme="https")
    for _ in range(5):
        kms.create_key()
    assert "the trail is whole" in sealgate(gateway, "audit", "verify")
    key = sealgate(gateway, "audit", "public-key").strip()
    gateway.stop()
    assert "the trail is whole" in sealgate(gateway, "audit", "verify", "--public-key", key)
    index = gateway.data / "index.db"
    original = index.read_bytes()

    def tampered(*statements: str) -> str:
        index.write_bytes(original)
        for side in ("-wal", "-shm"):
            Path(f"{index}{side}").unlink(missing_ok=True)
        with sqlite3.connect(index) as database:
            for statement in statements:
                assert database.execute(statement).rowcount > 0
        database.close()
        with pytest.raises(Refused) as error:
            sealgate(gateway, "audit", "verify", "--public-key", key)
        return str(error.value)

    with sqlite3.connect(index) as database:
        rows = [row[0] for row in database.execute("SELECT seq FROM trail ORDER BY seq")]
    database.close()
    middle = rows[len(rows) // 2]
    assert f"record {middle} was changed" in tampered(
        f"UPDATE trail SET event = CAST(replace(CAST(event AS TEXT), '{{', '{{ ') AS BLOB) WHERE seq = {middle}"
    )
    swap = [f"UPDATE trail SET seq = {to} WHERE seq = {at}" for at, to in ((middle, 10**9), (middle + 1, middle))]
    assert "out of order" in tampered(*swap, f"UPDATE trail SET seq = {middle + 1} WHERE seq = {10**9}")
    assert "deleted" in tampered(f"DELETE FROM trail WHERE seq = {middle}")
    assert "broken" in tampered(f"DELETE FROM trail WHERE seq > {middle}")


def test_the_trail_is_exported_as_cloudtrail_delivers_it(new_gateway, tmp_path) -> None:
    gateway = new_gateway()
    arn = gateway.key()
    out = tmp_path / "out"
    said = sealgate(gateway, "audit", "export", "--account", ACCOUNT, "--out", str(out))
    assert "records in" in said
    files = [path for path in out.rglob("*.json.gz") if "Digest" not in str(path)]
    records = [record for path in files for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]
    assert any(record["eventName"] == "CreateKey" and arn in json.dumps(record) for record in records)
    assert f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/" in str(files[0])
    assert list((out / "AWSLogs" / ACCOUNT / "CloudTrail-Digest").rglob("*.json.gz"))


@pytest.mark.key_file
def test_the_root_key_moves_and_comes_back_from_shares(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="moved")
    s3.put_object(Bucket="moved", Key="k", Body=b"x")
    shares = sealgate(gateway, "root", "split", "--needed", "2", "--shares", "3").split()
    assert len(shares) == 3
    passphrase = {"SEALGATE_ROOT_PASSPHRASE": "correct horse battery staple"}
    sealgate(gateway, "root", "rewrap", "--to", "passphrase", **passphrase)
    assert "passphrase" in sealgate(gateway, "root", "status")
    assert not (gateway.data / "root.key").exists()
    assert s3.get_object(Bucket="moved", Key="k")["Body"].read() == b"x"
    gateway.stop()
    # Without it, and with a wrong one: a sentence, and nothing is overwritten.
    sealed = (gateway.data / "root.sealed").read_bytes()
    for env in ({}, {"SEALGATE_ROOT_PASSPHRASE": "wrong"}):
        gateway.env = env
        with pytest.raises(Exception) as error:
            gateway.start()
        assert "passphrase" in str(error.value)
        assert (gateway.data / "root.sealed").read_bytes() == sealed
    gateway.env = passphrase
    gateway.start()
    assert gateway.client().get_object(Bucket="moved", Key="k")["Body"].read() == b"x"
    gateway.stop()
    # The passphrase is forgotten: two of three share holders come together.
    gateway.env = {}
    with pytest.raises(Refused):
        sealgate(gateway, "root", "restore", "--to", "file:", stdin=shares[0] + "\n")
    sealgate(gateway, "root", "restore", "--to", "file:", stdin="\n".join([shares[2], shares[0]]))
    gateway.start()
    assert gateway.client().get_object(Bucket="moved", Key="k")["Body"].read() == b"x"


def test_a_command_needs_a_data_folder(tmp_path) -> None:
    gateway = Gateway(tmp_path / "none")
    with pytest.raises(Refused) as error:
        sealgate(gateway, "account", "list")
    assert "no data folder" in str(error.value)
    assert not os.path.exists(gateway.data)
