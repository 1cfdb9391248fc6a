"""Multipart uploads and copies, with their encryption and their checksums."""

from __future__ import annotations

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from gateway import Gateway
from modes import MODES, SSE_S3, Mode
from test_objects import MIB, code_of

FIVE = 5 * MIB


def etag_of_parts(*parts: bytes) -> str:
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


def start(s3, bucket: str, **arguments: object) -> dict:
    return {
        "Bucket": bucket,
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k", **arguments)["UploadId"],
    }


def put_parts(s3, upload: dict, parts: list[bytes], **arguments: object) -> list[dict]:
    made = []
    for number, data in enumerate(parts, 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=data, **arguments)
        made.append(
            {"PartNumber": number, "ETag": answer["ETag"]}
            | {k: v for k, v in answer.items() if k.startswith("Checksum") and k != "ChecksumType"}
        )
    return made


@pytest.mark.every_store
def test_parts_are_listed_joined_and_read(gateway: Gateway, s3, bucket: str, mode: Mode) -> None:
    parts = [noise(FIVE, 1), noise(FIVE + 1, 2), noise(3, 3)]
    upload = start(s3, bucket, Metadata={"a": "b"}, ContentType="text/x", **mode.write(gateway))
    made = put_parts(s3, upload, parts, **mode.read())
    listed = s3.list_parts(**upload)
    assert [(part["PartNumber"], part["ETag"], part["Size"]) for part in listed["Parts"]] == [
        (n, part["ETag"], len(data)) for n, (part, data) in enumerate(zip(made, parts), 1)
    ]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": made}, **mode.read())
    got = s3.get_object(Bucket=bucket, Key="k", **mode.read())
    assert got["Body"].read() == b"".join(parts)
    mode.check(gateway, got)
    assert (got["Metadata"], got["ContentType"], got["ETag"]) == ({"a": "b"}, "text/x", done["ETag"])
    assert done["ETag"].endswith('-3"')
    joined = hashlib.md5(b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in made)).hexdigest()
    assert done["ETag"] == f'"{joined}-3"'
    if mode.md5_etag:
        assert done["ETag"] == etag_of_parts(*parts)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    # Said once more, it is done still.
    with pytest.raises(ClientError) as error:
        s3.abort_multipart_upload(**upload)
    assert code_of(error) == (404, "NoSuchUpload")


def test_only_chosen_parts_count_and_a_part_can_be_replaced(s3, bucket: str) -> None:
    upload = start(s3, bucket)
    for number, data in ((5, noise(FIVE, 1)), (9, b"left out"), (10, b"first try"), (10, b"last")):
        answer = s3.upload_part(**upload, PartNumber=number, Body=data)
    etags = {part["PartNumber"]: part["ETag"] for part in s3.list_parts(**upload)["Parts"]}
    assert etags[10] == answer["ETag"] and sorted(etags) == [5, 9, 10]
    parts = [{"PartNumber": number, "ETag": etags[number]} for number in (5, 10)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == noise(FIVE, 1) + b"last"


def test_bad_completions_are_refused_and_the_upload_lives_on(s3, bucket: str) -> None:
    upload = start(s3, bucket)
    small = put_parts(s3, upload, [b"too small", b"last"])
    bad = [
        ([small[1], small[0]], "InvalidPartOrder"),
        ([small[0], small[0]], "InvalidPartOrder"),
        ([{"PartNumber": 7, "ETag": small[0]["ETag"]}], "InvalidPart"),
        ([{"PartNumber": 1, "ETag": small[1]["ETag"]}], "InvalidPart"),
        (small, "EntityTooSmall"),
    ]
    for parts, code in bad:
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": [{k: p[k] for k in ("PartNumber", "ETag")} for p in parts]}
            )
        assert code_of(error) == (400, code)
    for parts in ([], None):
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(
                **upload, **({"MultipartUpload": {"Parts": parts}} if parts is not None else {})
            )
        assert code_of(error) in ((400, "MalformedXML"), (400, "InvalidRequest"))
    for number in (0, 10001, -1):
        with pytest.raises(ClientError) as error:
            s3.upload_part(**upload, PartNumber=number, Body=b"x")
        assert code_of(error) == (400, "InvalidArgument")
    s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{k: small[1][k] for k in ("PartNumber", "ETag")}]}
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"last"
    with pytest.raises(ClientError) as error:
        s3.upload_part(**(upload | {"UploadId": "never"}), PartNumber=1, Body=b"x")
    assert code_of(error) == (404, "NoSuchUpload")


