"""Object Lock: what it forbids, to whom, and that nothing goes around it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import Gateway

DAY = timedelta(days=1)
DENIED = (403, "AccessDenied")


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def later(days: int = 1) -> datetime:
    return (datetime.now(timezone.utc) + days * DAY).replace(microsecond=0)


@pytest.fixture
def locked(s3) -> str:
    bucket = unique("lock")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return bucket


def put(s3, bucket: str, key: str = "k", **how: object) -> str:
    return s3.put_object(Bucket=bucket, Key=key, Body=b"kept", **how)["VersionId"]


def refused(expected: tuple[int, str], call, **how: object) -> None:
    with pytest.raises(ClientError) as error:
        call(**how)
    assert code_of(error) == expected, how


def test_a_bucket_is_made_with_locks_or_gets_them(s3, locked: str, bucket: str) -> None:
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    configuration = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert configuration == {"ObjectLockEnabled": "Enabled"}
    refused((409, "InvalidBucketState"), s3.put_bucket_versioning, Bucket=locked, VersioningConfiguration={"Status": "Suspended"})
    refused((404, "ObjectLockConfigurationNotFoundError"), s3.get_object_lock_configuration, Bucket=bucket)
    refused((400, "InvalidRequest"), s3.get_object_retention, Bucket=bucket, Key="k")
    refused(
        (400, "InvalidRequest"),
        s3.put_object,
        Bucket=bucket,
        Key="k",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=later(),
    )
    enable = {"ObjectLockEnabled": "Enabled"}
    refused((409, "InvalidBucketState"), s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=enable)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=enable)
    put(s3, bucket, ObjectLockLegalHoldStatus="ON")


def test_the_default_retention_is_that_of_new_versions(s3, locked: str) -> None:
    before = put(s3, locked)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    s3.put_object_lock_configuration(
        Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]["Rule"] == rule
    put_one = put(s3, locked)
    copied = s3.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "k"})["VersionId"]
    upload = s3.create_multipart_upload(Bucket=locked, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=locked, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    completed = s3.complete_multipart_upload(
        Bucket=locked,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]},
    )["VersionId"]
    for key, version in (("k", put_one), ("copy", copied), ("parts", completed)):
        head = s3.head_object(Bucket=locked, Key=key, VersionId=version)
        assert head["ObjectLockMode"] == "GOVERNANCE", key
        assert 2 * DAY < head["ObjectLockRetainUntilDate"] - datetime.now(timezone.utc) <= 3 * DAY
        refused(DENIED, s3.delete_object, Bucket=locked, Key=key, VersionId=version)
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="k", VersionId=before)
    # What the request says counts before the default.
    own = put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=later(1))
    assert s3.get_object_retention(Bucket=locked, Key="k", VersionId=own)["Retention"]["Mode"] == "COMPLIANCE"


def test_governance_gives_way_to_who_may_bypass_it(s3, locked: str) -> None:
    until = later(2)
    version = put(s3, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    named = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert s3.get_object_retention(**named)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    refused(DENIED, s3.delete_object, **named)
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": later(1)}
    refused(DENIED, s3.put_object_retention, **named, Retention=shorter)
    refused(DENIED, s3.put_object_retention, **named, Retention={})
    s3.put_object_retention(**named, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later(5)})
    s3.put_object_retention(**named, Retention=shorter, BypassGovernanceRetention=True)
    assert s3.get_object_retention(**named)["Retention"] == shorter
    # Without naming the version nothing is lost, so nothing is refused.
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"] is True
    s3.delete_object(**named, BypassGovernanceRetention=True)
    refused((404, "NoSuchVersion"), s3.get_object, **named)


def test_a_legal_hold_has_no_end_and_no_bypass(s3, locked: str) -> None:
    version = put(s3, locked, ObjectLockLegalHoldStatus="ON")
    named = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert s3.get_object_legal_hold(**named)["LegalHold"]["Status"] == "ON"
    assert s3.head_object(**named)["ObjectLockLegalHoldStatus"] == "ON"
    refused(DENIED, s3.delete_object, **named)
    refused(DENIED, s3.delete_object, **named, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    s3.delete_object(**named)
    other = put(s3, locked)
    refused((404, "NoSuchObjectLockConfiguration"), s3.get_object_legal_hold, Bucket=locked, Key="k", VersionId=other)
    refused((404, "NoSuchObjectLockConfiguration"), s3.get_object_retention, Bucket=locked, Key="k")


def test_malformed_locks_are_refused(s3, locked: str) -> None:
    past = datetime.now(timezone.utc) - DAY
    put(s3, locked)
    named = {"Bucket": locked, "Key": "k"}
    refused((400, "InvalidArgument"), s3.put_object_retention, **named, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": past})
    refused((400, "InvalidArgument"), s3.put_object, **named, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=past)
    refused((400, "InvalidArgument"), s3.put_object, **named, ObjectLockMode="COMPLIANCE")
    refused((400, "InvalidArgument"), s3.put_object, **named, ObjectLockMode="OTHER", ObjectLockRetainUntilDate=later())
    refused((400, "MalformedXML"), s3.put_object_retention, **named, Retention={"Mode": "COMPLIANCE"})
    refused((400, "MalformedXML"), s3.put_object_legal_hold, **named, LegalHold={"Status": "MAYBE"})
    for default in ({"Mode": "GOVERNANCE", "Days": 0}, {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}):
        configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
        with pytest.raises(ClientError) as error:
            s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=configuration)
        assert code_of(error)[0] == 400


def test_compliance_is_defeated_by_nothing(gateway: Gateway, s3, locked: str) -> None:
    """Each operation of the model that could change or take a version is tried as root."""
    until = later(2)
    version = put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    named = {"Bucket": locked, "Key": "k", "VersionId": version}
    source = {"Bucket": locked, "Key": "k"}

    def complete() -> None:
        upload = s3.create_multipart_upload(**source)["UploadId"]
        part = s3.upload_part(**source, UploadId=upload, PartNumber=1, Body=b"other")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
        s3.complete_multipart_upload(**source, UploadId=upload, MultipartUpload=parts)

    bypass = {"BypassGovernanceRetention": True}
    attempts = {
        "DeleteObject": lambda: s3.delete_object(**named),
        "DeleteObject with bypass": lambda: s3.delete_object(**named, **bypass),
        "DeleteObject, not named": lambda: s3.delete_object(**source),
        "DeleteObjects": lambda: s3.delete_objects(
            Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": version}]}, **bypass
        ),
        "PutObject": lambda: s3.put_object(**source, Body=b"other"),
        "CopyObject": lambda: s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE"),
        "CompleteMultipartUpload": complete,
        "PutObjectRetention, shorter": lambda: s3.put_object_retention(
            **named, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later(1)}, **bypass
        ),
        "PutObjectRetention, weaker": lambda: s3.put_object_retention(
            **named, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later(3)}, **bypass
        ),
        "PutObjectRetention, none": lambda: s3.put_object_retention(**named, Retention={}, **bypass),
        "PutObjectLegalHold": lambda: s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"}),
        "PutBucketVersioning": lambda: s3.put_bucket_versioning(
            Bucket=locked, VersioningConfiguration={"Status": "Suspended"}
        ),
        "PutObjectLockConfiguration": lambda: s3.put_object_lock_configuration(
            Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        ),
        "DeleteBucket": lambda: s3.delete_bucket(Bucket=locked),
        "UpdateObjectEncryption": lambda: gateway.client(signature_version="s3v4").update_object_encryption(
            **named, ObjectEncryption={"SSEKMS": {"KMSKeyArn": gateway.key()}}
        ),
        "RenameObject": lambda: s3.rename_object(Bucket=locked, Key="other", RenameSource=f"/{locked}/k"),
        "PutBucketLifecycleConfiguration": lambda: s3.put_bucket_lifecycle_configuration(
            Bucket=locked,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "all",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": 1},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                    }
                ]
            },
        ),
    }
    for attempt, call in attempts.items():
        try:
            call()
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 409, 501), attempt
        assert s3.get_object(**named)["Body"].read() == b"kept", attempt
        retention = s3.get_object_retention(**named)["Retention"]
        assert retention == {"Mode": "COMPLIANCE", "RetainUntilDate": until}, attempt
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": later(4)}
    s3.put_object_retention(**named, Retention=longer)
    assert s3.get_object_retention(**named)["Retention"] == longer
