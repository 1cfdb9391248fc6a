"""AWS's limits, each at the limit and one past it; and one rule on every way that leads to an object."""

from __future__ import annotations

import json

import pytest
import requests
from conftest import unique
from gateway import Gateway
from raw import Connection, sign
from test_access import refusal
from test_bad_input import post_delete
from test_post_object import post

GIB = 1024**3


def at_length(gateway: Gateway, path: str, query: list[tuple[str, str]], length: int) -> int:
    """The status line that a body of that length, which is not sent, is met with: 100 asks for it."""
    signed = sign(gateway, "PUT", path, query=query, payload="UNSIGNED-PAYLOAD")
    signed.headers |= {"content-length": str(length), "expect": "100-continue"}
    with Connection(gateway) as connection:
        connection.send_head(signed)
        return connection.read_head()[0]


def test_a_put_and_a_part_have_five_gibibytes(gateway: Gateway, s3, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = [("partNumber", "1"), ("uploadId", upload)]
    for query in ([], part):
        assert at_length(gateway, f"/{bucket}/k", query, 5 * GIB) == 100
        assert at_length(gateway, f"/{bucket}/k", query, 5 * GIB + 1) == 400
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


def test_an_upload_has_ten_thousand_parts(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"part")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    source = {"CopySource": {"Bucket": bucket, "Key": "source"}}
    assert refusal(s3.upload_part, **upload, PartNumber=10_001, Body=b"part") == (400, "InvalidArgument")
    assert refusal(s3.upload_part_copy, **upload, PartNumber=10_001, **source) == (400, "InvalidArgument")
    s3.upload_part_copy(**upload, PartNumber=9_999, **source)
    etag = s3.upload_part(**upload, PartNumber=10_000, Body=b"last")["ETag"]
    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [9_999, 10_000]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 10_000, "ETag": etag}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"last"


