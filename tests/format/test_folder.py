"""The independent reader reads a whole data folder: a gateway writes objects in every mode, stops,
and the reader, with the root key and nothing else, gives the same bytes.

Needs the gateway's program: `SEALGATE_BIN`, or what cargo built last in `target`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from sealgate_reader import Folder, Refused, open_blob, read_series

HERE = Path(__file__).parent
SIZES = (1, 15_000, 16_384, 65_535, 65_536, 65_537, 300_000, 0)
PART = 5 << 20
CUSTOMER_KEY = hashlib.sha256(b"a customer's key").digest()
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY}


def program() -> str:
    named = os.environ.get("SEALGATE_BIN")
    if named:
        return named
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
    built = [path for kind in ("debug", "release") if (path := target / kind / "sealgate").exists()]
    if not built:
        pytest.skip("there is no sealgate: set SEALGATE_BIN, or run `cargo build`")
    return str(max(built, key=lambda path: path.stat().st_mtime))


def cold(data: Path) -> Path:
    """Where the bodies of another storage class are."""
    return data.with_name("cold")


def text(seed: str, length: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(length)


@dataclass
class Gateway:
    data: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> subprocess.Popen[str]:
        command = [program(), "serve", "--data", str(self.data)]
        command += ["--listen", "127.0.0.1:0", "--listen-tls", "none"]
        config = self.data.with_name("config.toml")
        config.write_text(f'[storage_classes.STANDARD_IA]\nurl = "file:{cold(self.data)}"\n')
        command += ["--config", str(config)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SEALGATE_", "AWS_"))}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=inherited)
        for line in process.stdout or ():
            if line.startswith("export "):
                pairs = (word.split("=", 1) for word in line.split()[1:])
                self.environment.update({name: value.strip("'") for name, value in pairs})
            if line.startswith("ready "):
                return process
        raise AssertionError(f"the gateway ended with {process.wait()} before it was ready")

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )


@dataclass
class Written:
    data: Path
    """Bucket and key of each object, with the SHA-256 of its body."""
    objects: dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    gateway = Gateway(tmp_path_factory.mktemp("folder") / "data")
    process = gateway.run()
    try:
        objects = write(gateway)
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
    yield Written(gateway.data, objects)
    shutil.rmtree(gateway.data)
    shutil.rmtree(cold(gateway.data))


def write(gateway: Gateway) -> dict[tuple[str, str], str]:
    s3, kms = gateway.client("s3"), gateway.client("kms")
    own = kms.create_key(Description="of the test")["KeyMetadata"]["Arn"]
    context = "eyJkZXBhcnRtZW50IjogInRlc3QifQ=="  # {"department": "test"}
    modes = {
        "default": {},
        "sse-s3": {"ServerSideEncryption": "AES256"},
        "sse-kms": {"ServerSideEncryption": "aws:kms"},
        "own-key": {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": own,
            "SSEKMSEncryptionContext": context,
        },
        "bucket-key": {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": own,
            "BucketKeyEnabled": True,
        },
        "dsse": {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": own},
        "sse-c": SSE_C,
    }
    objects = {}

    def note(bucket: str, key: str, body: bytes) -> None:
        objects[bucket, key] = hashlib.sha256(body).hexdigest()

    for bucket in ("first-bucket", "second-bucket"):
        s3.create_bucket(Bucket=bucket)
    for mode, options in modes.items():
        for size in SIZES:
            key = f"{mode}/größe/{size}"
            body = text(key, size)
            s3.put_object(Bucket="first-bucket", Key=key, Body=body, **options)
            note("first-bucket", key, body)

        key = f"{mode}/cold"
        body = text(key, 70_000)
        s3.put_object(Bucket="first-bucket", Key=key, Body=body, StorageClass="STANDARD_IA", **options)
        note("first-bucket", key, body)

        key = f"{mode}/parts"
        upload = s3.create_multipart_upload(Bucket="first-bucket", Key=key, **options)
        named = {"Bucket": "first-bucket", "Key": key, "UploadId": upload["UploadId"]}
        customer = options if mode == "sse-c" else {}
        # Part numbers with a gap: a part is sealed under its number, not under its place.
        bodies = {2: text(key + "2", PART), 7: text(key + "7", 70_000)}
        parts = [
            {
                "PartNumber": number,
                "ETag": s3.upload_part(PartNumber=number, Body=body, **named, **customer)["ETag"],
            }
            for number, body in bodies.items()
        ]
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named, **customer)
        note("first-bucket", key, b"".join(bodies.values()))

    # Copies into another bucket, mode and key: they share the body, under a wrapping of their own.
    for mode in ("sse-s3", "bucket-key", "dsse"):
        for source in ("sse-s3", "own-key", "dsse"):
            for name in ("parts", "größe/65537"):
                key = f"{source} to {mode}/{name}"
                origin = {"Bucket": "first-bucket", "Key": f"{source}/{name}"}
                s3.copy_object(Bucket="second-bucket", Key=key, CopySource=origin, **modes[mode])
                objects["second-bucket", key] = objects["first-bucket", f"{source}/{name}"]

    # Replicas in a third bucket, each under a wrapping of its own, or its original's under SSE-C.
    for origin, digest in replicate(gateway, modes, own).items():
        objects[origin] = digest

    # What was replaced or deleted is not there any more.
    for body in (b"old", b"new"):
        s3.put_object(Bucket="second-bucket", Key="replaced", Body=body)
    note("second-bucket", "replaced", b"new")
    s3.put_object(Bucket="second-bucket", Key="deleted", Body=b"gone")
    s3.delete_object(Bucket="second-bucket", Key="deleted")
    return objects


def replicate(gateway: Gateway, modes: dict[str, dict], key: str) -> dict[tuple[str, str], str]:
    s3, iam, objects = gateway.client("s3"), gateway.client("iam"), {}
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    every = {"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}
    trusting, allowing = (
        json.dumps({"Version": "2012-10-17", "Statement": [statement]}) for statement in (trust, every)
    )
    role = iam.create_role(RoleName="replication", AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
    iam.put_role_policy(RoleName="replication", PolicyName="all", PolicyDocument=allowing)
    for bucket in ("originals", "replicas"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": "arn:aws:s3:::replicas",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": key},
        },
    }
    s3.put_bucket_replication(
        Bucket="originals", ReplicationConfiguration={"Role": role, "Rules": [rule]}
    )
    for mode, options in modes.items():
        for size in (1, 65_537):
            key = f"{mode}/{size}"
            body = text("replicated " + key, size)
            s3.put_object(Bucket="originals", Key=key, Body=body, **options)
            for bucket in ("originals", "replicas"):
                objects[bucket, key] = hashlib.sha256(body).hexdigest()
            customer = options if mode == "sse-c" else {}
            deadline = time.monotonic() + 30
            while (status := s3.head_object(Bucket="originals", Key=key, **customer))[
                "ReplicationStatus"
            ] != "COMPLETED":
                assert status["ReplicationStatus"] == "PENDING" and time.monotonic() < deadline
                time.sleep(0.05)
    return objects


def test_every_object_reads_as_it_was_written(written: Written) -> None:
    classes = {"STANDARD_IA": cold(written.data)}
    with Folder.open(written.data, classes=classes) as folder:
        found = {}
        for each in folder.objects():
            customer = CUSTOMER_KEY if each.envelope["mode"] == "SSE-C" else None
            digest = hashlib.sha256(b"".join(folder.body(each, customer))).hexdigest()
            found[each.bucket, each.key] = digest
    assert found == written.objects


def test_a_customers_object_needs_its_key(written: Written) -> None:
    with Folder.open(written.data) as folder:
        customers = folder.find("first-bucket", "sse-c/größe/65537")
        with pytest.raises(Refused):
            folder.data_keys(customers)
        with pytest.raises(Refused, match="WrongKey"):
            folder.data_keys(customers, bytes(32))


def test_an_envelope_opens_at_its_place_only(written: Written) -> None:
    with Folder.open(written.data) as folder:
        for mode in ("sse-s3", "own-key", "dsse", "bucket-key"):
            here = folder.find("first-bucket", f"{mode}/größe/65537")
            there = folder.find("first-bucket", f"{mode}/größe/65536")
            moved = type(here)(**{**vars(here), "envelope": there.envelope})
            with pytest.raises(Refused, match="WrongKey"):
                folder.data_keys(moved)


def test_the_replica_of_a_customers_object_says_where_it_is_from_and_cannot_lie(written: Written) -> None:
    with Folder.open(written.data) as folder:
        replica = folder.find("replicas", "sse-c/65537")
        assert replica.envelope["origin"]["bucket"] == "originals"
        for change in ({"key": "sse-c/1"}, {"bucket": "first-bucket"}):
            origin = replica.envelope["origin"] | change
            moved = type(replica)(**{**vars(replica), "envelope": replica.envelope | {"origin": origin}})
            with pytest.raises(Refused, match="origin"):
                folder.data_keys(moved, CUSTOMER_KEY)


def test_a_part_opens_as_the_blob_that_was_written_only(written: Written) -> None:
    with Folder.open(written.data) as folder:
        for mode in ("sse-s3", "dsse"):
            found = folder.find("first-bucket", f"{mode}/parts")
            keys = folder.data_keys(found)
            ((number, size, name, header_hash),) = folder.index.execute(
                "SELECT number, size, blob, header_hash FROM parts WHERE seq = ? AND number = 7",
                (found.seq,),
            )
            with folder.blob(name).open("rb") as blob:
                body = b"".join(open_blob(blob, keys, number, size, header_hash=header_hash))
                assert body == text(f"{mode}/parts7", 70_000)
                # Key, part and length fit, but another blob of that part was written.
                with pytest.raises(Refused, match="WrongBlob"):
                    next(open_blob(blob, keys, number, size, header_hash=bytes(32)))


def test_another_root_key_opens_nothing(written: Written, tmp_path: Path) -> None:
    other = tmp_path / "root.key"
    other.write_text("sealgate root key v1\n" + "00" * 32 + "\n", encoding="ascii")
    with pytest.raises(Refused), Folder.open(written.data, other):
        pass


def test_the_folder_holds_no_plaintext(written: Written) -> None:
    words = ["first-bucket", "größe", "department", "default/größe/65537", CUSTOMER_KEY.hex()]
    wanted = [word.encode() for word in words] + [CUSTOMER_KEY, text("sse-s3/größe/300000", 32)]
    folders = (written.data, cold(written.data))
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    for path in files:
        content = path.read_bytes()
        assert not [word for word in wanted if word in content], path


def test_the_ring_of_figures_is_private_and_of_its_size(written: Written) -> None:
    ring = written.data / "series"
    assert ring.stat().st_mode & 0o777 == 0o600
    for step, samples in read_series(ring).items():
        assert all(0 < millis <= 2 * 1000 * step for _, millis, _ in samples)


def test_command_line_lists_and_reads(written: Written) -> None:
    command = [sys.executable, str(HERE / "sealgate_reader.py"), "folder"]
    data = str(written.data)
    listed = subprocess.run([*command, data], capture_output=True, check=True, text=True).stdout
    assert len(listed.splitlines()) == len(written.objects)
    assert " SSE-C        first-bucket/sse-c/größe/1\n" in listed
    key = ["--customer-key", CUSTOMER_KEY.hex()]
    command += [*key, data, "first-bucket/sse-c/parts"]
    read = subprocess.run(command, capture_output=True, check=True).stdout
    digest = hashlib.sha256(read).hexdigest()
    assert digest == written.objects["first-bucket", "sse-c/parts"]
    command[-1] = "first-bucket/sse-c/cold"
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1 and "--class STANDARD_IA=DIR" in refused.stderr
    command[-2:-2] = ["--class", f"STANDARD_IA={cold(written.data)}"]
    read = subprocess.run(command, capture_output=True, check=True).stdout
    assert read == text("sse-c/cold", 70_000)