@pytest.mark.every_store
def test_an_aborted_upload_is_gone(s3, bucket: str) -> None:
    upload = start(s3, bucket)
    put_parts(s3, upload, [noise(100_000)])
    s3.abort_multipart_upload(**upload)
    for call in (s3.list_parts, lambda **u: s3.upload_part(**u, PartNumber=1, Body=b"x")):
        with pytest.raises(ClientError) as error:
            call(**upload)
        assert code_of(error) == (404, "NoSuchUpload")


def test_uploads_are_listed(s3, bucket: str) -> None:
    for key in ("a/1", "a/2", "b", "c/3"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    page = s3.list_multipart_uploads(Bucket=bucket)
    assert [upload["Key"] for upload in page["Uploads"]] == ["a/1", "a/2", "b", "c/3"]
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [upload["Key"] for upload in page["Uploads"]] == ["b"]
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["a/", "c/"]
    found, markers = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **markers)
        found += [upload["Key"] for upload in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == ["a/1", "a/2", "b", "c/3"]


def test_parts_are_listed_in_pages(s3, bucket: str) -> None:
    upload = start(s3, bucket)
    put_parts(s3, upload, [b"1", b"2", b"3"])
    page = s3.list_parts(**upload, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 2] and page["IsTruncated"]
    page = s3.list_parts(**upload, PartNumberMarker=page["NextPartNumberMarker"])
    assert [part["PartNumber"] for part in page["Parts"]] == [3] and not page["IsTruncated"]


# --- checksums of parts


def crc32(data: bytes) -> bytes:
    import zlib

    return zlib.crc32(data).to_bytes(4, "big")


@pytest.mark.parametrize(
    "algorithm,digest",
    (("SHA256", lambda d: hashlib.sha256(d).digest()), ("SHA1", lambda d: hashlib.sha1(d).digest()), ("CRC32", crc32)),
    ids=("SHA256", "SHA1", "CRC32"),
)
def test_composite_checksums(s3, bucket: str, algorithm: str, digest) -> None:
    parts, field = [noise(FIVE, 1), b"tail"], f"Checksum{algorithm}"
    upload = start(s3, bucket, ChecksumAlgorithm=algorithm)
    made = put_parts(s3, upload, parts, ChecksumAlgorithm=algorithm)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": made})
    expected = base64.b64encode(digest(b"".join(map(digest, parts)))).decode() + "-2"
    assert (done[field], done["ChecksumType"]) == (expected, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[field], head["ChecksumType"]) == (expected, "COMPOSITE")
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"], MaxParts=1
    )
    assert attributes["Checksum"] == {field: expected.removesuffix("-2"), "ChecksumType": "COMPOSITE"}
    objects = attributes["ObjectParts"]
    assert (objects["TotalPartsCount"], objects["IsTruncated"], objects["NextPartNumberMarker"]) == (2, True, 1)
    assert objects["Parts"] == [{"PartNumber": 1, "Size": FIVE, field: base64.b64encode(digest(parts[0])).decode()}]


def test_full_object_checksums(s3, bucket: str) -> None:
    parts = [noise(FIVE, 1), b"tail"]
    expected = base64.b64encode(crc32(b"".join(parts))).decode()
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    made = put_parts(s3, upload, parts, ChecksumAlgorithm="CRC32")
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": made}, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT"
        )
    assert code_of(error) == (400, "BadDigest")
    done = s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": made}, ChecksumCRC32=expected, ChecksumType="FULL_OBJECT"
    )
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "FULL_OBJECT")
    # An object of no algorithm of its own.
    upload = start(s3, bucket)
    made = [{k: part[k] for k in ("PartNumber", "ETag")} for part in put_parts(s3, upload, parts)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": made})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumType"] == "FULL_OBJECT" and "ChecksumCRC64NVME" in head


def test_impossible_checksum_types_are_refused(s3, bucket: str) -> None:
    for arguments in (
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumType": "COMPOSITE"},
    ):
        with pytest.raises(ClientError) as error:
            start(s3, bucket, **arguments)
        assert code_of(error) == (400, "InvalidRequest")
    upload = start(s3, bucket, ChecksumAlgorithm="SHA256")
    with pytest.raises(ClientError) as error:
        s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA1")
    assert code_of(error) == (400, "InvalidRequest")
    made = put_parts(s3, upload, [b"x"], ChecksumAlgorithm="SHA256")
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [made[0] | {"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}]}
        )
    assert code_of(error) == (400, "InvalidPart")
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [{k: made[0][k] for k in ("PartNumber", "ETag")}]}
        )
    assert code_of(error) == (400, "InvalidRequest")


# --- copies


