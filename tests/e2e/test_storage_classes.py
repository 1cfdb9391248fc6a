"""Storage classes with stores of their own: where bodies lie, what is told of them, and how lifecycles move them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import noise, unique
from gateway import Gateway, StartRefused
from modes import customer
from test_access import refusal
from test_lifecycle import put_rules, rule, run

# More than what lies in the index, and than what a lifecycle leaves where it is.
BODY = noise(200_000)
NEVER = 'garbage_grace = "0s"\n'


def cold(gateway: Gateway) -> Path:
    return gateway.folder / "cold"


def sealed(folder: Path) -> dict[str, str]:
    """The hashes of the sealed bodies in a folder, by name."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def classy(new_gateway, workshop: Path) -> Gateway:
    folder = workshop / unique("cold")
    gateway = new_gateway(
        start=False,
        config=f'{NEVER}[storage_classes.STANDARD_IA]\nurl = "file:{folder}"\n'
        f'[storage_classes.GLACIER_IR]\nurl = "file:{folder}-ir"\n',
    )
    os.symlink(folder, cold(gateway))
    return gateway.start()


@pytest.fixture
def place(classy: Gateway) -> str:
    name = unique("bucket")
    classy.client().create_bucket(Bucket=name)
    return name


def shown(gateway: Gateway, bucket: str, key: str) -> set[str]:
    """What is told of an object's class in every place where that is told."""
    s3 = gateway.client()
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"][0]
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    (latest,) = [version for version in versions if version["IsLatest"]]
    attributes = s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=["StorageClass"])
    head, got = s3.head_object(Bucket=bucket, Key=key), s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == BODY
    answers = (head.get("StorageClass", "STANDARD"), got.get("StorageClass", "STANDARD"))
    return {listed["StorageClass"], latest["StorageClass"], attributes["StorageClass"], *answers}


def test_an_object_lies_in_the_store_of_its_class(classy: Gateway, place: str) -> None:
    s3, before = classy.client(), sealed(cold(classy))
    s3.put_object(Bucket=place, Key="common", Body=BODY)
    assert sealed(cold(classy)) == before
    put = s3.put_object(Bucket=place, Key="seldom", Body=BODY, StorageClass="STANDARD_IA")
    assert put["ResponseMetadata"]["HTTPHeaders"]["x-amz-storage-class"] == "STANDARD_IA"
    assert len(sealed(cold(classy))) == len(before) + 1
    assert shown(classy, place, "common") == {"STANDARD"}
    assert shown(classy, place, "seldom") == {"STANDARD_IA"}
    upload = s3.create_multipart_upload(Bucket=place, Key="parts", StorageClass="STANDARD_IA")["UploadId"]
    where = {"Bucket": place, "Key": "parts", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=BODY)
    assert s3.list_parts(**where)["StorageClass"] == "STANDARD_IA"
    assert [each["StorageClass"] for each in s3.list_multipart_uploads(Bucket=place)["Uploads"]] == ["STANDARD_IA"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert shown(classy, place, "parts") == {"STANDARD_IA"}
    # A small one lies in the index, and is of its class nevertheless.
    s3.put_object(Bucket=place, Key="tiny", Body=b"t", StorageClass="GLACIER_IR")
    assert s3.head_object(Bucket=place, Key="tiny")["StorageClass"] == "GLACIER_IR"


def test_a_copy_is_of_its_own_class(classy: Gateway, place: str) -> None:
    s3 = classy.client()
    s3.put_object(Bucket=place, Key="k", Body=BODY, StorageClass="STANDARD_IA")
    source = {"Bucket": place, "Key": "k"}
    s3.copy_object(Bucket=place, Key="common", CopySource=source)
    assert shown(classy, place, "common") == {"STANDARD"}
    before = sealed(cold(classy))
    s3.copy_object(Bucket=place, Key="shared", CopySource=source, StorageClass="STANDARD_IA")
    # Of one class, they share a body.
    assert sealed(cold(classy)) == before
    assert shown(classy, place, "shared") == {"STANDARD_IA"}
    # Onto itself, that is a change.
    s3.copy_object(Bucket=place, Key="common", CopySource={"Bucket": place, "Key": "common"}, StorageClass="STANDARD_IA")
    assert shown(classy, place, "common") == {"STANDARD_IA"}


def test_a_class_without_a_store_is_none(classy: Gateway, gateway: Gateway, place: str) -> None:
    s3 = classy.client()
    for name in ("ONEZONE_IA", "GLACIER", "standard"):
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=place, Key="k", Body=b"", StorageClass=name)
        response = refused.value.response
        assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (400, "InvalidStorageClass")
    assert s3.list_objects_v2(Bucket=place)["KeyCount"] == 0
    other = unique("bucket")
    gateway.client().create_bucket(Bucket=other)
    refused = refusal(gateway.client().put_object, Bucket=other, Key="k", Body=b"", StorageClass="STANDARD_IA")
    assert refused == (400, "InvalidStorageClass")


