"""Inventories: what a report tells, against what the API tells, and who has to let it in."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import subprocess
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import ACCOUNT, CANONICAL_ID, CAROL, PATIENCE, Gateway, binary, clean_environment
from modes import customer
from test_access import own, put_policy, refusal, statement

SERVICE = {"Service": "s3.amazonaws.com"}
FIELDS = (
    "Size LastModifiedDate ETag StorageClass IsMultipartUploaded ReplicationStatus EncryptionStatus "
    "ObjectLockRetainUntilDate ObjectLockMode ObjectLockLegalHoldStatus IntelligentTieringAccessTier BucketKeyStatus "
    "ChecksumAlgorithm ObjectAccessControlList ObjectOwner LifecycleExpirationDate"
).split()
NOW = "2026-11-30T21:32:05Z"
FOLDER = "2026-11-30T21-32Z"


def let_in(gateway: Gateway, target: str, source: str, **more: object) -> None:
    """As the documentation of AWS has it."""
    condition = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
    }
    put_policy(gateway, target, statement(target, "s3:PutObject", SERVICE, Condition=condition | more))


def configure(gateway: Gateway, source: str, target: str, name: str = "all", **more: object) -> None:
    destination = {"Bucket": f"arn:aws:s3:::{target}", "Format": "CSV", "Prefix": "reports"}
    destination |= more.pop("destination", {})
    configuration = {
        "Id": name,
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": FIELDS,
        "Destination": {"S3BucketDestination": destination},
    } | more
    gateway.client().put_bucket_inventory_configuration(Bucket=source, Id=name, InventoryConfiguration=configuration)


def run(gateway: Gateway, bucket: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [binary(), "inventory", "run", "--data", str(gateway.data), "--bucket", bucket, "--now", NOW, *arguments]
    env = clean_environment(gateway.folder, **gateway.env)
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=env)


def manifest(s3, source: str, target: str, name: str = "all", prefix: str = "reports/") -> dict:
    folder = f"{prefix}{source}/{name}/{FOLDER}/"
    text = s3.get_object(Bucket=target, Key=folder + "manifest.json")["Body"].read()
    checksum = s3.get_object(Bucket=target, Key=folder + "manifest.checksum")["Body"].read().decode()
    assert checksum == hashlib.md5(text).hexdigest()
    return json.loads(text)


def files(s3, target: str, told: dict) -> list[bytes]:
    bodies = []
    for file in told["files"]:
        body = s3.get_object(Bucket=target, Key=file["key"])["Body"].read()
        assert (len(body), hashlib.md5(body).hexdigest()) == (file["size"], file["MD5checksum"])
        bodies.append(body)
    return bodies


def rows(s3, target: str, told: dict) -> list[dict[str, str]]:
    names = told["fileSchema"].split(", ")
    lines = [line for body in files(s3, target, told) for line in csv.reader(io.StringIO(gzip.decompress(body).decode()))]
    assert all(len(line) == len(names) for line in lines)
    return [dict(zip(names, line)) for line in lines]


@pytest.fixture
def pair(gateway: Gateway, bucket: str) -> tuple[str, str]:
    """A bucket, and one that takes reports on it."""
    target = unique("reports")
    gateway.client().create_bucket(Bucket=target)
    let_in(gateway, target, bucket)
    return bucket, target


def test_a_report_tells_of_every_version_what_the_api_tells(gateway: Gateway) -> None:
    s3, source, target = gateway.client(), unique("locked"), unique("reports")
    s3.create_bucket(Bucket=source, ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket=target)
    let_in(gateway, target, source)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "short"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=source, LifecycleConfiguration={"Rules": [rule]})
    until = (datetime.now(timezone.utc) + timedelta(days=1)).replace(microsecond=0)
    s3.put_object(Bucket=source, Key="a b/ü+,\"&", Body=b"first")
    s3.put_object(Bucket=source, Key="a b/ü+,\"&", Body=b"second", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    s3.delete_object(Bucket=source, Key="a b/ü+,\"&")
    s3.put_object(Bucket=source, Key="customer", Body=b"x", **customer())
    s3.put_object(Bucket=source, Key="double", Body=b"", ServerSideEncryption="aws:kms:dsse", ChecksumAlgorithm="SHA256")
    locks = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"}
    s3.put_object(Bucket=source, Key="kept", Body=b"kept", **locks)
    upload = s3.create_multipart_upload(Bucket=source, Key="parts")["UploadId"]
    where = {"Bucket": source, "Key": "parts", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.put_object(Bucket=source, Key="short", Body=b"")

    configure(gateway, source, target)
    done = run(gateway, source)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{source} all: 8 rows in 1 files\n"
    told = manifest(s3, source, target)
    assert told | {"files": None, "creationTimestamp": None} == {
        "sourceBucket": source,
        "destinationBucket": f"arn:aws:s3:::{target}",
        "version": "2016-11-30",
        "creationTimestamp": None,
        "fileFormat": "CSV",
        "fileSchema": ", ".join(["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", *FIELDS]),
        "files": None,
    }
    assert told["creationTimestamp"] == "1796074325000"
    (file,) = told["files"]
    assert file["key"].startswith(f"reports/{source}/all/data/") and file["key"].endswith(".csv.gz")
    links = s3.get_object(Bucket=target, Key=f"reports/{source}/all/hive/dt=2026-11-30-21-32/symlink.txt")["Body"].read()
    assert links.decode() == f"s3://{target}/{file['key']}\n"

    listing = s3.list_object_versions(Bucket=source)
    by_id = {entry["VersionId"]: entry for entry in listing["Versions"] + listing["DeleteMarkers"]}
    found = rows(s3, target, told)
    assert len(found) == len(by_id) == 8
    # In the order of the listing of versions.
    assert [row["Key"] for row in found] == sorted(row["Key"] for row in found)
    for row in found:
        entry = by_id[row["VersionId"]]
        assert (row["Bucket"], unquote(row["Key"])) == (source, entry["Key"])
        assert row["IsLatest"] == str(entry["IsLatest"]).lower()
        assert row["IsDeleteMarker"] == str("Size" not in entry).lower()
        assert datetime.fromisoformat(row["LastModifiedDate"]) == entry["LastModified"]
        assert row["ObjectOwner"] == CANONICAL_ID
        assert row["ReplicationStatus"] == row["IntelligentTieringAccessTier"] == ""
        if row["IsDeleteMarker"] == "true":
            assert {row[name] for name in FIELDS[2:14]} == {""} and row["Size"] == ""
            continue
        how = customer() if row["Key"] == "customer" else {}
        head = s3.head_object(Bucket=source, Key=entry["Key"], VersionId=row["VersionId"], ChecksumMode="ENABLED", **how)
        assert (int(row["Size"]), f'"{row["ETag"]}"') == (head["ContentLength"], head["ETag"])
        assert row["StorageClass"] == entry["StorageClass"] == "STANDARD"
        assert row["ChecksumAlgorithm"] == entry["ChecksumAlgorithm"][0]
        assert row["IsMultipartUploaded"] == str(row["Key"] == "parts").lower()
        mode = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}
        assert row["EncryptionStatus"] == ("SSE-C" if how else mode[head["ServerSideEncryption"]])
        kms = {True: "ENABLED", False: "DISABLED"}[head.get("BucketKeyEnabled", False)]
        assert row["BucketKeyStatus"] == (kms if "KMS" in row["EncryptionStatus"] else "")
        assert row["ObjectLockMode"] == head.get("ObjectLockMode", "")
        held = head.get("ObjectLockLegalHoldStatus") == "ON"
        assert row["ObjectLockLegalHoldStatus"] == ("On" if held else "Off")
        retained = row["ObjectLockRetainUntilDate"]
        assert (datetime.fromisoformat(retained) if retained else None) == head.get("ObjectLockRetainUntilDate")
        assert json.loads(base64.b64decode(row["ObjectAccessControlList"])) == {
            "version": "2022-11-10",
            "status": "AVAILABLE",
            "grants": [{"canonicalId": CANONICAL_ID, "type": "CanonicalUser", "permission": "FULL_CONTROL"}],
        }
        expires = row["LifecycleExpirationDate"]
        assert bool(expires) == ("Expiration" in head) == (row["Key"] == "short")
        if expires:
            assert datetime.fromisoformat(expires).strftime("%a, %d %b %Y %H:%M:%S GMT") in head["Expiration"]


def test_current_objects_below_a_prefix_and_only_the_fields_asked_for(gateway: Gateway, pair: tuple[str, str]) -> None:
    s3, (source, target) = gateway.client(), pair
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "in", "in/1", "in/2", "in/2", "in/3", "io"):
        s3.put_object(Bucket=source, Key=key, Body=b"body")
    s3.delete_object(Bucket=source, Key="in/3")
    own(gateway, source, "ObjectWriter")
    s3.put_object_acl(Bucket=source, Key="in/1", GrantRead=f"id={CANONICAL_ID}", GrantReadACP='uri="http://acs.amazonaws.com/groups/s3/LogDelivery"')
    more = {"OptionalFields": ["ObjectAccessControlList", "Size"], "IncludedObjectVersions": "Current", "Filter": {"Prefix": "in/"}}
    configure(gateway, source, target, **more)
    assert run(gateway, source).returncode == 0
    told = manifest(s3, source, target)
    # In the order of the schema, not of the configuration.
    assert told["fileSchema"] == "Bucket, Key, Size, ObjectAccessControlList"
    found = rows(s3, target, told)
    assert [(row["Key"], row["Size"]) for row in found] == [("in/1", "4"), ("in/2", "4")]
    assert json.loads(base64.b64decode(found[0]["ObjectAccessControlList"]))["grants"] == [
        {"canonicalId": CANONICAL_ID, "type": "CanonicalUser", "permission": "READ"},
        {"uri": "http://acs.amazonaws.com/groups/s3/LogDelivery", "type": "Group", "permission": "READ_ACP"},
    ]


def test_more_versions_than_are_read_at_a_time_are_all_told_of_once(gateway: Gateway, pair: tuple[str, str]) -> None:
    s3, (source, target) = gateway.client(), pair
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    for number in range(1103):
        s3.put_object(Bucket=source, Key=f"k{number % 300:04}", Body=b"")
    configure(gateway, source, target, OptionalFields=["Size"])
    assert run(gateway, source).returncode == 0
    found = rows(s3, target, manifest(s3, source, target))
    listed = [
        (entry["Key"], entry["VersionId"])
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=source)
        for entry in page["Versions"]
    ]
    assert [(row["Key"], row["VersionId"]) for row in found] == listed


def test_an_empty_bucket_has_a_report_without_rows(gateway: Gateway, pair: tuple[str, str]) -> None:
    source, target = pair
    configure(gateway, source, target, destination={"Prefix": ""})
    assert run(gateway, source).stdout == f"{source} all: 0 rows in 1 files\n"
    told = manifest(gateway.client(), source, target, prefix="")
    assert rows(gateway.client(), target, told) == []


def test_parquet_has_the_schema_of_aws(gateway: Gateway, pair: tuple[str, str]) -> None:
    s3, (source, target) = gateway.client(), pair
    s3.put_object(Bucket=source, Key="key", Body=b"body")
    configure(gateway, source, target, destination={"Format": "Parquet"}, OptionalFields=["Size", "LastModifiedDate"])
    assert run(gateway, source).returncode == 0
    told = manifest(s3, source, target)
    assert told["fileFormat"] == "Parquet"
    assert told["fileSchema"] == (
        "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional binary version_id (UTF8);"
        " optional boolean is_latest; optional boolean is_delete_marker; optional int64 size;"
        " optional int64 last_modified_date (TIMESTAMP_MILLIS); }"
    )
    (body,) = files(s3, target, told)
    assert told["files"][0]["key"].endswith(".parquet")
    # What is in it, tests/programs/test_parquet.py reads with pyarrow.
    assert body[:4] == body[-4:] == b"PAR1"


def test_reports_are_under_the_encryption_that_is_asked_for(gateway: Gateway, pair: tuple[str, str]) -> None:
    s3, (source, target) = gateway.client(), pair
    account = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    # As the documentation of AWS has it.
    service = {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": "kms:GenerateDataKey",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceARN": f"arn:aws:s3:::{source}"},
        },
    }
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    configure(gateway, source, target, destination={"Encryption": {"SSEKMS": {"KeyId": key}}})
    done = run(gateway, source)
    assert done.returncode == 1 and f"{source} all: AccessDenied" in done.stdout
    assert s3.list_objects_v2(Bucket=target)["KeyCount"] == 0

    def put_key_policy(*statements: dict) -> None:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))

    put_key_policy(account, service | {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another-bucket"}}})
    assert f"{source} all: AccessDenied" in run(gateway, source).stdout
    put_key_policy(account, service)
    assert run(gateway, source).returncode == 0
    for entry in s3.list_objects_v2(Bucket=target)["Contents"]:
        assert s3.head_object(Bucket=target, Key=entry["Key"])["SSEKMSKeyId"] == key
    # The bucket's default does not decide where the configuration does.
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=target, ServerSideEncryptionConfiguration={"Rules": [rule]})
    configure(gateway, source, target, "plain", destination={"Encryption": {"SSES3": {}}})
    assert run(gateway, source, "--id", "plain").returncode == 0
    for entry in s3.list_objects_v2(Bucket=target, Prefix=f"reports/{source}/plain/")["Contents"]:
        assert s3.head_object(Bucket=target, Key=entry["Key"])["ServerSideEncryption"] == "AES256"


def test_the_target_has_to_let_the_service_in(gateway: Gateway, pair: tuple[str, str]) -> None:
    s3, (source, target) = gateway.client(), pair
    configure(gateway, source, target)

    def refused() -> str:
        done = run(gateway, source)
        assert done.returncode == 1 and s3.list_objects_v2(Bucket=target)["KeyCount"] == 0
        return done.stdout.split(": ")[1]

    let_in(gateway, target, "another-bucket")
    assert refused() == "AccessDenied"
    let_in(gateway, target, source, StringNotEquals={"aws:SourceAccount": ACCOUNT})
    assert refused() == "AccessDenied"
    s3.delete_bucket_policy(Bucket=target)
    assert refused() == "AccessDenied"
    let_in(gateway, target, source)
    configure(gateway, source, target, destination={"AccountId": "222222222222"})
    assert refused() == "AccessDenied"
    configure(gateway, source, "no-such-bucket-at-all")
    assert refused() == "NoSuchBucket"
    # A bucket of another account, if it wants the report.
    foreign = unique("foreign")
    gateway.client(user=CAROL).create_bucket(Bucket=foreign)
    configure(gateway, source, foreign)
    assert run(gateway, source).returncode == 1
    put_policy(gateway, foreign, statement(foreign, "s3:PutObject", SERVICE), user=CAROL)
    assert run(gateway, source).returncode == 0
    assert gateway.client(user=CAROL).list_objects_v2(Bucket=foreign)["KeyCount"] == 4


def test_policies_may_ask_for_the_fields_of_an_inventory(gateway: Gateway, pair: tuple[str, str]) -> None:
    source, target = pair
    put = gateway.client(user=CAROL).put_bucket_inventory_configuration
    few = {"ForAllValues:StringEquals": {"s3:InventoryAccessibleOptionalFields": ["Size", "ETag"]}}
    put_policy(gateway, source, statement(source, "s3:PutInventoryConfiguration", {"AWS": CAROL.arn}, path="", Condition=few))

    def asks_for(*fields: str) -> dict[str, object]:
        configuration = {
            "Id": "i",
            "IsEnabled": True,
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{target}", "Format": "CSV"}},
        }
        return {"Bucket": source, "Id": "i", "InventoryConfiguration": configuration | ({"OptionalFields": list(fields)} if fields else {})}

    assert refusal(put, **asks_for("Size", "ObjectOwner")) == (403, "AccessDenied")
    put(**asks_for("Size", "ETag"))
    put(**asks_for())
    gateway.client().delete_bucket_policy(Bucket=source)
    assert refusal(put, **asks_for()) == (403, "AccessDenied")


def test_orc_is_refused_by_name(gateway: Gateway, pair: tuple[str, str]) -> None:
    with pytest.raises(ClientError, match="ORC") as refused:
        configure(gateway, *pair, destination={"Format": "ORC"})
    assert refused.value.response["Error"]["Code"] == "NotImplemented"


def test_an_operator_asks_for_what_is_there(gateway: Gateway, bucket: str) -> None:
    assert "there is no such inventory" in run(gateway, bucket).stderr


def test_a_report_comes_by_itself_once_a_day_and_not_where_it_is_turned_off(new_gateway) -> None:
    gateway = new_gateway(config='lifecycle_interval = "100ms"\n')
    s3 = gateway.client()
    for name in ("source", "target"):
        s3.create_bucket(Bucket=name)
    let_in(gateway, "target", "source")
    configure(gateway, "source", "target", "off", IsEnabled=False)
    configure(gateway, "source", "target", "on")
    configure(gateway, "source", "target", "weekly", Schedule={"Frequency": "Weekly"})

    def reports(name: str) -> list[str]:
        page = s3.list_objects_v2(Bucket="target", Prefix=f"reports/source/{name}/")
        return [entry["Key"] for entry in page.get("Contents", []) if entry["Key"].endswith("manifest.checksum")]

    end = time.monotonic() + PATIENCE
    while not (reports("on") and reports("weekly")) and time.monotonic() < end:
        pass
    gateway.restart()
    s3 = gateway.client()
    # An inventory that is new is reported at a later look than those above.
    configure(gateway, "source", "target", "later")
    end = time.monotonic() + PATIENCE
    while not reports("later") and time.monotonic() < end:
        pass
    assert [len(reports(name)) for name in ("off", "on", "weekly", "later")] == [0, 1, 1, 1]
