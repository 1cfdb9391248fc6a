"""The AWS CLI, from the lines that a first start prints."""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.request
from pathlib import Path

import pytest
from conftest import Failed, Shell, noise
from gateway import REGION, Gateway
from modes import CUSTOMER_KEY

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def first(new_gateway, tmp_path_factory: pytest.TempPathFactory) -> tuple[Gateway, Shell]:
    """A gateway that was told of nobody, and a shell into which its lines were pasted."""
    gateway = new_gateway(bootstrap=False)
    lines = [line for line in gateway.greeting if line.startswith("export ")]
    assert lines
    env = {}
    for line in lines:
        for name, _, quoted, plain in re.findall(r"(\w+)=((?:'([^']*)'|(\S+)))", line.removeprefix("export ")):
            env[name] = quoted or plain
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        assert name in env, gateway.greeting
    kept = (gateway.data / "credentials").read_text()
    assert all(line in kept for line in lines)
    assert (gateway.data / "credentials").stat().st_mode & 0o077 == 0
    home = tmp_path_factory.mktemp("home")
    return gateway, Shell(home, env | {"AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"})


@pytest.fixture
def shell(first) -> Shell:
    return first[1]


@pytest.fixture
def files(shell: Shell) -> Path:
    folder = shell.home / "files"
    if not folder.exists():
        (folder / "sub" / "deep").mkdir(parents=True)
        for name, size in (("empty", 0), ("one byte", 1), ("sub/ünï+ code", 70_000), ("sub/deep/large", 9 * MIB)):
            (folder / name).write_bytes(noise(size))
    return folder


@pytest.fixture(scope="module")
def home_bucket(first) -> str:
    first[1].run("aws", "s3", "mb", "s3://first")
    return "s3://first"


def same(left: Path, right: Path) -> None:
    names = sorted(path.relative_to(left) for path in left.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(right) for path in right.rglob("*") if path.is_file())
    for name in names:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name


def test_s3_commands(shell: Shell, files: Path, home_bucket: str) -> None:
    shell.run("aws", "s3", "cp", str(files / "sub/deep/large"), home_bucket + "/large")
    shell.run("aws", "s3", "cp", home_bucket + "/large", str(shell.home / "back"))
    assert (shell.home / "back").read_bytes() == noise(9 * MIB)
    assert re.search(rf"{9 * MIB} large", shell.run("aws", "s3", "ls", home_bucket))
    shell.run("aws", "s3", "mv", home_bucket + "/large", home_bucket + "/moved/large")
    assert "PRE moved/" in shell.run("aws", "s3", "ls", home_bucket)
    shell.run("aws", "s3", "sync", str(files), home_bucket + "/tree")
    assert shell.run("aws", "s3", "sync", str(files), home_bucket + "/tree") == ""
    shell.run("aws", "s3", "sync", home_bucket + "/tree", str(shell.home / "tree"))
    same(files, shell.home / "tree")
    assert "Total Objects: 5" in shell.run("aws", "s3", "ls", "--recursive", "--summarize", home_bucket)
    shell.run("aws", "s3", "cp", "-", home_bucket + "/stdin", stdin=b"from a pipe")
    assert shell.run("aws", "s3", "cp", home_bucket + "/stdin", "-") == "from a pipe"
    shell.run("aws", "s3", "rm", "--recursive", home_bucket + "/tree")
    shell.run("aws", "s3", "rm", home_bucket + "/stdin")
    assert shell.run("aws", "s3", "ls", "--recursive", home_bucket).count("\n") >= 1
    with pytest.raises(Failed, match="BucketNotEmpty"):
        shell.run("aws", "s3", "rb", home_bucket)


def presigned(shell: Shell, home_bucket: str) -> bytes:
    shell.run("aws", "s3", "cp", "-", home_bucket + "/to be signed", stdin=b"signed")
    url = shell.run("aws", "s3", "presign", home_bucket + "/to be signed").strip()
    context = ssl.create_default_context(cafile=shell.env["AWS_CA_BUNDLE"])
    with urllib.request.urlopen(url, context=context, timeout=20) as answer:
        return answer.read()


