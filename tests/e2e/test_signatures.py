"""Signatures: each way to be wrong has its own answer, and nothing is read before it is right."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

import pytest
from conftest import noise
from gateway import ROOT_USER, Gateway, User
from raw import (
    CHUNKED, CHUNKED_TRAILER, UNSIGNED, UNSIGNED_TRAILER, Connection, chunked_put, crc32, held, request, send, sign,
)  # fmt: skip

DATA = noise(200_000)


def now(**shift: int) -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(**shift)


def gone(gateway: Gateway, path: str) -> None:
    assert request(gateway, "HEAD", path).status == 404


@pytest.mark.parametrize("scheme", ("http", "https"))
def test_a_right_signature_is_accepted(gateway: Gateway, bucket: str, scheme: str) -> None:
    for payload in (None, UNSIGNED):
        assert request(gateway, "PUT", f"/{bucket}/a%20b%2Bc", body=DATA, payload=payload, scheme=scheme).status == 200
        assert request(gateway, "GET", f"/{bucket}/a%20b%2Bc", scheme=scheme).body == DATA


@pytest.mark.parametrize(
    "status,code,how",
    [
        (403, "RequestTimeTooSkewed", {"now": {"minutes": -16}}),
        (403, "RequestTimeTooSkewed", {"now": {"minutes": 16}}),
        (400, "AuthorizationHeaderMalformed", {"region": "eu-west-1"}),
        (400, "AuthorizationHeaderMalformed", {"service": "ec2"}),
        (403, "InvalidAccessKeyId", {"user": User("no", "AKIANOBODYNOBODYNO01", "x", "")}),
        (403, "SignatureDoesNotMatch", {"user": User("root", ROOT_USER.access_key, "wrong", "")}),
        (400, "InvalidArgument", {"payload": "nonsense"}),
    ],
    ids=["too old", "too new", "region", "service", "unknown key", "wrong secret", "content hash"],
)
def test_a_wrong_signature_is_refused_before_the_body(
    gateway: Gateway, bucket: str, status: int, code: str, how: dict
) -> None:
    how = dict(how)
    if "now" in how:
        how["now"] = now(**how["now"])
    answer = held(gateway, "PUT", f"/{bucket}/k", body=DATA, **how).refused(status, code)
    assert not answer.continued
    request(gateway, "GET", f"/{bucket}/k", **how).refused(status, code)
    gone(gateway, f"/{bucket}/k")


def test_a_wrong_region_names_the_right_one(gateway: Gateway, bucket: str) -> None:
    answer = request(gateway, "GET", f"/{bucket}", region="eu-west-1").refused(400, "AuthorizationHeaderMalformed")
    assert answer.field("Region") == "us-east-1"
    answer = request(gateway, "GET", f"/{bucket}", user=User("x", "AKIANOBODYNOBODYNO01", "x", ""))
    assert answer.field("AWSAccessKeyId") == "AKIANOBODYNOBODYNO01"


def test_a_clock_within_fifteen_minutes_is_accepted(gateway: Gateway, bucket: str) -> None:
    for minutes in (-14, 14):
        assert request(gateway, "GET", f"/{bucket}", now=now(minutes=minutes)).status == 200


def test_what_was_signed_is_what_counts(gateway: Gateway, bucket: str) -> None:
    path = f"/{bucket}/k"
    for change in ("path", "query", "header", "method", "date", "signature", "host"):
        signed = sign(gateway, "PUT", path, headers={"x-amz-meta-a": "b"}, body=b"x")
        match change:
            case "path":
                signed.path = f"/{bucket}/other"
            case "query":
                signed.query = [("versionId", "null")]
            case "header":
                signed.headers["x-amz-meta-a"] = "c"
            case "method":
                signed.method = "GET"
            case "date":
                signed.headers["x-amz-date"] = now(seconds=-5).strftime("%Y%m%dT%H%M%SZ")
            case "signature":
                last = signed.headers["authorization"][-1]
                signed.headers["authorization"] = signed.headers["authorization"][:-1] + ("0" if last != "0" else "1")
            case "host":
                signed.headers["host"] = "elsewhere.example.com"
        send(gateway, signed).refused(403, "SignatureDoesNotMatch")
    gone(gateway, path)


def test_a_slash_of_a_key_may_be_escaped_on_the_way(gateway: Gateway, bucket: str) -> None:
    # The SDK for Java signs the first and sends the second.
    signed = sign(gateway, "PUT", f"/{bucket}/a//b", body=b"x")
    signed.path = f"/{bucket}/a/%2Fb"
    assert send(gateway, signed).status == 200
    assert request(gateway, "GET", f"/{bucket}/a//b").body == b"x"
    # One that is no part of a key makes a name that no bucket has.
    signed = sign(gateway, "GET", f"/{bucket}/a//b")
    signed.path = f"/{bucket}%2Fa//b"
    send(gateway, signed).refused(400, "InvalidBucketName")


def test_a_body_other_than_the_signed_one_is_refused(gateway: Gateway, bucket: str) -> None:
    signed = sign(gateway, "PUT", f"/{bucket}/k", body=DATA)
    signed.body = DATA[:-1] + b"!"
    send(gateway, signed).refused(400, "XAmzContentSHA256Mismatch")
    gone(gateway, f"/{bucket}/k")


def test_headers_that_must_be_signed(gateway: Gateway, bucket: str) -> None:
    for name in ("x-amz-server-side-encryption", "x-amz-meta-a", "x-amz-acl"):
        request(gateway, "PUT", f"/{bucket}/k", headers={name: "private"}, unsigned=(name,), body=b"x").refused(
            403, "AccessDenied"
        )
    for name, code in (("x-amz-date", None), ("x-amz-content-sha256", None), ("host", None)):
        signed = sign(gateway, "GET", f"/{bucket}")
        del signed.headers[name]
        answer = send(gateway, signed)
        assert answer.status in (400, 403), name
    gone(gateway, f"/{bucket}/k")


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=zz",
        "AWS4-HMAC-SHA256 Credential=//////,SignedHeaders=,Signature=", "Basic dXNlcjpwYXNz", "Bearer x", "AWS AKIA:sig", "", "x" * 5000,
    ],
    ids=range(9),
)  # fmt: skip
def test_malformed_authorization_is_refused(gateway: Gateway, bucket: str, value: str) -> None:
    signed = sign(gateway, "GET", f"/{bucket}")
    signed.headers["authorization"] = value
    answer = send(gateway, signed)
    assert answer.status in (400, 403) and answer.code, answer.body


def test_an_anonymous_request_is_refused(gateway: Gateway, bucket: str) -> None:
    signed = sign(gateway, "GET", f"/{bucket}")
    for name in ("authorization", "x-amz-date", "x-amz-content-sha256"):
        del signed.headers[name]
    send(gateway, signed).refused(403, "AccessDenied")


# --- presigned


def test_a_checksum_in_a_presigned_url_is_signed_and_not_looked_at(gateway: Gateway, bucket: str) -> None:
    # That of an empty body, as the SDK for JavaScript signs it by default.
    query = [("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC32")]
    path = f"/{bucket}/k"
    assert request(gateway, "PUT", path, query=query, presign=60, body=DATA).status == 200
    assert request(gateway, "GET", path).body == DATA
    signed = sign(gateway, "PUT", path, query=query, presign=60, body=b"x")
    signed.query[0] = ("x-amz-checksum-crc32", "AAAAAQ==")
    send(gateway, signed).refused(403, "SignatureDoesNotMatch")
    # As a header it counts.
    wrong = {"x-amz-checksum-crc32": "AAAAAA=="}
    request(gateway, "PUT", path, headers=wrong, presign=60, body=b"x").refused(400, "BadDigest")


def test_presigned_requests(gateway: Gateway, bucket: str) -> None:
    path = f"/{bucket}/k"
    assert request(gateway, "PUT", path, presign=60, body=DATA).status == 200
    assert request(gateway, "GET", path, presign=60).body == DATA
    assert request(gateway, "GET", path, presign=604800).body == DATA
    request(gateway, "GET", path, presign=60, now=now(seconds=-120)).refused(403, "AccessDenied")
    request(gateway, "GET", path, presign=60, now=now(minutes=30)).refused(403, "AccessDenied")
    for seconds in (604801, -1):
        request(gateway, "GET", path, presign=seconds).refused(400, "AuthorizationQueryParametersError")
    # Signed long ago, and still valid.
    assert request(gateway, "GET", path, presign=86400, now=now(hours=-2)).body == DATA
    for name in (
        "X-Amz-Signature",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Credential",
        "X-Amz-Algorithm",
    ):
        signed = sign(gateway, "GET", path, presign=60)
        signed.query = [pair for pair in signed.query if pair[0] != name]
        send(gateway, signed).refused(400, "AuthorizationQueryParametersError")
    signed = sign(gateway, "GET", path, presign=60)
    signed.query = [(name, value if name != "X-Amz-Signature" else "0" * 64) for name, value in signed.query]
    send(gateway, signed).refused(403, "SignatureDoesNotMatch")
    signed = sign(gateway, "GET", path, presign=60)
    signed.query.append(("response-content-type", "text/html"))
    send(gateway, signed).refused(403, "SignatureDoesNotMatch")
    # A header of S3 that the signature does not cover.
    signed = sign(gateway, "PUT", path, presign=60, body=b"x")
    signed.headers["x-amz-server-side-encryption"] = "aws:kms"
    send(gateway, signed).refused(403, "AccessDenied")
    signed = sign(gateway, "GET", path, presign=60)
    signed.headers["authorization"] = sign(gateway, "GET", path).headers["authorization"]
    send(gateway, signed).refused(400, "InvalidArgument")


# --- chunked


@pytest.mark.parametrize("size", (0, 1, 8191, 65536, 200_000))
@pytest.mark.parametrize("payload", (CHUNKED, CHUNKED_TRAILER, UNSIGNED_TRAILER))
def test_chunked_uploads(gateway: Gateway, bucket: str, payload: str, size: int) -> None:
    data, path = DATA[:size], f"/{bucket}/k"
    trailer = None if payload == CHUNKED else ("x-amz-checksum-crc32", crc32(data))
    answer = chunked_put(gateway, path, data, payload, trailer=trailer, size=8192)
    assert answer.status == 200, answer.body
    if trailer:
        assert answer.headers["x-amz-checksum-crc32"] == crc32(data)
    got = request(gateway, "GET", path)
    assert got.body == data
    assert "content-encoding" not in got.headers
    assert got.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'


@pytest.mark.parametrize("payload", (CHUNKED, CHUNKED_TRAILER))
def test_a_small_signed_chunk_may_only_be_the_last(gateway: Gateway, bucket: str, payload: str) -> None:
    path, trailer = f"/{bucket}/k", None if payload == CHUNKED else ("x-amz-checksum-crc32", crc32(DATA[:8192]))
    refused = chunked_put(gateway, path, DATA[:8192], payload, trailer=trailer, size=8191)
    refused.refused(403, "InvalidChunkSizeError")
    assert b"<Message>Only the last chunk is allowed to have a size less than 8192 bytes</Message>" in refused.body
    assert b"<Chunk>2</Chunk><BadChunkSize>8191</BadChunkSize>" in refused.body
    gone(gateway, path)


def test_a_stored_encoding_loses_only_aws_chunked(gateway: Gateway, bucket: str) -> None:
    signed_headers = {"x-amz-meta-a": "b"}
    assert chunked_put(gateway, f"/{bucket}/k", DATA, CHUNKED, headers=signed_headers).status == 200
    assert request(gateway, "GET", f"/{bucket}/k").headers["x-amz-meta-a"] == "b"


@pytest.mark.parametrize("spoil", (0, 1, 3, 4))
@pytest.mark.parametrize("payload", (CHUNKED, CHUNKED_TRAILER))
def test_a_chunk_with_a_wrong_signature_is_refused(gateway: Gateway, bucket: str, payload: str, spoil: int) -> None:
    trailer = None if payload == CHUNKED else ("x-amz-checksum-crc32", crc32(DATA))
    chunked_put(gateway, f"/{bucket}/k", DATA, payload, trailer=trailer, spoil=spoil).refused(
        403, "SignatureDoesNotMatch"
    )
    gone(gateway, f"/{bucket}/k")


def test_spoilt_chunks_and_trailers_are_refused(gateway: Gateway, bucket: str) -> None:
    path, trailer = f"/{bucket}/k", ("x-amz-checksum-crc32", crc32(DATA))

    def outcome(status: int, code: str, *arguments: object, **how: object) -> None:
        answer = chunked_put(gateway, path, *arguments, **how)
        assert (answer.status, answer.code) == (status, code), answer.body
        gone(gateway, path)

    outcome(403, "SignatureDoesNotMatch", DATA, CHUNKED, edit=lambda body: body.replace(DATA[:10], b"0123456789", 1))
    outcome(403, "SignatureDoesNotMatch", DATA, CHUNKED_TRAILER, trailer=trailer, spoil=-1)
    wrong = ("x-amz-checksum-crc32", "AAAAAA==")
    for payload in (CHUNKED_TRAILER, UNSIGNED_TRAILER):
        outcome(400, "BadDigest", DATA, payload, trailer=wrong)
    outcome(400, "IncompleteBody", DATA, CHUNKED, decoded_length=len(DATA) + 1)
    for edit in (
        lambda body: b"zz" + body,
        lambda body: body.replace(b";chunk-signature=", b";", 1),
        lambda body: body[5:],
    ):
        answer = chunked_put(gateway, path, DATA, CHUNKED, edit=edit)
        assert answer.status in (400, 403) and answer.code
        gone(gateway, path)
    answer = chunked_put(
        gateway,
        path,
        DATA,
        UNSIGNED_TRAILER,
        trailer=trailer,
        edit=lambda body: body.replace(b"x-amz-checksum-crc32:", b"x-amz-checksum-sha1:"),
    )
    assert answer.status == 400 and answer.code == "MalformedTrailerError", answer.body
    gone(gateway, path)
    answer = chunked_put(gateway, path, DATA, CHUNKED, decoded_length=len(DATA) - 1)
    assert answer.status == 400, answer.body
    gone(gateway, path)


def test_a_wrong_checksum_header_or_md5_is_refused(gateway: Gateway, bucket: str) -> None:
    path = f"/{bucket}/k"
    request(gateway, "PUT", path, headers={"x-amz-checksum-crc32": "AAAAAA=="}, body=DATA).refused(400, "BadDigest")
    request(gateway, "PUT", path, headers={"content-md5": base64.b64encode(bytes(16)).decode()}, body=DATA).refused(
        400, "BadDigest"
    )
    request(gateway, "PUT", path, headers={"content-md5": "AAAA"}, body=DATA).refused(400, "InvalidDigest")
    request(gateway, "PUT", path, headers={"x-amz-checksum-crc32": "AAAA"}, body=DATA).refused(400, "InvalidRequest")
    two = {
        "x-amz-checksum-crc32": crc32(DATA),
        "x-amz-checksum-sha1": base64.b64encode(hashlib.sha1(DATA).digest()).decode(),
    }
    request(gateway, "PUT", path, headers=two, body=DATA).refused(400, "InvalidRequest")
    gone(gateway, path)


@pytest.mark.parametrize(
    "name,value",
    [("crc32c", "4waSgw=="), ("crc64nvme", "rosUhgp5mIg="), ("crc32", "y/Q5Jg=="), ("sha1", "98O8HYCOBHMqCgZXnRO9WbnZsUc="), ("sha256", "FeKw08M4kepxXSBYHmt6FKwjHkgnvP/oLMnrBfSuY4g=")],
    ids=lambda v: v if v.isalnum() else "",
)  # fmt: skip
def test_known_answers_of_each_checksum(gateway: Gateway, bucket: str, name: str, value: str) -> None:
    data = b"123456789"
    if name == "sha256":
        value = base64.b64encode(hashlib.sha256(data).digest()).decode()
    if name == "sha1":
        value = base64.b64encode(hashlib.sha1(data).digest()).decode()
    answer = request(gateway, "PUT", f"/{bucket}/k", headers={f"x-amz-checksum-{name}": value}, body=data)
    assert answer.status == 200 and answer.headers[f"x-amz-checksum-{name}"] == value, answer.body
    shown = request(gateway, "HEAD", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert shown.headers[f"x-amz-checksum-{name}"] == value and shown.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert f"x-amz-checksum-{name}" not in request(gateway, "HEAD", f"/{bucket}/k").headers


def test_a_body_is_asked_for_when_it_is_wanted(gateway: Gateway, bucket: str) -> None:
    answer = held(gateway, "PUT", f"/{bucket}/k", body=DATA)
    assert (answer.status, answer.continued) == (200, True)
    assert not held(gateway, "PUT", "/no-such-bucket-here/k", body=DATA).refused(404, "NoSuchBucket").continued
    assert request(gateway, "GET", f"/{bucket}/k").body == DATA


def test_a_connection_serves_many_requests(gateway: Gateway, bucket: str) -> None:
    with Connection(gateway) as connection:
        for number in range(20):
            put = sign(gateway, "PUT", f"/{bucket}/{number}", body=b"x" * number)
            connection.send_head(put)
            connection.send(put.body)
            assert connection.answer("PUT").status == 200
            connection.send_head(sign(gateway, "GET", f"/{bucket}/{number}"))
            assert connection.answer("GET").body == b"x" * number


def test_a_deactivated_access_key_is_refused_at_once(gateway: Gateway, bucket: str) -> None:
    iam = gateway.client("iam", scheme="https")
    iam.create_user(UserName=bucket)
    iam.put_user_policy(
        UserName=bucket,
        PolicyName="p",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    )
    made = iam.create_access_key(UserName=bucket)["AccessKey"]
    user = User(bucket, made["AccessKeyId"], made["SecretAccessKey"], "")
    assert request(gateway, "GET", f"/{bucket}", user=user).status == 200
    iam.update_access_key(UserName=bucket, AccessKeyId=user.access_key, Status="Inactive")
    request(gateway, "GET", f"/{bucket}", user=user).refused(403, "InvalidAccessKeyId")
    iam.update_access_key(UserName=bucket, AccessKeyId=user.access_key, Status="Active")
    assert request(gateway, "GET", f"/{bucket}", user=user).status == 200
    iam.delete_user_policy(UserName=bucket, PolicyName="p")
    request(gateway, "GET", f"/{bucket}", user=user).refused(403, "AccessDenied")
    iam.delete_access_key(UserName=bucket, AccessKeyId=user.access_key)
    request(gateway, "GET", f"/{bucket}", user=user).refused(403, "InvalidAccessKeyId")


def test_a_refusal_before_the_body_does_not_surprise_the_next_request(gateway: Gateway, bucket: str) -> None:
    """The answer says that the connection ends, or the connection goes on as if the body had not been announced.

    Else the first bytes of the next request are taken for the body, or it is lost in the close.
    """
    headers = {"x-amz-server-side-encryption": "nonsense", "expect": "100-continue"}
    with Connection(gateway) as connection:
        connection.send_head(sign(gateway, "PUT", f"/{bucket}/k", headers=headers, body=DATA), len(DATA))
        answer = connection.answer("PUT").refused(400, "InvalidArgument")
        if answer.headers.get("connection", "").lower() != "close":
            connection.send_head(sign(gateway, "GET", f"/{bucket}"))
            assert connection.answer("GET").status == 200
