"""Lifecycle rules: taken as S3 takes them, told of in answers, carried out, and never past a lock."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import Gateway, binary, clean_environment

DAY = timedelta(days=1)
EVERYTHING = {"Prefix": ""}


def later(days: int) -> datetime:
    return datetime.now(timezone.utc) + days * DAY


def command(gateway: Gateway, *arguments: str, days: int = 0) -> list[str]:
    now = ["--now", later(days).strftime("%Y-%m-%d")] if days else []
    return [binary(), "lifecycle", "run", "--data", str(gateway.data), *now, *arguments]


def run(gateway: Gateway, *arguments: str, days: int = 0) -> str:
    done = subprocess.run(
        command(gateway, *arguments, days=days),
        capture_output=True,
        text=True,
        timeout=300,
        env=clean_environment(gateway.folder, **gateway.env),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rule(name: str = "rule", **how: object) -> dict:
    how.setdefault("Filter", EVERYTHING)
    return {"ID": name, "Status": "Enabled"} | how


def put_rules(s3, bucket: str, *rules: dict, **how: object) -> dict:
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **how)


def keys(s3, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def versions(s3, bucket: str) -> tuple[list[str], list[str]]:
    """Keys of versions and of delete markers."""
    page = s3.list_object_versions(Bucket=bucket)
    return [entry["Key"] for entry in page.get("Versions", [])], [e["Key"] for e in page.get("DeleteMarkers", [])]


@pytest.fixture
def versioned(s3, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_a_configuration_comes_back_until_it_is_deleted(s3, bucket: str) -> None:
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    rules = [
        rule("days", Expiration={"Days": 3}, Filter={"Prefix": "a/"}),
        rule("date", Expiration={"Date": datetime(2035, 1, 1, tzinfo=timezone.utc)}, Filter={"Tag": {"Key": "k", "Value": "v"}}),
        rule("markers", Expiration={"ExpiredObjectDeleteMarker": True}),
        rule(
            "versions",
            NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 3},
            Filter={
                "And": {
                    "Prefix": "b<&/",
                    "Tags": [{"Key": "k", "Value": ""}, {"Key": "l", "Value": "ü"}],
                    "ObjectSizeGreaterThan": 0,
                    "ObjectSizeLessThan": 10,
                }
            },
        ),
        rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}) | {"Status": "Disabled"},
    ]
    put = put_rules(s3, bucket, *rules, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    assert put["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    got = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert got["Rules"] == rules
    assert got["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)


@pytest.mark.parametrize(
    "how, status, code",
    (
        ({"Expiration": {"Days": 0}}, 400, "InvalidArgument"),
        ({"Expiration": {"Date": datetime(2035, 1, 1, 12, tzinfo=timezone.utc)}}, 400, "InvalidArgument"),
        ({"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}, 400, "MalformedXML"),
        ({"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 1}}, 400, "InvalidArgument"),
        ({}, 400, "InvalidRequest"),
        (
            {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}, "Filter": {"Tag": {"Key": "k", "Value": "v"}}},
            400,
            "InvalidRequest",
        ),
        # There is no store for it.
        ({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}, 501, "NotImplemented"),
        ({"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]}, 400, "InvalidArgument"),
        ({"NoncurrentVersionTransitions": [{"NoncurrentDays": 29, "StorageClass": "ONEZONE_IA"}]}, 400, "InvalidArgument"),
        ({"Transitions": [{"Days": 40, "StorageClass": "STANDARD_IA"}], "Expiration": {"Days": 40}}, 400, "InvalidArgument"),
        ({"Transitions": [{"Days": 1, "StorageClass": "STANDARD"}]}, 400, "MalformedXML"),
        ({"Status": "Perhaps", "Expiration": {"Days": 1}}, 400, "MalformedXML"),
    ),
)
def test_what_s3_does_not_take_is_refused(s3, bucket: str, how: dict, status: int, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        put_rules(s3, bucket, rule() | how)
    response = refused.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)


def test_answers_tell_when_an_object_expires(s3, versioned: str) -> None:
    put_rules(
        s3,
        versioned,
        rule("a b", Expiration={"Days": 3}, Filter={"Prefix": "x"}),
        rule("tagged", Expiration={"Days": 1}, Filter={"Tag": {"Key": "k", "Value": "v"}}),
        rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
    )
    midnight = (later(4)).replace(hour=0, minute=0, second=0)
    expected = f'expiry-date="{midnight.strftime("%a, %d %b %Y %H:%M:%S")} GMT", rule-id="a%20b"'
    put = s3.put_object(Bucket=versioned, Key="x", Body=b"1")
    assert put["Expiration"] == expected
    assert "Expiration" not in s3.put_object(Bucket=versioned, Key="y", Body=b"1")
    assert s3.head_object(Bucket=versioned, Key="x")["Expiration"] == expected
    assert s3.get_object(Bucket=versioned, Key="x", VersionId=put["VersionId"])["Expiration"] == expected
    assert s3.copy_object(Bucket=versioned, Key="xx", CopySource=f"{versioned}/y")["Expiration"] == expected
    tagged = s3.put_object(Bucket=versioned, Key="x", Body=b"2", Tagging="k=v")
    assert 'rule-id="tagged"' in tagged["Expiration"]
    # What is not current does not expire; it has another end.
    assert "Expiration" not in s3.head_object(Bucket=versioned, Key="x", VersionId=put["VersionId"])
    upload = s3.create_multipart_upload(Bucket=versioned, Key="x")
    assert upload["AbortRuleId"] == "uploads" and upload["AbortDate"] > later(1)
    parts = s3.list_parts(Bucket=versioned, Key="x", UploadId=upload["UploadId"])
    assert parts["AbortDate"] == upload["AbortDate"]
    etag = s3.upload_part(Bucket=versioned, Key="x", UploadId=upload["UploadId"], PartNumber=1, Body=b"p")["ETag"]
    done = s3.complete_multipart_upload(
        Bucket=versioned,
        Key="x",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
    )
    assert done["Expiration"] == expected


def test_filters_choose_what_expires(gateway: Gateway, s3, bucket: str) -> None:
    for key in ("logs/1", "logs/2", "other/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"12345", Tagging="end=soon&more=x")
    s3.put_object(Bucket=bucket, Key="tagged otherwise", Body=b"12345", Tagging="end=late")
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(1000))
    s3.put_object(Bucket=bucket, Key="tiny", Body=b"1")
    put_rules(
        s3,
        bucket,
        rule("prefix", Expiration={"Days": 1}, Filter={"Prefix": "logs/"}),
        rule("tag", Expiration={"Days": 1}, Filter={"Tag": {"Key": "end", "Value": "soon"}}),
        rule("large", Expiration={"Days": 1}, Filter={"ObjectSizeGreaterThan": 999}),
        rule("tiny", Expiration={"Days": 1}, Filter={"And": {"Prefix": "t", "ObjectSizeLessThan": 2}}),
        rule("off", Expiration={"Days": 1}) | {"Status": "Disabled"},
        rule("late", Expiration={"Days": 100}),
    )
    assert "expired 0," in run(gateway, "--bucket", bucket)
    assert "would be expired 5," in run(gateway, "--bucket", bucket, "--dry-run", days=2)
    assert len(keys(s3, bucket)) == 7
    assert "expired 5, noncurrent removed 0, delete markers removed 0, uploads aborted 0, moved 0, bytes 1016;" in run(
        gateway, "--bucket", bucket, days=2
    )
    assert keys(s3, bucket) == ["other/1", "tagged otherwise"]


def test_a_date_that_has_come_and_a_legacy_prefix(gateway: Gateway, s3, bucket: str) -> None:
    for key in ("a/1", "b/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    legacy = {"ID": "legacy", "Status": "Enabled", "Prefix": "a/"}
    put_rules(s3, bucket, legacy | {"Expiration": {"Date": datetime(2020, 1, 1, tzinfo=timezone.utc)}})
    run(gateway, "--bucket", bucket)
    assert keys(s3, bucket) == ["b/1"]
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Prefix"] == "a/"


def test_versions_are_marked_then_removed_then_forgotten(gateway: Gateway, s3, versioned: str) -> None:
    for body in (b"1", b"22", b"333"):
        s3.put_object(Bucket=versioned, Key="k", Body=body)
    put_rules(s3, versioned, rule(Expiration={"Days": 1}))
    run(gateway, "--bucket", versioned, days=2)
    assert versions(s3, versioned) == (["k"] * 3, ["k"])
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="k")
    put_rules(s3, versioned, rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}))
    run(gateway, "--bucket", versioned, days=3)
    assert versions(s3, versioned) == (["k"], ["k"])
    assert s3.list_object_versions(Bucket=versioned)["Versions"][0]["Size"] == 3
    put_rules(
        s3,
        versioned,
        rule("old", NoncurrentVersionExpiration={"NoncurrentDays": 1}),
        rule("markers", Expiration={"ExpiredObjectDeleteMarker": True}),
    )
    run(gateway, "--bucket", versioned, days=3)
    run(gateway, "--bucket", versioned, days=3)
    assert versions(s3, versioned) == ([], [])


def test_uploads_are_aborted(gateway: Gateway, s3, bucket: str) -> None:
    uploads = [s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in ("a/1", "b/1")]
    s3.upload_part(Bucket=bucket, Key="a/1", UploadId=uploads[0], PartNumber=1, Body=bytes(100_000))
    put_rules(s3, bucket, rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}, Filter={"Prefix": "a/"}))
    assert "uploads aborted 1," in run(gateway, "--bucket", bucket, days=2)
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["b/1"]
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.list_parts(Bucket=bucket, Key="a/1", UploadId=uploads[0])


def test_no_lock_is_ever_broken(gateway: Gateway, s3) -> None:
    bucket = unique("locked")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    for mode in ("COMPLIANCE", "GOVERNANCE"):
        s3.put_object(Bucket=bucket, Key=mode, Body=b"1", ObjectLockMode=mode, ObjectLockRetainUntilDate=later(1))
    s3.put_object(Bucket=bucket, Key="HOLD", Body=b"1", ObjectLockLegalHoldStatus="ON")
    s3.put_object(Bucket=bucket, Key="free", Body=b"1")
    put_rules(s3, bucket, rule(Expiration={"Days": 1}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
    # Marked all of them, which takes nothing away.
    assert "expired 4," in run(gateway, "--bucket", bucket, days=1000)
    said = run(gateway, "--bucket", bucket, days=3000)
    assert "noncurrent removed 1," in said and "left as locked 3," in said
    assert versions(s3, bucket) == (["COMPLIANCE", "GOVERNANCE", "HOLD"], ["COMPLIANCE", "GOVERNANCE", "HOLD", "free"])


def fill(s3, bucket: str, count: int) -> None:
    def put(n: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"{n:05}", Body=b"small")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(count)))


def test_a_run_that_is_killed_goes_on_where_it_was(new_gateway) -> None:
    gateway = new_gateway()
    s3, bucket, count = gateway.client(), "killed", 3000
    s3.create_bucket(Bucket=bucket)
    fill(s3, bucket, count)
    put_rules(s3, bucket, rule(Expiration={"Days": 1}, Filter={"Prefix": "0"}))
    running = subprocess.Popen(
        command(gateway, "--rate", "300", days=2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(gateway.folder, **gateway.env),
    )
    while not gateway.metric("sealgate_lifecycle_actions_total", action="expire") >= 512:
        assert running.poll() is None
    gateway.kill()
    assert running.wait(60) != 0
    running.communicate()
    s3 = gateway.start().client()
    left = keys(s3, bucket)
    assert 0 < len(left) <= count - 512
    # Written after the kill, behind the place that was reached and before it.
    s3.put_object(Bucket=bucket, Key="00000", Body=b"young")
    said = run(gateway, days=2)
    assert (going_on := re.search(r"going on after (\d+) versions", said)), said
    assert 512 <= int(going_on[1]) <= count - len(left)
    assert keys(s3, bucket) == ["00000"]
    assert run(gateway, days=2).startswith("killed: 1 versions looked at; expired 1,")
    assert keys(s3, bucket) == []


def test_the_gateway_does_it_by_itself(new_gateway) -> None:
    gateway = new_gateway(config='lifecycle_interval = "100ms"\n')
    s3 = gateway.client()
    s3.create_bucket(Bucket="own")
    s3.put_object(Bucket="own", Key="a", Body=b"12345")
    s3.put_object(Bucket="own", Key="b", Body=b"12345")
    put_rules(s3, "own", rule(Expiration={"Date": datetime(2020, 1, 1, tzinfo=timezone.utc)}, Filter={"Prefix": "a"}))
    while gateway.metric("sealgate_lifecycle_actions_total") < 1:
        assert gateway.process.poll() is None
    assert keys(s3, "own") == ["b"]
    assert gateway.metric("sealgate_lifecycle_removed_bytes_total") == 5
    assert gateway.metric("sealgate_lifecycle_scanned_total") == 2


def test_without_rules_nothing_is_done(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="none")
    s3.put_object(Bucket="none", Key="a", Body=b"1")
    assert run(gateway) == "no bucket has lifecycle rules\n"
    for arguments in (("--bucket", "none"), ("--bucket", "absent"), ("--now", "tomorrow")):
        done = subprocess.run(command(gateway, *arguments), capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and done.stderr
    gateway.stop()
    alone = subprocess.run(
        command(gateway), capture_output=True, text=True, timeout=60, env=clean_environment(gateway.folder, **gateway.env)
    )
    assert alone.stdout == "no bucket has lifecycle rules\n"


def test_the_aws_cli(gateway: Gateway, bucket: str, aws) -> None:
    shell = aws(gateway)
    configuration = {
        "Rules": [{"ID": "cli", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 30}}]
    }
    shell.run(
        "aws",
        "s3api",
        "put-bucket-lifecycle-configuration",
        "--bucket",
        bucket,
        "--lifecycle-configuration",
        json.dumps(configuration),
    )
    got = shell.json("aws", "s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket)
    assert got["Rules"] == configuration["Rules"]
    shell.run("aws", "s3api", "delete-bucket-lifecycle", "--bucket", bucket)