def test_a_lifecycle_moves_sealed_bodies_as_they_are(classy: Gateway, place: str) -> None:
    s3 = classy.client()
    s3.put_bucket_versioning(Bucket=place, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=place, Key="small", Body=noise(100_000))
    old = s3.put_object(Bucket=place, Key="moved", Body=BODY, **customer())["VersionId"]
    s3.put_object(Bucket=place, Key="moved", Body=BODY)
    upload = s3.create_multipart_upload(Bucket=place, Key="parts", ServerSideEncryption="aws:kms:dsse")["UploadId"]
    where = {"Bucket": place, "Key": "parts", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=BODY)
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    # Another one has the same body, and stays.
    s3.copy_object(Bucket=place, Key="kept", CopySource={"Bucket": place, "Key": "moved"})
    tag = {"Tag": {"Key": "stay", "Value": "yes"}}
    rules = [
        rule("down", Filter={"Prefix": "moved"}, Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER_IR"}]),
        rule("parts", Filter={"Prefix": "parts"}, Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}], Expiration={"Days": 400}),
        rule("small", Filter={"Prefix": "small"}, Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}]),
        rule("old", Filter={"Prefix": ""}, NoncurrentVersionTransitions=[{"NoncurrentDays": 40, "StorageClass": "STANDARD_IA"}]),
        rule("tag", Filter=tag, Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]),
    ]
    put_rules(s3, place, *rules)
    assert s3.get_bucket_lifecycle_configuration(Bucket=place)["Rules"] == rules
    bodies, before = sealed(classy.data / "blobs"), sealed(cold(classy))
    assert "moved 2," in run(classy, "--bucket", place, "--dry-run", days=32)
    assert sealed(cold(classy)) == before
    told = s3.head_object(Bucket=place, Key="moved")

    assert "moved 2," in run(classy, "--bucket", place, days=32)
    came = {name: digest for name, digest in sealed(cold(classy)).items() if name not in before}
    assert len(came) == 2 and set(came.values()) <= set(bodies.values())
    assert shown(classy, place, "moved") == shown(classy, place, "parts") == {"STANDARD_IA"}
    assert shown(classy, place, "kept") == {"STANDARD"}
    assert s3.head_object(Bucket=place, Key="small").get("StorageClass") is None
    now = s3.head_object(Bucket=place, Key="moved")
    assert [now[name] for name in ("ETag", "LastModified", "VersionId")] == [told[name] for name in ("ETag", "LastModified", "VersionId")]
    version = {"Bucket": place, "Key": "moved", "VersionId": old}
    assert "StorageClass" not in s3.head_object(**version, **customer())

    # What is there is not moved again; the version that is not current has its own time.
    assert "moved 1," in run(classy, "--bucket", place, days=43)
    assert s3.get_object(**version, **customer())["StorageClass"] == "STANDARD_IA"
    assert s3.get_object(**version, **customer())["Body"].read() == BODY
    assert "moved 0," in run(classy, "--bucket", place, days=44)
    # Further down, and never up again.
    assert "moved 1," in run(classy, "--bucket", place, days=62)
    assert shown(classy, place, "moved") == {"GLACIER_IR"}
    assert "moved 0," in run(classy, "--bucket", place, days=63)
    classy.restart()
    assert shown(classy, place, "moved") == {"GLACIER_IR"}
    assert shown(classy, place, "parts") == {"STANDARD_IA"}
    s3 = classy.client()
    assert s3.get_object(**version, **customer())["Body"].read() == BODY


def test_a_transition_needs_a_store(classy: Gateway, place: str) -> None:
    with pytest.raises(ClientError, match="NotImplemented.*ONEZONE_IA"):
        put_rules(classy.client(), place, rule(Transitions=[{"Days": 30, "StorageClass": "ONEZONE_IA"}]))


def test_only_classes_that_are_read_at_once_may_have_a_store(new_gateway) -> None:
    for section in ('[storage_classes.GLACIER]\nurl = "file:/tmp/x"\n', "[storage_classes.STANDARD_IA]\n"):
        with pytest.raises(StartRefused, match="storage_classes"):
            new_gateway(config=section)


def test_a_store_with_objects_is_not_forgotten(new_gateway, workshop: Path) -> None:
    folder = workshop / unique("cold")
    section = f'[storage_classes.STANDARD_IA]\nurl = "file:{folder}"\n'
    gateway = new_gateway(config=section)
    gateway.client().create_bucket(Bucket="bucket")
    gateway.client().put_object(Bucket="bucket", Key="k", Body=BODY, StorageClass="STANDARD_IA")
    gateway.stop()
    gateway.config = "inline_limit = 0\n"
    with pytest.raises(StartRefused, match="objects of the storage class STANDARD_IA"):
        gateway.start()
    gateway.config = section
    folder.rename(f"{folder}-away")
    with pytest.raises(StartRefused, match="folder of the storage class STANDARD_IA is missing"):
        gateway.start()
    Path(f"{folder}-away").rename(folder)
    gateway.start()
    assert gateway.client().get_object(Bucket="bucket", Key="k")["Body"].read() == BODY


def test_stores_do_not_lie_in_each_other(new_gateway, workshop: Path) -> None:
    folder = workshop / unique("cold")
    for other in (folder, folder / "deeper"):
        config = f'[storage_classes.STANDARD_IA]\nurl = "file:{folder}"\n[storage_classes.GLACIER_IR]\nurl = "file:{other}"\n'
        with pytest.raises(StartRefused, match="lie in each other"):
            new_gateway(config=config)
