"""Versions as boto3 makes, reads, lists and deletes them."""

from __future__ import annotations

import io

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from conftest import noise, unique
from gateway import Gateway
from modes import MODES, Mode

MIB = 1024 * 1024


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def set_versioning(s3, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


@pytest.fixture
def versioned(s3, bucket: str) -> str:
    set_versioning(s3, bucket, "Enabled")
    return bucket


def put(s3, bucket: str, key: str, body: bytes = b"x", **how: object) -> str:
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **how)["VersionId"]


def body_of(s3, bucket: str, key: str, **how: object) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()


def listed(s3, bucket: str, **how: object) -> list[tuple[str, str, bool, bool]]:
    """Key, version, whether it is the latest, whether it is a delete marker: newest first."""
    page = s3.list_object_versions(Bucket=bucket, **how)
    rows = [(row, False) for row in page.get("Versions", [])] + [(row, True) for row in page.get("DeleteMarkers", [])]
    rows.sort(key=lambda row: (row[0]["Key"], -row[0]["LastModified"].timestamp()))
    return [(row["Key"], row["VersionId"], row["IsLatest"], marker) for row, marker in rows]


def test_a_bucket_has_versions_once_it_is_told_to(s3, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    for status in ("Enabled", "Suspended", "Enabled"):
        set_versioning(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    with pytest.raises(ClientError) as error:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"MFADelete": "Enabled", "Status": "Enabled"})
    assert code_of(error) == (501, "NotImplemented")
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    with pytest.raises(ClientError) as error:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={})
    assert code_of(error) == (400, "IllegalVersioningConfigurationException")


@pytest.mark.every_store
def test_every_version_is_kept_under_its_own_encryption(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    set_versioning(s3, bucket, "Enabled")
    written: list[tuple[Mode, bytes, str]] = []
    for number, mode in enumerate(MODES):
        for size in (10, MIB):
            data = noise(size, number)
            written.append((mode, data, put(s3, bucket, "k", data, **mode.write(gateway))))
    assert len({version for _, _, version in written}) == len(written)
    for mode, data, version in written:
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version, **mode.read())
        assert got["Body"].read() == data and got["VersionId"] == version
        mode.check(gateway, got)
        head = s3.head_object(Bucket=bucket, Key="k", VersionId=version, **mode.read())
        assert (head["ContentLength"], head["VersionId"]) == (len(data), version)
    page = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [row["VersionId"] for row in page] == [version for _, _, version in reversed(written)]
    assert [row["IsLatest"] for row in page] == [True] + [False] * (len(written) - 1)


def test_a_deletion_leaves_a_marker_that_can_be_taken_away(s3, versioned: str) -> None:
    first = put(s3, versioned, "k", b"first")
    second = put(s3, versioned, "k", b"second")
    gone = s3.delete_object(Bucket=versioned, Key="k")
    assert gone["DeleteMarker"] is True
    marker = gone["VersionId"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=versioned, Key="k")
    assert code_of(error) == (404, "NoSuchKey")
    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    for read in (s3.get_object, s3.head_object):
        with pytest.raises(ClientError) as error:
            read(Bucket=versioned, Key="k", VersionId=marker)
        assert code_of(error)[0] == 405
        headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amz-delete-marker"] == "true" and headers["allow"] == "DELETE"
        assert "last-modified" in headers
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert {row[1:] for row in listed(s3, versioned)} == {
        (first, False, False),
        (second, False, False),
        (marker, True, True),
    }
    assert body_of(s3, versioned, "k", VersionId=first) == b"first"

    back = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (back["DeleteMarker"], back["VersionId"]) == (True, marker)
    assert body_of(s3, versioned, "k") == b"second"
    assert "DeleteMarker" not in s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert body_of(s3, versioned, "k") == b"first"
    # To delete a version that is not there is no error.
    assert s3.delete_object(Bucket=versioned, Key="k", VersionId=second)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_suspended_bucket_writes_the_null_version(s3, versioned: str) -> None:
    kept = put(s3, versioned, "k", b"kept")
    set_versioning(s3, versioned, "Suspended")
    for body in (b"one", b"two"):
        assert put(s3, versioned, "k", body) == "null"
    assert body_of(s3, versioned, "k") == b"two" and body_of(s3, versioned, "k", VersionId="null") == b"two"
    assert {row[1:] for row in listed(s3, versioned)} == {("null", True, False), (kept, False, False)}
    gone = s3.delete_object(Bucket=versioned, Key="k")
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, "null")
    assert {row[1:] for row in listed(s3, versioned)} == {("null", True, True), (kept, False, False)}
    set_versioning(s3, versioned, "Enabled")
    new = put(s3, versioned, "k", b"new")
    assert {row[1:] for row in listed(s3, versioned)} == {
        (new, True, False),
        ("null", False, True),
        (kept, False, False),
    }