def test_an_object_has_ten_tags(s3, bucket: str) -> None:
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(11)]
    header = "&".join(f"{tag['Key']}=v" for tag in tags)
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging=header.rpartition("&")[0])
    assert len(s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]) == 10
    assert refusal(s3.put_object, Bucket=bucket, Key="other", Body=b"", Tagging=header)[0] == 400
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:10]})
    assert refusal(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": tags}) == (400, "BadRequest")
    assert len(s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]) == 10
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_thousand_keys_are_deleted_together(gateway: Gateway, s3, bucket: str) -> None:
    for key in ("0", "999", "1000"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    def delete(count: int):
        keys = b"".join(b"<Object><Key>%d</Key></Object>" % number for number in range(count))
        return post_delete(gateway, bucket, b"<Delete>" + keys + b"</Delete>")

    delete(1001).refused(400, "MalformedXML")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 3
    answer = delete(1000)
    assert answer.status == 200 and answer.body.count(b"<Deleted>") == 1000
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["1000"]


@pytest.fixture
def ruled(s3, bucket: str) -> str:
    """A bucket with versions, an object and an upload in `no/` and one in `yes/`, whose policy lets nobody at `no/`."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("no/thing", "yes/thing"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"thing")
    return bucket


def test_a_policy_rules_every_way_to_an_object(gateway: Gateway, s3, ruled: str) -> None:
    no, yes = {"Bucket": ruled, "Key": "no/thing"}, {"Bucket": ruled, "Key": "yes/thing"}
    version = s3.head_object(**no)["VersionId"]
    barred, free = (
        where | {"UploadId": s3.create_multipart_upload(**where)["UploadId"]} for where in (no, yes)
    )
    etag = s3.upload_part(**barred, PartNumber=1, Body=b"part")["ETag"]
    verbs = ("Put", "Get", "Delete")
    actions = [f"s3:{verb}Object" for verb in verbs] + ["s3:GetObjectVersion", "s3:DeleteObjectVersion"]
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": f"arn:aws:s3:::{ruled}/no/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=ruled, Policy=policy)

    refused = (403, "AccessDenied")
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    ways = {
        "put": lambda: refusal(s3.put_object, **no, Body=b"other"),
        "get": lambda: refusal(s3.get_object, **no),
        "get of a version": lambda: refusal(s3.get_object, **no, VersionId=version),
        "delete": lambda: refusal(s3.delete_object, **no),
        "delete of a version": lambda: refusal(s3.delete_object, **no, VersionId=version),
        "create an upload": lambda: refusal(s3.create_multipart_upload, **no),
        "part": lambda: refusal(s3.upload_part, **barred, PartNumber=1, Body=b"part"),
        "copy of a part from": lambda: refusal(s3.upload_part_copy, **free, PartNumber=1, CopySource=no),
        "copy of a part to": lambda: refusal(s3.upload_part_copy, **barred, PartNumber=1, CopySource=yes),
        "complete": lambda: refusal(s3.complete_multipart_upload, **barred, MultipartUpload=parts),
        "copy from": lambda: refusal(s3.copy_object, **yes, CopySource=no),
        "copy of a version from": lambda: refusal(s3.copy_object, **yes, CopySource=no | {"VersionId": version}),
        "copy to": lambda: refusal(s3.copy_object, **no, CopySource=yes),
    }
    assert {way: call() for way, call in ways.items()} == dict.fromkeys(ways, refused)
    post(gateway, ruled, "no/form").refused(*refused)
    for operation, how in (("put_object", requests.put), ("get_object", requests.get)):
        url = gateway.client(signature_version="s3v4").generate_presigned_url(operation, no)
        assert how(url, timeout=60, proxies={"all": ""}).status_code == 403

    # Of several, each is judged by itself.
    several = [{"Key": "no/thing"}, {"Key": "no/thing", "VersionId": version}, {"Key": "yes/other"}]
    answer = s3.delete_objects(Bucket=ruled, Delete={"Objects": several})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"] * 2
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["yes/other"]

    s3.delete_bucket_policy(Bucket=ruled)
    versions = s3.list_object_versions(Bucket=ruled, Prefix="no/")
    assert [each["VersionId"] for each in versions["Versions"]] == [version] and "DeleteMarkers" not in versions


def test_a_policy_on_encryption_rules_every_way_of_writing(gateway: Gateway, s3, ruled: str) -> None:
    """Only what names SSE-KMS is written, however it comes."""
    yes, kms = {"Bucket": ruled, "Key": "yes/thing"}, {"ServerSideEncryption": "aws:kms"}
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{ruled}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=ruled, Policy=policy)
    refused = (403, "AccessDenied")
    for wrong in ({}, {"ServerSideEncryption": "AES256"}):
        assert refusal(s3.put_object, **yes, Body=b"x", **wrong) == refused
        assert refusal(s3.create_multipart_upload, **yes, **wrong) == refused
        assert refusal(s3.copy_object, Bucket=ruled, Key="copy", CopySource=yes, **wrong) == refused
    header = "x-amz-server-side-encryption"
    post(gateway, ruled, "form").refused(*refused)
    post(gateway, ruled, "form", fields={header: "AES256"}).refused(*refused)
    url = gateway.client(signature_version="s3v4").generate_presigned_url("put_object", yes)
    assert requests.put(url, data=b"x", timeout=60, proxies={"all": ""}).status_code == 403

    s3.put_object(**yes, Body=b"x", **kms)
    s3.copy_object(Bucket=ruled, Key="copy", CopySource=yes, **kms)
    assert post(gateway, ruled, "form", fields={header: "aws:kms"}).status in (200, 204)
    for key in ("yes/thing", "copy", "form"):
        assert s3.head_object(Bucket=ruled, Key=key)["ServerSideEncryption"] == "aws:kms"


def test_a_lock_holds_on_every_way_over_and_away(gateway: Gateway, s3) -> None:
    """A version under a legal hold stays, and stays what it is, whatever is written or deleted beside it."""
    bucket = unique("locked")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    where = {"Bucket": bucket, "Key": "k"}
    held = s3.put_object(**where, Body=b"held", ObjectLockLegalHoldStatus="ON")["VersionId"]
    s3.copy_object(**where, CopySource=where, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert post(gateway, bucket, "k").status in (200, 204)
    upload = where | {"UploadId": s3.create_multipart_upload(**where)["UploadId"]}
    etag = s3.upload_part_copy(**upload, PartNumber=1, CopySource=where)["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    s3.delete_object(**where)
    named = {"Key": "k", "VersionId": held}
    assert refusal(s3.delete_object, Bucket=bucket, **named) == (403, "AccessDenied")
    others = [each["VersionId"] for each in s3.list_object_versions(Bucket=bucket)["Versions"] if each["VersionId"] != held]
    assert len(others) == 3
    several = [named, *({"Key": "k", "VersionId": other} for other in others)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": several})
    assert [error["VersionId"] for error in answer["Errors"]] == [held] and len(answer["Deleted"]) == 3
    url = gateway.client(signature_version="s3v4").generate_presigned_url("delete_object", {"Bucket": bucket, **named})
    assert requests.delete(url, timeout=60, proxies={"all": ""}).status_code == 403
    assert s3.get_object(Bucket=bucket, **named)["Body"].read() == b"held"
