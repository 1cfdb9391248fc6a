"""Objects as boto3 reads and writes them, in every encryption mode."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
import urllib.request
from datetime import datetime, timedelta, timezone

import pytest
import raw
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from conftest import noise
from gateway import BOB, CANONICAL_ID, CAROL, Gateway, User
from modes import KMS_OWN, SSE_C, SSE_S3, Mode, customer

KIB, MIB = 1024, 1024 * 1024
SMALL_SIZES = (0, 1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1)
LARGE_SIZES = (5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 20 * MIB)
STORE_SIZES = (0, 1, 64 * KIB + 1, 5 * MIB + 1, 20 * MIB)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def check_object(gateway: Gateway, client, bucket: str, key: str, data: bytes, mode: Mode) -> None:
    put = client.put_object(Bucket=bucket, Key=key, Body=data, **mode.write(gateway))
    mode.check(gateway, put)
    assert (put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"') is mode.md5_etag
    got = client.get_object(Bucket=bucket, Key=key, **mode.read())
    assert got["Body"].read() == data
    mode.check(gateway, got)
    assert (got["ContentLength"], got["ETag"]) == (len(data), put["ETag"])
    head = client.head_object(Bucket=bucket, Key=key, **mode.read())
    mode.check(gateway, head)
    assert (head["ContentLength"], head["ETag"], head["LastModified"]) == (len(data), put["ETag"], got["LastModified"])


@pytest.mark.parametrize("size", SMALL_SIZES + LARGE_SIZES)
def test_same_bytes_come_back_over_http(gateway: Gateway, bucket: str, mode: Mode, size: int) -> None:
    check_object(gateway, gateway.client(), bucket, f"object of {size}", noise(size), mode)


@pytest.mark.parametrize("size", (0, 16 * KIB + 1, 64 * KIB + 1, 5 * MIB + 1))
def test_same_bytes_come_back_over_https(gateway: Gateway, bucket: str, mode: Mode, size: int) -> None:
    check_object(gateway, gateway.client(scheme="https"), bucket, f"object of {size}", noise(size), mode)


@pytest.mark.every_store
def test_same_bytes_come_back_from_each_store(gateway: Gateway, bucket: str, mode: Mode) -> None:
    for size in STORE_SIZES:
        check_object(gateway, gateway.client(), bucket, f"object of {size}", noise(size), mode)


@pytest.mark.every_store
def test_ranges_are_right(gateway: Gateway, bucket: str, mode: Mode) -> None:
    s3, size = gateway.client(), 3 * 64 * KIB + 777
    data = noise(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **mode.write(gateway))
    edges = (0, 1, 65535, 65536, 65537, 2 * 65536, 3 * 65536 - 1, 3 * 65536, size - 1)
    for start in edges:
        for end in edges:
            if start <= end:
                got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end}", **mode.read())
                assert got["Body"].read() == data[start : end + 1], (start, end)
                assert got["ContentRange"] == f"bytes {start}-{end}/{size}"
                assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    for text, expected in (
        (f"bytes={size - 5}-", data[-5:]),
        ("bytes=-7", data[-7:]),
        (f"bytes=-{size * 2}", data),
        (f"bytes=5-{size * 2}", data[5:]),
    ):
        got = s3.get_object(Bucket=bucket, Key="k", Range=text, **mode.read())
        assert got["Body"].read() == expected, text
    head = s3.head_object(Bucket=bucket, Key="k", Range="bytes=10-19", **mode.read())
    assert head["ContentLength"] == 10


def test_a_range_outside_the_body_is_refused(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for text in ("bytes=10-", "bytes=10-12", "bytes=-0"):
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket=bucket, Key="k", Range=text)
        assert code_of(error) == (416, "InvalidRange"), text
    # What is no range of bytes is not one for RFC 9110: the whole body.
    for text in ("bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=0-1,3-4"):
        assert s3.get_object(Bucket=bucket, Key="k", Range=text)["Body"].read() == b"0123456789", text


@pytest.mark.every_store
def test_transfer_manager_uploads_in_parts(gateway: Gateway, bucket: str, mode: Mode) -> None:
    s3, data = gateway.client(), noise(17 * MIB + 3)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    extra = mode.write(gateway)
    if extra.pop("BucketKeyEnabled", False):
        # The transfer manager has no word for it; the bucket's default has.
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": extra["SSEKMSKeyId"]}
        rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.upload_fileobj(io.BytesIO(data), bucket, "k", ExtraArgs=extra, Config=config)
    head = s3.head_object(Bucket=bucket, Key="k", **mode.read())
    mode.check(gateway, head)
    assert head["ETag"].endswith('-4"')
    out = io.BytesIO()
    s3.download_fileobj(bucket, "k", out, ExtraArgs=mode.read(), Config=config)
    assert out.getvalue() == data
    # A range across the border of two parts.
    border = 5 * MIB
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={border - 3}-{border + 2}", **mode.read())
    assert got["Body"].read() == data[border - 3 : border + 3]
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=4, **mode.read())
    assert part["Body"].read() == data[15 * MIB :]
    assert part["PartsCount"] == 4 and part["ContentRange"] == f"bytes {15 * MIB}-{len(data) - 1}/{len(data)}"
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", PartNumber=5, **mode.read())
    assert code_of(error) == (416, "InvalidPartNumber")


def test_part_number_of_an_object_in_one_piece(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=1)["Body"].read() == b"0123456789"
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="k", PartNumber=2)
    assert code_of(error)[0] == 416


def test_metadata_and_system_headers_come_back(s3, bucket: str) -> None:
    expires = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    system = {
        "CacheControl": "max-age=60, public",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "ContentType": "text/plain; charset=utf-8",
        "WebsiteRedirectLocation": "/other",
    }
    metadata = {"colour": "green", "with-dash": "a  b", "number": "1"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata, Expires=expires, **system)
    for answer in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: answer[name] for name in system} == system
        assert (
            answer["Metadata"] == {"colour": "green", "with-dash": "a  b", "number": "1"}
            or answer["Metadata"]["with-dash"] == "a b"
        )
        assert answer["ExpiresString"] == "Tue, 06 May 2031 07:08:09 GMT"
        assert answer["AcceptRanges"] == "bytes"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {} and head["ContentType"] == "binary/octet-stream"
    assert "ContentEncoding" not in head


def test_response_overrides(gateway: Gateway, s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseCacheControl="no-store",
        ResponseContentDisposition="inline",
        ResponseContentEncoding="br",
        ResponseContentLanguage="fr",
        ResponseContentType="application/x-new",
        ResponseExpires=datetime(2031, 5, 6, tzinfo=timezone.utc),
    )
    assert (got["CacheControl"], got["ContentDisposition"], got["ContentEncoding"], got["ContentLanguage"], got["ContentType"]) == (
        "no-store", "inline", "br", "fr", "application/x-new",
    )  # fmt: skip


def test_conditions_on_reads(s3, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    before, after = datetime.now(timezone.utc) - timedelta(hours=1), datetime.now(timezone.utc) + timedelta(hours=1)
    met = [
        {"IfMatch": etag}, {"IfMatch": "*"}, {"IfMatch": etag.strip('"')}, {"IfMatch": f'"other", {etag}'}, {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": before}, {"IfUnmodifiedSince": after}, {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfModifiedSince": after},  # A date in the future counts as none.
    ]  # fmt: skip
    for condition in met[:-1]:
        assert s3.get_object(Bucket=bucket, Key="k", **condition)["Body"].read() == b"x", condition
    for condition, status in (
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": before}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfNoneMatch": etag, "IfModifiedSince": before}, 304),
    ):
        for call in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as error:
                call(Bucket=bucket, Key="k", **condition)
            assert code_of(error)[0] == status, (call, condition)


@pytest.mark.every_store
def test_conditions_on_writes(s3, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="k", Body=b"2", **condition)
        assert code_of(error) == (412, "PreconditionFailed")
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="none", Body=b"2", IfMatch=first)
    assert code_of(error) == (404, "NoSuchKey")
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=first)
    assert code_of(error) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=second)
    # Also where parts become an object.
    s3.put_object(Bucket=bucket, Key="m", Body=b"here")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"parts")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    assert code_of(error) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=bucket, Key="m")
    s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"parts"


# --- checksums

CHECKSUMS = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}


# botocore computes the others with a library of its own only; test_signatures has them all.
@pytest.mark.parametrize("algorithm", ("CRC32", "SHA1", "SHA256"))
def test_checksums_are_verified_kept_and_returned(s3, bucket: str, algorithm: str) -> None:
    data, field = noise(100_000), f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    assert len(base64.b64decode(put[field])) == CHECKSUMS[algorithm]
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data
    assert (got[field], got["ChecksumType"]) == (put[field], "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert not any(name.startswith("Checksum") for name in head)
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ETag", "ObjectSize", "StorageClass"]
    )
    assert attributes["Checksum"] == {field: put[field], "ChecksumType": "FULL_OBJECT"}
    assert (attributes["ETag"], attributes["ObjectSize"], attributes["StorageClass"]) == (
        put["ETag"].strip('"'),
        len(data),
        "STANDARD",
    )


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_wrong_checksum_is_refused_and_leaves_nothing(s3, bucket: str, algorithm: str) -> None:
    wrong = base64.b64encode(bytes(CHECKSUMS[algorithm])).decode()
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **{f"Checksum{algorithm}": wrong})
    assert code_of(error) == (400, "BadDigest")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **{f"Checksum{algorithm}": "AAAA"[:3] + "="})
    assert code_of(error) == (400, "InvalidRequest")
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket=bucket, Key="k")
    assert code_of(error)[0] == 404


def test_an_object_without_a_checksum_of_its_own_has_crc64nvme(gateway: Gateway, s3, bucket: str) -> None:
    assert raw.request(gateway, "PUT", f"/{bucket}/k", body=b"123456789").status == 200
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["ChecksumCRC64NVME"], got["ChecksumType"]) == (
        base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode(),
        "FULL_OBJECT",
    )


def test_content_md5_is_verified(s3, bucket: str) -> None:
    right = base64.b64encode(hashlib.md5(b"data").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=right)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", ContentMD5=right)
    assert code_of(error) == (400, "BadDigest")
    for bad in ("tooshort", "!!!"):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=bad)
        assert code_of(error) == (400, "InvalidDigest")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


# --- deletion


@pytest.mark.every_store
def test_deletion(s3, bucket: str) -> None:
    for key in ("a", "b", "c d", "ü/+%"):
        s3.put_object(Bucket=bucket, Key=key, Body=noise(70_000))
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_object(Bucket=bucket, Key="a")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a")
    assert code_of(error) == (404, "NoSuchKey")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code_of(error) == (409, "BucketNotEmpty")
    keys = [{"Key": key} for key in ("b", "c d", "ü/+%", "never")]
    assert sorted(entry["Key"] for entry in s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]) == [
        "b",
        "c d",
        "never",
        "ü/+%",
    ]
    s3.put_object(Bucket=bucket, Key="q", Body=b"")
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "q"}], "Quiet": True})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        s3.head_bucket(Bucket=bucket)
    assert code_of(error)[0] == 404


def test_delete_objects_is_decided_key_by_key(gateway: Gateway, s3, bucket: str) -> None:
    iam = gateway.client("iam", scheme="https")
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::%s/mine/*"}]}'
        % bucket
    )
    iam.create_user(UserName=bucket)
    iam.put_user_policy(UserName=bucket, PolicyName="p", PolicyDocument=policy)
    made = iam.create_access_key(UserName=bucket)["AccessKey"]
    user = User(bucket, made["AccessKeyId"], made["SecretAccessKey"], "")
    for key in ("mine/a", "yours/b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    answer = gateway.client(user=user).delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "mine/a"}, {"Key": "yours/b"}]}
    )
    assert [entry["Key"] for entry in answer["Deleted"]] == ["mine/a"]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("yours/b", "AccessDenied")]


# --- buckets


def test_buckets(gateway: Gateway, s3, bucket: str) -> None:
    listed = s3.list_buckets()
    assert bucket in [entry["Name"] for entry in listed["Buckets"]]
    assert listed["Owner"]["ID"] == CANONICAL_ID
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    # us-east-1, alone of all regions, answers the owner with 200.
    s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        gateway.client(user=CAROL).create_bucket(Bucket=bucket)
    assert code_of(error) == (409, "BucketAlreadyExists")
    with pytest.raises(ClientError) as error:
        gateway.client(user=CAROL).list_objects_v2(Bucket=bucket)
    assert code_of(error) == (403, "AccessDenied")
    assert bucket not in [entry["Name"] for entry in gateway.client(user=CAROL).list_buckets()["Buckets"]]
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=bucket + "x", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert code_of(error) == (400, "IllegalLocationConstraintException")
    for name in ("no-such-bucket-here",):
        with pytest.raises(ClientError) as error:
            s3.list_objects_v2(Bucket=name)
        assert code_of(error) == (404, "NoSuchBucket")


@pytest.mark.every_store
def test_bucket_default_encryption_takes_effect(gateway: Gateway, s3, bucket: str) -> None:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert (
        rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        and rules[0]["BucketKeyEnabled"] is False
    )

    def configure(by_default: dict, **more: object) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": by_default} | more
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    alias = "alias/" + bucket
    gateway.client("kms", scheme="https").create_alias(AliasName=alias, TargetKeyId=gateway.key())
    configure({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": alias}, BucketKeyEnabled=True)
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": alias}
    assert rules[0]["BucketKeyEnabled"] is True
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (
        "aws:kms",
        gateway.key(),
        True,
    )
    SSE_S3.check(gateway, s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256"))
    SSE_C.check(gateway, s3.put_object(Bucket=bucket, Key="k", Body=b"x", **customer()))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")
    assert (upload["ServerSideEncryption"], upload["SSEKMSKeyId"]) == ("aws:kms", gateway.key())
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}, CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=customer()["SSECustomerKey"])  # fmt: skip
    assert copied["SSEKMSKeyId"] == gateway.key()
    configure({"SSEAlgorithm": "aws:kms:dsse"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "aws:kms:dsse"
    for _ in range(2):
        s3.delete_bucket_encryption(Bucket=bucket)
    SSE_S3.check(gateway, s3.put_object(Bucket=bucket, Key="k", Body=b"x"))


def test_a_bucket_may_block_customer_keys(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="before", Body=b"x", **customer())
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    for call, arguments in (
        (s3.put_object, {"Body": b"x"}),
        (s3.create_multipart_upload, {}),
        (s3.copy_object, {"CopySource": {"Bucket": bucket, "Key": "before"}, "CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": customer()["SSECustomerKey"]}),
    ):  # fmt: skip
        with pytest.raises(ClientError) as error:
            call(Bucket=bucket, Key="k", **arguments, **customer())
        assert code_of(error) == (403, "AccessDenied")
    assert s3.get_object(Bucket=bucket, Key="before", **customer())["Body"].read() == b"x"


def test_only_the_null_version_is_known(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", VersionId="nonsense")
    assert code_of(error) == (400, "InvalidArgument")


def test_a_presigned_url_carries_its_modes(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client(signature_version="s3v4")
    url = s3.generate_presigned_url(
        "put_object",
        Params={"Bucket": bucket, "Key": "a b/ü", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": gateway.key()},
    )
    headers = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": gateway.key()}
    request = urllib.request.Request(url, data=b"presigned", method="PUT", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["x-amz-server-side-encryption-aws-kms-key-id"] == gateway.key()
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "a b/ü", "ResponseContentType": "text/x"}
    )
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.read() == b"presigned" and answer.headers["content-type"] == "text/x"
    KMS_OWN.check(gateway, s3.head_object(Bucket=bucket, Key="a b/ü"))


def test_virtual_host_style(gateway: Gateway, bucket: str) -> None:
    host = f"{bucket}.localhost:{gateway.http.rsplit(':', 1)[1]}"
    assert raw.request(gateway, "PUT", "/k/x", body=b"virtual", host=host).status == 200
    assert gateway.client().get_object(Bucket=bucket, Key="k/x")["Body"].read() == b"virtual"
    assert b"<Key>k/x</Key>" in raw.request(gateway, "GET", "/", query=[("list-type", "2")], host=host).body


def test_last_modified_is_now(s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert abs(s3.head_object(Bucket=bucket, Key="k")["LastModified"].timestamp() - time.time()) < 30


def test_who_may_not_list_learns_nothing_of_keys(gateway: Gateway, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        gateway.client(user=BOB).get_object(Bucket=bucket, Key="none")
    assert code_of(error) == (404, "NoSuchKey")


def test_nothing_is_archived_that_could_be_restored(gateway: Gateway, bucket: str) -> None:
    s3, days = gateway.client(), {"Days": 1}

    def refused(**more: object) -> tuple[int, str]:
        with pytest.raises(ClientError) as error:
            s3.restore_object(**{"Bucket": bucket, "Key": "k"} | more)
        response = error.value.response
        assert "current storage class" in response["Error"]["Message"] or response["Error"]["Code"] != "InvalidObjectState"
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]

    assert refused(RestoreRequest=days) == (404, "NoSuchKey")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"k")["VersionId"]
    assert refused(RestoreRequest=days) == (403, "InvalidObjectState")
    assert refused(RestoreRequest=days, VersionId=version) == (403, "InvalidObjectState")
    # Clients may send no document at all.
    assert refused() == (403, "InvalidObjectState")
    job = {"GlacierJobParameters": {"Tier": "Bulk"}}
    assert refused(RestoreRequest=days | job) == (403, "InvalidObjectState")
    assert refused(RestoreRequest={"Days": 0}) == (400, "MalformedXML")
    assert refused(RestoreRequest=job) == (400, "MalformedXML")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    assert refused(RestoreRequest=days) == (404, "NoSuchKey")
    assert refused(RestoreRequest=days, VersionId=marker) == (405, "MethodNotAllowed")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:RestoreObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert refused(RestoreRequest=days, VersionId=version) == (403, "AccessDenied")