def test_many_are_deleted_each_as_it_is_named(s3, versioned: str) -> None:
    first, second = (put(s3, versioned, "k", body) for body in (b"1", b"2"))
    put(s3, versioned, "other")
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={
            "Objects": [
                {"Key": "k", "VersionId": first},
                {"Key": "other"},
                {"Key": "k", "VersionId": "nonsense"},
                {"Key": "absent"},
            ]
        },
    )
    by_key = {(row["Key"], row.get("VersionId")): row for row in answer["Deleted"]}
    assert by_key["k", first].keys() == {"Key", "VersionId"}
    assert by_key["other", None]["DeleteMarker"] is True
    # A marker is put also where there was nothing.
    assert by_key["absent", None]["DeleteMarkerVersionId"]
    assert [(row["Key"], row["VersionId"], row["Code"]) for row in answer["Errors"]] == [
        ("k", "nonsense", "NoSuchVersion")
    ]
    assert body_of(s3, versioned, "k") == b"2"
    marker = by_key["other", None]["DeleteMarkerVersionId"]
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={"Objects": [{"Key": "other", "VersionId": marker}, {"Key": "k", "VersionId": second}]},
    )
    assert {(row["Key"], row.get("DeleteMarker")) for row in answer["Deleted"]} == {("other", True), ("k", None)}
    assert body_of(s3, versioned, "other") == b"x"


def test_versions_that_are_not_there(s3, versioned: str) -> None:
    version = put(s3, versioned, "k")
    for key, id, expected in (
        ("k", "nonsense", (400, "InvalidArgument")),
        ("k", "null", (404, "NoSuchVersion")),
        ("other", version, (404, "NoSuchVersion")),
    ):
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket=versioned, Key=key, VersionId=id)
        assert code_of(error) == expected, (key, id)
    with pytest.raises(ClientError) as error:
        s3.get_object_tagging(Bucket=versioned, Key="absent")
    assert code_of(error) == (404, "NoSuchKey")


def test_pages_of_versions_hold_each_once(s3, versioned: str) -> None:
    expected = []
    for key in ("a/1", "a/2", "b", "c/x/1", "ü"):
        expected += [(key, put(s3, versioned, key)) for _ in range(3)]
    s3.delete_object(Bucket=versioned, Key="b")
    for size in (1, 2, 3, 7, 1000):
        found, more = [], {}
        while True:
            page = s3.list_object_versions(Bucket=versioned, MaxKeys=size, **more)
            rows = page.get("Versions", []) + page.get("DeleteMarkers", [])
            assert len(rows) <= size
            found += [(row["Key"], row["VersionId"]) for row in page.get("Versions", [])]
            if not page["IsTruncated"]:
                break
            more = {"KeyMarker": page["NextKeyMarker"]}
            if "NextVersionIdMarker" in page:
                more["VersionIdMarker"] = page["NextVersionIdMarker"]
        assert sorted(found) == sorted(expected) and len(found) == len(expected)
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [row["Prefix"] for row in page["CommonPrefixes"]] == ["a/", "c/"]
    assert {row["Key"] for row in page["Versions"]} == {"b", "ü"}
    assert [row["Key"] for row in s3.list_object_versions(Bucket=versioned, Prefix="c/")["Versions"]] == ["c/x/1"] * 3
    for wrong in ({"VersionIdMarker": "x"}, {"KeyMarker": "b", "VersionIdMarker": "nonsense"}):
        with pytest.raises(ClientError) as error:
            s3.list_object_versions(Bucket=versioned, **wrong)
        assert code_of(error) == (400, "InvalidArgument")