def test_presign(shell: Shell, home_bucket: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n    signature_version = s3v4\n")
    with_v4 = Shell(
        shell.home, {k: v for k, v in shell.env.items() if k.startswith("AWS_")} | {"AWS_CONFIG_FILE": str(config)}
    )
    assert presigned(with_v4, home_bucket) == b"signed"


def test_presign_without_configuration(shell: Shell, home_bucket: str) -> None:
    # Version 1 of the CLI presigns with Signature Version 2 in us-east-1.
    assert presigned(shell, home_bucket) == b"signed"


@pytest.mark.parametrize("mode", ("kms", "own key", "sse-c"))
def test_s3_commands_with_encryption(first, shell: Shell, files: Path, home_bucket: str, mode: str) -> None:
    key_file = shell.home / "customer.key"
    key_file.write_bytes(CUSTOMER_KEY)
    if mode == "own key":
        key = shell.json("aws", "kms", "create-key", "--output", "json")["KeyMetadata"]["Arn"]
        write = ["--sse", "aws:kms", "--sse-kms-key-id", key]
    else:
        write = {"kms": ["--sse", "aws:kms"], "sse-c": ["--sse-c", "AES256", "--sse-c-key", f"fileb://{key_file}"]}[
            mode
        ]
    read = write if mode == "sse-c" else []
    where = f"{home_bucket}/{mode.replace(' ', '-')}/large"
    shell.run("aws", "s3", "cp", *write, str(files / "sub/deep/large"), where)
    shell.run("aws", "s3", "cp", *read, where, str(shell.home / "back"))
    assert (shell.home / "back").read_bytes() == noise(9 * MIB)
    if mode == "sse-c":
        with pytest.raises(Failed, match="400|Bad Request"):
            shell.run("aws", "s3", "cp", where, str(shell.home / "not"))
        copy = ["--sse-c-copy-source", "AES256", "--sse-c-copy-source-key", f"fileb://{key_file}"]
        shell.run("aws", "s3", "cp", *copy, where, home_bucket + "/from-sse-c")
        assert len(shell.run("aws", "s3", "ls", home_bucket + "/from-sse-c")) > 0


def test_s3api(shell: Shell, home_bucket: str) -> None:
    bucket = "api-" + str(abs(hash(home_bucket)) % 1000)
    body = shell.home / "body"
    body.write_bytes(b"hello")

    def api(*words: str) -> dict:
        return shell.json("aws", "s3api", *words, "--output", "json")

    api("create-bucket", "--bucket", bucket)
    assert bucket in [entry["Name"] for entry in api("list-buckets")["Buckets"]]
    put = api(
        "put-object",
        "--bucket",
        bucket,
        "--key",
        "k",
        "--body",
        str(body),
        "--metadata",
        "a=b",
        "--checksum-algorithm",
        "SHA256",
    )
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"' and put["ServerSideEncryption"] == "AES256"
    assert api("head-object", "--bucket", bucket, "--key", "k")["Metadata"] == {"a": "b"}
    api("get-object", "--bucket", bucket, "--key", "k", "--range", "bytes=1-2", str(shell.home / "part"))
    assert (shell.home / "part").read_bytes() == b"el"
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]}
    api("put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration", json.dumps(rules))
    shown = api("get-bucket-encryption", "--bucket", bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert shown["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    dsse = api(
        "put-object", "--bucket", bucket, "--key", "k", "--body", str(body), "--server-side-encryption", "aws:kms:dsse"
    )
    assert dsse["ServerSideEncryption"] == "aws:kms:dsse"
    api("copy-object", "--bucket", bucket, "--key", "c", "--copy-source", f"{bucket}/k")
    assert [entry["Key"] for entry in api("list-objects-v2", "--bucket", bucket)["Contents"]] == ["c", "k"]
    with pytest.raises(Failed, match="NotImplemented"):
        api("get-object-torrent", "--bucket", bucket, "--key", "k", "torrent")
    assert api("get-bucket-acl", "--bucket", bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    deleted = api("delete-objects", "--bucket", bucket, "--delete", '{"Objects":[{"Key":"c"},{"Key":"k"}]}')
    assert len(deleted["Deleted"]) == 2
    api("delete-bucket", "--bucket", bucket)


def test_kms_iam_sts_cloudtrail(shell: Shell) -> None:
    def aws(*words: str) -> dict:
        return shell.json("aws", *words, "--output", "json")

    who = aws("sts", "get-caller-identity")
    assert re.fullmatch(r"\d{12}", who["Account"]) and who["Arn"] == f"arn:aws:iam::{who['Account']}:root"

    made = aws("kms", "create-key", "--description", "by hand")["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:{REGION}:{who['Account']}:key/{made['KeyId']}"
    aws("kms", "create-alias", "--alias-name", "alias/by-hand", "--target-key-id", made["KeyId"])
    assert made["KeyId"] in [key["KeyId"] for key in aws("kms", "list-keys")["Keys"]]
    plain = shell.home / "plain"
    plain.write_bytes(b"a secret")
    sealed = aws(
        "kms", "encrypt", "--key-id", "alias/by-hand", "--plaintext", f"fileb://{plain}", "--encryption-context", "a=b"
    )
    (shell.home / "sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    opened = aws(
        "kms", "decrypt", "--ciphertext-blob", f"fileb://{shell.home / 'sealed'}", "--encryption-context", "a=b"
    )
    assert base64.b64decode(opened["Plaintext"]) == b"a secret"
    with pytest.raises(Failed, match="InvalidCiphertextException"):
        aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{shell.home / 'sealed'}", "--encryption-context", "a=c")
    aws("kms", "disable-key", "--key-id", made["KeyId"])
    with pytest.raises(Failed, match="DisabledException"):
        aws("kms", "generate-data-key", "--key-id", made["KeyId"], "--key-spec", "AES_256")
    aws("kms", "enable-key", "--key-id", made["KeyId"])
    assert (
        aws("kms", "schedule-key-deletion", "--key-id", made["KeyId"], "--pending-window-in-days", "7")["KeyState"]
        == "PendingDeletion"
    )

    aws("iam", "create-user", "--user-name", "dave")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
    }
    aws("iam", "put-user-policy", "--user-name", "dave", "--policy-name", "p", "--policy-document", json.dumps(policy))
    key = aws("iam", "create-access-key", "--user-name", "dave")["AccessKey"]
    dave = Shell(
        shell.home,
        {k: v for k, v in shell.env.items() if k.startswith("AWS_")}
        | {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]},
    )
    dave.run("aws", "s3", "ls")
    with pytest.raises(Failed, match="AccessDenied"):
        dave.run("aws", "s3", "mb", "s3://daves")
    assert (
        dave.json("aws", "sts", "get-caller-identity", "--output", "json")["Arn"]
        == f"arn:aws:iam::{who['Account']}:user/dave"
    )

    events = aws(
        "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateUser"
    )["Events"]
    assert any("dave" in event["CloudTrailEvent"] for event in events)
    names = {event["EventName"] for event in aws("cloudtrail", "lookup-events", "--max-items", "100")["Events"]}
    assert {"CreateKey", "Encrypt", "Decrypt", "DisableKey", "ScheduleKeyDeletion", "CreateAccessKey"} <= names