@pytest.mark.every_store
@pytest.mark.parametrize("target", MODES, ids=lambda mode: mode.name.replace(" ", "-"))
def test_copies_between_any_two_modes(gateway: Gateway, s3, bucket: str, mode: Mode, target: Mode) -> None:
    for size in (100, 70_000):
        data = noise(size)
        s3.put_object(
            Bucket=bucket, Key="from", Body=data, Metadata={"a": "b"}, ContentType="text/x", **mode.write(gateway)
        )
        source = {"CopySource": {"Bucket": bucket, "Key": "from"}} | mode.read_source()
        answer = s3.copy_object(Bucket=bucket, Key="to", **source, **target.write(gateway))
        target.check(gateway, answer)
        got = s3.get_object(Bucket=bucket, Key="to", **target.read())
        target.check(gateway, got)
        assert got["Body"].read() == data
        assert (got["Metadata"], got["ContentType"]) == ({"a": "b"}, "text/x")
        # In place: only the key changes.
        answer = s3.copy_object(Bucket=bucket, Key="from", **source, **target.write(gateway))
        got = s3.get_object(Bucket=bucket, Key="from", **target.read())
        target.check(gateway, got)
        assert got["Body"].read() == data
        # The copy lives on without its source.
        s3.delete_object(Bucket=bucket, Key="from")
        assert s3.get_object(Bucket=bucket, Key="to", **target.read())["Body"].read() == data


def test_a_copy_that_changes_only_the_key_leaves_the_body_alone(gateway: Gateway, s3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=noise(500_000))
    before = {path: path.stat().st_mtime_ns for path in gateway.blobs()}
    s3.copy_object(
        Bucket=bucket,
        Key="other",
        CopySource={"Bucket": bucket, "Key": "k"},
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=gateway.key(),
    )
    assert {path: path.stat().st_mtime_ns for path in gateway.blobs()} == before
    assert s3.get_object(Bucket=bucket, Key="other")["Body"].read() == noise(500_000)


def test_copy_directives_and_conditions(s3, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"old": "1"}, ContentType="text/old")["ETag"]
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"new": "2"},
        ContentType="text/new",
    )
    head = s3.head_object(Bucket=bucket, Key="to")
    assert (head["Metadata"], head["ContentType"]) == ({"new": "2"}, "text/new")
    for condition, fine in (
        ({"CopySourceIfMatch": etag}, True),
        ({"CopySourceIfMatch": '"other"'}, False),
        ({"CopySourceIfNoneMatch": etag}, False),
        ({"CopySourceIfNoneMatch": '"other"'}, True),
    ):
        if fine:
            s3.copy_object(Bucket=bucket, Key="to", CopySource=source, **condition)
            continue
        with pytest.raises(ClientError) as error:
            s3.copy_object(Bucket=bucket, Key="to", CopySource=source, **condition)
        assert code_of(error) == (412, "PreconditionFailed")
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="from", CopySource=source)
    assert code_of(error) == (400, "InvalidRequest")
    for missing, code in (
        ({"Bucket": bucket, "Key": "none"}, "NoSuchKey"),
        ({"Bucket": "no-such-bucket-at-all", "Key": "k"}, "NoSuchBucket"),
    ):
        with pytest.raises(ClientError) as error:
            s3.copy_object(Bucket=bucket, Key="to", CopySource=missing)
        assert code_of(error) == (404, code)


@pytest.mark.every_store
def test_parts_are_copied_from_any_mode(gateway: Gateway, s3, bucket: str, mode: Mode) -> None:
    data = noise(FIVE + 200_000)
    s3.put_object(Bucket=bucket, Key="from", Body=data, **SSE_S3.write(gateway))
    upload = start(s3, bucket, **mode.write(gateway))
    parts = []
    for number, span in ((1, (0, FIVE - 1)), (2, (FIVE, len(data) - 1)), (3, None)):
        arguments = {"CopySourceRange": "bytes=%d-%d" % span} if span else {}
        if number == 3:
            arguments |= {}
        answer = s3.upload_part_copy(
            **upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "from"}, **arguments, **mode.read()
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    # Part 2 is too small to stand in the middle.
    chosen = [parts[0], parts[2]]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": chosen}, **mode.read())
    got = s3.get_object(Bucket=bucket, Key="k", **mode.read())
    mode.check(gateway, got)
    assert got["Body"].read() == data[:FIVE] + data
    # And from there back.
    upload = start(s3, bucket)
    answer = s3.upload_part_copy(
        **upload,
        PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "k"},
        CopySourceRange=f"bytes={FIVE - 10}-{FIVE + 9}",
        **mode.read_source(),
    )
    s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}]}
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data[FIVE - 10 : FIVE] + data[:10]
    with pytest.raises(ClientError) as error:
        s3.upload_part_copy(
            **start(s3, bucket),
            PartNumber=1,
            CopySource={"Bucket": bucket, "Key": "from"},
            CopySourceRange=f"bytes=0-{len(data)}",
        )
    assert code_of(error)[0] in (400, 416)