def test_an_upload_makes_a_version(s3, versioned: str) -> None:
    old = put(s3, versioned, "k", b"old")
    data = noise(12 * MIB)
    s3.upload_fileobj(io.BytesIO(data), versioned, "k", Config=TransferConfig(multipart_threshold=5 * MIB))
    new = s3.head_object(Bucket=versioned, Key="k")["VersionId"]
    assert new != old
    assert body_of(s3, versioned, "k", VersionId=new) == data
    assert body_of(s3, versioned, "k", VersionId=old) == b"old"
    assert s3.head_object(Bucket=versioned, Key="k", VersionId=new, PartNumber=1)["PartsCount"] == 2


def test_an_old_version_is_copied_to_the_top(gateway: Gateway, s3, versioned: str, mode: Mode) -> None:
    old = put(s3, versioned, "k", b"old", **mode.write(gateway))
    put(s3, versioned, "k", b"new")
    source = {"Bucket": versioned, "Key": "k", "VersionId": old}
    copied = s3.copy_object(Bucket=versioned, Key="k", CopySource=source, **mode.read_source())
    assert copied["CopySourceVersionId"] == old and copied["VersionId"] not in (old, "null")
    assert body_of(s3, versioned, "k") == b"old"
    upload = s3.create_multipart_upload(Bucket=versioned, Key="part")["UploadId"]
    part = s3.upload_part_copy(
        Bucket=versioned, Key="part", UploadId=upload, PartNumber=1, CopySource=source, **mode.read_source()
    )
    assert part["CopySourceVersionId"] == old
    done = s3.complete_multipart_upload(
        Bucket=versioned,
        Key="part",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]},
    )
    assert body_of(s3, versioned, "part", VersionId=done["VersionId"]) == b"old"
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for version, expected in ((marker, (400, "InvalidRequest")), ("null", (404, "NoSuchVersion"))):
        with pytest.raises(ClientError) as error:
            s3.copy_object(Bucket=versioned, Key="x", CopySource=source | {"VersionId": version})
        assert code_of(error) == expected


def test_conditions_look_at_the_current_version(s3, versioned: str) -> None:
    etag = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=versioned, Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(error) == (412, "PreconditionFailed")
    s3.put_object(Bucket=versioned, Key="k", Body=b"2", IfMatch=etag)
    s3.delete_object(Bucket=versioned, Key="k")
    # A delete marker counts as absent.
    s3.put_object(Bucket=versioned, Key="k", Body=b"3", IfNoneMatch="*")
    for wrong in ({"IfMatch": '"x"'}, {"IfMatchSize": 2}):
        with pytest.raises(ClientError) as error:
            s3.delete_object(Bucket=versioned, Key="k", **wrong)
        assert code_of(error) == (412, "PreconditionFailed"), wrong
    head = s3.head_object(Bucket=versioned, Key="k")
    s3.delete_object(
        Bucket=versioned, Key="k", IfMatch=head["ETag"], IfMatchSize=1, IfMatchLastModifiedTime=head["LastModified"]
    )
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)


def test_a_bucket_with_versions_is_not_empty(s3, versioned: str) -> None:
    version = put(s3, versioned, "k")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for left in (marker, version):
        with pytest.raises(ClientError) as error:
            s3.delete_bucket(Bucket=versioned)
        assert code_of(error) == (409, "BucketNotEmpty")
        s3.delete_object(Bucket=versioned, Key="k", VersionId=left)
    s3.delete_bucket(Bucket=versioned)


