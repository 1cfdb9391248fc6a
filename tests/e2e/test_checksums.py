"""Every checksum algorithm of S3's model, on every way that an object takes.

Expected values come from hashlib and from awscrt, the library below AWS's own clients.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from awscrt import checksums as crt
from botocore.exceptions import ClientError
from conftest import noise
from gateway import Gateway
from modes import KMS_OWN, SSE_C, SSE_S3, Mode
from raw import CHUNKED_TRAILER, UNSIGNED_TRAILER, chunked_put, request

FIVE = 5 << 20


def xxh(new: Callable[[], crt.XXHash]) -> Callable[[bytes], bytes]:
    def digest(data: bytes) -> bytes:
        hasher = new()
        hasher.update(data)
        return hasher.finalize()

    return digest


DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda data: crt.crc32(data).to_bytes(4, "big"),
    "CRC32C": lambda data: crt.crc32c(data).to_bytes(4, "big"),
    "CRC64NVME": lambda data: crt.crc64nvme(data).to_bytes(8, "big"),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "MD5": lambda data: hashlib.md5(data).digest(),
    "XXHASH64": xxh(crt.XXHash.new_xxhash64),
    "XXHASH3": xxh(crt.XXHash.new_xxhash3_64),
    "XXHASH128": xxh(crt.XXHash.new_xxhash3_128),
}
every_algorithm = pytest.mark.parametrize("algorithm", DIGESTS)
COMPOSITE = [name for name in DIGESTS if name != "CRC64NVME"]


def value(algorithm: str, data: bytes) -> str:
    return base64.b64encode(DIGESTS[algorithm](data)).decode()


def field(algorithm: str) -> str:
    return f"Checksum{algorithm}"


def header(algorithm: str) -> str:
    return f"x-amz-checksum-{algorithm.lower()}"


def sums(answer: dict) -> dict[str, str]:
    """What an answer says of checksums."""
    return {name: text for name, text in answer.items() if name.startswith("Checksum")}


def refused(code: str, call: Callable, **arguments: object) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] == code, error.value
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error.value.response["Error"]["Message"]


def test_the_algorithms_tested_are_those_of_the_model(s3) -> None:
    shape = s3.meta.service_model.shape_for("ChecksumAlgorithm")
    assert set(shape.enum) == set(DIGESTS)
    put = s3.meta.service_model.operation_model("PutObject").input_shape.members
    for algorithm in DIGESTS:
        assert put[field(algorithm)].serialization["name"] == header(algorithm)


# --- single objects


@every_algorithm
@pytest.mark.parametrize("size", (0, 1000, 3_000_000))
def test_a_checksum_is_verified_kept_and_shown_wherever_s3_shows_it(
    s3, bucket: str, algorithm: str, size: int
) -> None:
    data = noise(size, algorithm)
    expected = {field(algorithm): value(algorithm, data), "ChecksumType": "FULL_OBJECT"}
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, **{field(algorithm): value(algorithm, data)})
    assert sums(put) == expected
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert sums(head) == expected
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data and sums(got) == expected
    assert sums(s3.head_object(Bucket=bucket, Key="k")) == {}
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ETag"])
    assert attributes["Checksum"] == expected
    # The MD5 of the ETag is not disturbed by whatever is computed beside it.
    assert attributes["ETag"].strip('"') == hashlib.md5(data).hexdigest()
    for listing in (s3.list_objects_v2, s3.list_objects):
        [entry] = listing(Bucket=bucket)["Contents"]
        assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == ([algorithm], "FULL_OBJECT")


@pytest.mark.parametrize("scheme", ("http", "https"))
@pytest.mark.parametrize("algorithm", [name for name in DIGESTS if name != "MD5"])
def test_what_boto3_computes_is_what_the_gateway_computes(
    gateway: Gateway, bucket: str, algorithm: str, scheme: str
) -> None:
    # Over TLS as a trailer, else as a header. For MD5, SDKs send only what they are given.
    s3, data = gateway.client(scheme=scheme), noise(200_000, algorithm)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    assert put[field(algorithm)] == value(algorithm, data)
    # boto3 checks what it reads against the value in the answer.
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == data


@every_algorithm
def test_an_algorithm_that_is_only_named_is_computed(gateway: Gateway, bucket: str, algorithm: str) -> None:
    answer = request(gateway, "PUT", f"/{bucket}/k", headers={"x-amz-checksum-algorithm": algorithm}, body=b"data")
    assert answer.status == 200 and answer.headers[header(algorithm)] == value(algorithm, b"data")


@every_algorithm
@pytest.mark.parametrize("payload", (CHUNKED_TRAILER, UNSIGNED_TRAILER))
def test_a_checksum_as_a_trailer(gateway: Gateway, bucket: str, algorithm: str, payload: str) -> None:
    path, data = f"/{bucket}/k", noise(150_000, algorithm)
    sent = (header(algorithm), value(algorithm, data))
    answer = chunked_put(gateway, path, data, payload, trailer=sent)
    assert answer.status == 200 and answer.headers[sent[0]] == sent[1], answer.body
    wrong = (header(algorithm), value(algorithm, data + b"x"))
    chunked_put(gateway, f"/{bucket}/wrong", data, payload, trailer=wrong).refused(400, "BadDigest")
    malformed = (header(algorithm), "AAAA")
    chunked_put(gateway, f"/{bucket}/wrong", data, payload, trailer=malformed).refused(400, "InvalidRequest")
    request(gateway, "GET", f"/{bucket}/wrong").refused(404, "NoSuchKey")


@every_algorithm
def test_a_wrong_or_malformed_value_is_refused_and_leaves_nothing(s3, bucket: str, algorithm: str) -> None:
    put = {"Bucket": bucket, "Key": "k", "Body": b"data"}
    message = refused("BadDigest", s3.put_object, **put, **{field(algorithm): value(algorithm, b"other")})
    assert message == f"The {algorithm} you specified did not match the calculated checksum."
    for malformed in ("?", "AAAA", value(algorithm, b"data") + "-1", DIGESTS[algorithm](b"data").hex()):
        message = refused("InvalidRequest", s3.put_object, **put, **{field(algorithm): malformed})
        assert message == f"Value for {header(algorithm)} header is invalid."
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@every_algorithm
def test_two_checksums_are_refused(gateway: Gateway, bucket: str, algorithm: str) -> None:
    other = "SHA1" if algorithm != "SHA1" else "XXHASH3"
    headers = {header(name): value(name, b"data") for name in (algorithm, other)}
    answer = request(gateway, "PUT", f"/{bucket}/k", headers=headers, body=b"data").refused(400, "InvalidRequest")
    assert answer.field("Message") == (
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
    )


def test_unknown_algorithms_are_refused(gateway: Gateway, bucket: str) -> None:
    for name in ("x-amz-checksum-xxhash32", "x-amz-checksum-sha384", "x-amz-checksum-xxh3"):
        request(gateway, "PUT", f"/{bucket}/k", headers={name: "AAAA"}, body=b"x").refused(400, "InvalidRequest")
    for name in ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"):
        request(gateway, "PUT", f"/{bucket}/k", headers={name: "MD4"}, body=b"x").refused(400, "InvalidRequest")


# --- multipart


def start(s3, bucket: str, **arguments: object) -> dict:
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **arguments)
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


def composite(algorithm: str, parts: list[bytes]) -> str:
    return value(algorithm, b"".join(map(DIGESTS[algorithm], parts)))


@pytest.mark.parametrize("algorithm", COMPOSITE)
@pytest.mark.parametrize("mode", (SSE_S3, KMS_OWN), ids=lambda mode: mode.name)
def test_a_composite_checksum_from_start_to_end(
    gateway: Gateway, s3, bucket: str, algorithm: str, mode: Mode
) -> None:
    parts, name = [noise(FIVE, algorithm), b"tail"], field(algorithm)
    upload = start(s3, bucket, ChecksumAlgorithm=algorithm, **mode.write(gateway))
    [listed] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, "COMPOSITE")
    made = []
    for number, data in enumerate(parts, 1):
        own = {name: value(algorithm, data)}
        answer = s3.upload_part(**upload, PartNumber=number, Body=data, **own)
        assert sums(answer) == own
        made.append({"PartNumber": number, "ETag": answer["ETag"]} | own)
    wrong = {name: value(algorithm, b"other")}
    refused("BadDigest", s3.upload_part, **upload, PartNumber=2, Body=b"tail", **wrong)
    page = s3.list_parts(**upload)
    assert (page["ChecksumAlgorithm"], page["ChecksumType"]) == (algorithm, "COMPOSITE")
    assert [part[name] for part in page["Parts"]] == [value(algorithm, data) for data in parts]

    complete = s3.complete_multipart_upload
    without = [{key: part[key] for key in ("PartNumber", "ETag")} for part in made]
    refused("InvalidRequest", complete, **upload, MultipartUpload={"Parts": without})
    refused("InvalidPart", complete, **upload, MultipartUpload={"Parts": [made[0], made[1] | wrong]})
    refused("BadDigest", complete, **upload, MultipartUpload={"Parts": made}, **wrong)
    expected = composite(algorithm, parts)
    done = complete(**upload, MultipartUpload={"Parts": made}, **{name: f"{expected}-2"})
    shown = {name: f"{expected}-2", "ChecksumType": "COMPOSITE"}
    assert sums(done) == shown
    assert sums(s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")) == shown
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert second["Body"].read() == b"tail" and second[name] == value(algorithm, b"tail")
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["Checksum"] == {name: expected, "ChecksumType": "COMPOSITE"}
    assert [part[name] for part in attributes["ObjectParts"]["Parts"]] == [value(algorithm, data) for data in parts]
    [entry] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == ([algorithm], "COMPOSITE")


@every_algorithm
def test_only_crcs_sum_a_whole_upload(s3, bucket: str, algorithm: str) -> None:
    whole = {"Bucket": bucket, "Key": "k", "ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"}
    if not algorithm.startswith("CRC"):
        message = refused("InvalidRequest", s3.create_multipart_upload, **whole)
        assert message == (
            f"The FULL_OBJECT checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
        return
    parts, name = [noise(FIVE, algorithm), b"tail"], field(algorithm)
    made = s3.create_multipart_upload(**whole)
    assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == (algorithm, "FULL_OBJECT")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    etags = [
        s3.upload_part(**upload, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm)["ETag"]
        for number, data in enumerate(parts, 1)
    ]
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    expected = value(algorithm, b"".join(parts))
    done = s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": listed}, ChecksumType="FULL_OBJECT", **{name: expected}
    )
    assert sums(done) == {name: expected, "ChecksumType": "FULL_OBJECT"}


@every_algorithm
def test_a_part_comes_with_the_algorithm_of_its_upload(s3, bucket: str, algorithm: str) -> None:
    other = "SHA1" if algorithm != "SHA1" else "XXHASH3"
    upload = start(s3, bucket, ChecksumAlgorithm=algorithm)
    message = refused(
        "InvalidRequest", s3.upload_part, **upload, PartNumber=1, Body=b"x", **{field(other): value(other, b"x")}
    )
    assert message == (
        f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, "
        f"actual checksum Type: {other.lower()}"
    )


@every_algorithm
def test_a_copied_part_is_summed_as_its_upload_says(s3, bucket: str, algorithm: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    upload = start(s3, bucket, ChecksumAlgorithm=algorithm)
    source = {"CopySource": {"Bucket": bucket, "Key": "source"}, "CopySourceRange": "bytes=2-5"}
    copied = s3.upload_part_copy(**upload, PartNumber=1, **source)["CopyPartResult"]
    assert copied[field(algorithm)] == value(algorithm, b"2345")


# --- copies


@every_algorithm
@pytest.mark.parametrize("mode", (SSE_S3, KMS_OWN, SSE_C), ids=lambda mode: mode.name)
def test_a_copy_is_summed_anew_when_another_algorithm_is_asked_for(
    gateway: Gateway, bucket: str, algorithm: str, mode: Mode
) -> None:
    s3, data = gateway.client(scheme="https"), noise(100_000, algorithm)
    first = "SHA1" if algorithm != "SHA1" else "XXHASH3"
    s3.put_object(Bucket=bucket, Key="a", Body=data, ChecksumAlgorithm=first, **mode.write(gateway))
    source = {"CopySource": {"Bucket": bucket, "Key": "a"}, **mode.read_source()}
    target = {"Bucket": bucket, "Key": "b"}
    plain = s3.copy_object(**target, **source)["CopyObjectResult"]
    assert sums(plain) == {field(first): value(first, data), "ChecksumType": "FULL_OBJECT"}
    asked = s3.copy_object(**target, **source, ChecksumAlgorithm=algorithm)["CopyObjectResult"]
    expected = {field(algorithm): value(algorithm, data), "ChecksumType": "FULL_OBJECT"}
    assert sums(asked) == expected
    # The copy is under SSE-S3: its ETag is the MD5 also where the source's is not.
    assert asked["ETag"].strip('"') == hashlib.md5(data).hexdigest()
    assert sums(s3.head_object(**target, ChecksumMode="ENABLED")) == expected


@pytest.mark.parametrize("algorithm", COMPOSITE)
def test_the_copy_of_a_multipart_object_has_a_checksum_of_the_whole(s3, bucket: str, algorithm: str) -> None:
    upload, name = start(s3, bucket, ChecksumAlgorithm=algorithm), field(algorithm)
    own = {name: value(algorithm, b"whole")}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"whole", **own)
    s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]} | own]}
    )
    copy = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert sums(copy["CopyObjectResult"]) == own | {"ChecksumType": "FULL_OBJECT"}