def test_tags_belong_to_a_version(s3, versioned: str) -> None:
    first = put(s3, versioned, "k", b"1", Tagging="a=1&b=x+y")
    second = put(s3, versioned, "k", b"2")

    def tags(**how: str) -> dict[str, str]:
        return {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=versioned, Key="k", **how)["TagSet"]}

    assert tags() == {} and tags(VersionId=first) == {"a": "1", "b": "x y"}
    assert s3.head_object(Bucket=versioned, Key="k", VersionId=first)["TagCount"] == 2
    answer = s3.put_object_tagging(Bucket=versioned, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
    assert answer["VersionId"] == second
    assert tags() == {"c": ""} and tags(VersionId=first) == {"a": "1", "b": "x y"}
    s3.delete_object_tagging(Bucket=versioned, Key="k", VersionId=first)
    assert tags(VersionId=first) == {} and tags() == {"c": ""}
    source = {"Bucket": versioned, "Key": "k"}
    s3.copy_object(Bucket=versioned, Key="copy", CopySource=source)
    assert s3.get_object_tagging(Bucket=versioned, Key="copy")["TagSet"] == [{"Key": "c", "Value": ""}]
    s3.copy_object(Bucket=versioned, Key="copy", CopySource=source, TaggingDirective="REPLACE", Tagging="d=1")
    assert s3.get_object_tagging(Bucket=versioned, Key="copy")["TagSet"] == [{"Key": "d", "Value": "1"}]
    for tagging in (
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": "aws:x", "Value": "1"}],
        [{"Key": "k" * 129, "Value": "1"}],
    ):
        with pytest.raises(ClientError) as error:
            s3.put_object_tagging(Bucket=versioned, Key="k", Tagging={"TagSet": tagging})
        assert code_of(error) == (400, "InvalidTag")
    # In the header a name twice is a fault of the header.
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=versioned, Key="k", Tagging="a=1&a=2")
    assert code_of(error) == (400, "InvalidArgument")
    with pytest.raises(ClientError) as error:
        many = [{"Key": f"k{n}", "Value": ""} for n in range(11)]
        s3.put_object_tagging(Bucket=versioned, Key="k", Tagging={"TagSet": many})
    assert code_of(error) == (400, "BadRequest")
    assert tags() == {"c": ""}


def test_the_encryption_of_a_version_is_changed_in_place(gateway: Gateway, versioned: str) -> None:
    s3 = gateway.client(signature_version="s3v4")
    data = noise(3 * MIB)
    old = put(s3, versioned, "k", data, ServerSideEncryption="AES256", Metadata={"a": "b"}, Tagging="t=1")
    new = put(s3, versioned, "k", b"new")
    before = s3.head_object(Bucket=versioned, Key="k", VersionId=old, ChecksumMode="ENABLED")
    blobs = sorted(gateway.blobs())
    to = {"SSEKMS": {"KMSKeyArn": gateway.key(), "BucketKeyEnabled": True}}
    s3.update_object_encryption(Bucket=versioned, Key="k", VersionId=old, ObjectEncryption=to)
    got = s3.get_object(Bucket=versioned, Key="k", VersionId=old, ChecksumMode="ENABLED")
    assert got["Body"].read() == data
    assert (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", gateway.key())
    assert got["BucketKeyEnabled"] is True
    for name in ("ETag", "LastModified", "Metadata", "TagCount", "ChecksumCRC64NVME"):
        if name in before:
            assert got[name] == before[name], name
    assert sorted(gateway.blobs()) == blobs
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == new
    assert s3.head_object(Bucket=versioned, Key="k")["ServerSideEncryption"] == "AES256"


def test_what_cannot_change_its_encryption_says_so(gateway: Gateway, versioned: str, mode: Mode) -> None:
    s3 = gateway.client(signature_version="s3v4")
    put(s3, versioned, "k", b"x", **mode.write(gateway))
    to = {"SSEKMS": {"KMSKeyArn": gateway.key()}}
    if mode.customer or mode.name == "DSSE-KMS":
        with pytest.raises(ClientError) as error:
            s3.update_object_encryption(Bucket=versioned, Key="k", ObjectEncryption=to)
        assert code_of(error) == (400, "InvalidRequest")
    else:
        s3.update_object_encryption(Bucket=versioned, Key="k", ObjectEncryption=to)
        assert body_of(s3, versioned, "k") == b"x"
    absent = gateway.key().rsplit("/", 1)[0] + "/00000000-0000-0000-0000-000000000000"
    with pytest.raises(ClientError) as error:
        s3.update_object_encryption(
            Bucket=versioned, Key="k", ObjectEncryption={"SSEKMS": {"KMSKeyArn": absent}}
        )
    assert code_of(error)[1] in ("KMS.NotFoundException", "InvalidRequest")


def test_versions_outlive_a_kill(new_gateway) -> None:
    gateway = new_gateway()
    s3, bucket = gateway.client(), unique("kill")
    s3.create_bucket(Bucket=bucket)
    set_versioning(s3, bucket, "Enabled")
    written = [(put(s3, bucket, "k", noise(size)), size) for size in (1, 100, MIB)]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    gateway.kill()
    gateway.start()
    s3 = gateway.client()
    assert listed(s3, bucket)[0][1] in (marker, written[-1][0])
    assert len(listed(s3, bucket)) == 4
    for version, size in written:
        assert body_of(s3, bucket, "k", VersionId=version) == noise(size)
