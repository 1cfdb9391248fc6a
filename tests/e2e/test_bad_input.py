"""Whatever a client sends, it gets a clear answer, and the gateway lives on."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import runpy
import socket
import time
from pathlib import Path

import pytest
from conftest import noise
from gateway import Gateway
from raw import Answer, Connection, request, send, sign


@pytest.fixture(autouse=True)
def alive(gateway: Gateway):
    yield
    assert gateway.process and gateway.process.poll() is None, "the gateway has ended"
    assert request(gateway, "GET", "/").status == 200
    assert "a panic was caught" not in gateway.log()


def post_delete(gateway: Gateway, bucket: str, xml: bytes) -> Answer:
    headers = {"content-md5": base64.b64encode(hashlib.md5(xml).digest()).decode()}
    return request(gateway, "POST", f"/{bucket}", query=[("delete", "")], headers=headers, body=xml)


MALFORMED = {
    "empty": b"",
    "text": b"hello",
    "unclosed": b"<Delete><Object><Key>a</Key></Object>",
    "crossed": b"<Delete><Object></Delete></Object>",
    "other root": b"<Remove><Object><Key>a</Key></Object></Remove>",
    "no objects": b"<Delete></Delete>",
    "no key": b"<Delete><Object></Object></Delete>",
    "not UTF-8": b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
    "an entity": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    "an external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    "a million laughs": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
    "too many": b"<Delete>" + b"".join(b"<Object><Key>%d</Key></Object>" % n for n in range(1001)) + b"</Delete>",
    "deep": b"<Delete>" + b"<a>" * 50_000,
    "deep and closed": b"<a>" * 20_000 + b"</a>" * 20_000,
    "huge": b"<Delete><Object><Key>" + b"a" * (3 << 20) + b"</Key></Object></Delete>",
    "nothing but zeros": bytes(1000),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_xml_is_refused(gateway: Gateway, bucket: str, case: str) -> None:
    answer = post_delete(gateway, bucket, MALFORMED[case])
    allowed = {"huge": (200, "KeyTooLongError")}.get(case, (400, "MalformedXML"))
    assert (answer.status, answer.code) == allowed or (case == "empty" and answer.status in (400, 411)), answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize("case", ("text", "unclosed", "crossed", "other root", "deep", "an entity"))
def test_malformed_documents_elsewhere(gateway: Gateway, bucket: str, case: str) -> None:
    xml = MALFORMED[case]
    request(gateway, "PUT", f"/{bucket}", query=[("encryption", "")], body=xml).refused(400, "MalformedXML")
    upload = gateway.client().create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    request(gateway, "POST", f"/{bucket}/k", query=[("uploadId", upload)], body=xml).refused(400, "MalformedXML")
    request(gateway, "PUT", f"/{bucket}-new", body=xml).refused(400, "MalformedXML")


def test_names_that_no_bucket_may_have(gateway: Gateway) -> None:
    names = [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-dash",
        "dash-",
        "dot..dot",
        ".dot",
        "192.168.0.1",
        "a%20b",
        "xn--abc",
        "sthree-abc",
        "abc-s3alias",
    ]
    for name in names:
        answer = request(gateway, "PUT", f"/{name}")
        assert (answer.status, answer.code) in ((400, "InvalidBucketName"), (400, "InvalidURI")), (
            name,
            answer.status,
            answer.code,
        )
    for name in ("health", "metrics", "console"):
        assert request(gateway, "PUT", f"/{name}").status in (400, 403, 404, 405, 409), name


def test_keys_that_are_too_long(gateway: Gateway, bucket: str) -> None:
    assert request(gateway, "PUT", f"/{bucket}/" + "k" * 1024, body=b"x").status == 200
    request(gateway, "PUT", f"/{bucket}/" + "k" * 1025, body=b"x").refused(400, "KeyTooLongError")
    # The limit is on bytes of UTF-8.
    request(gateway, "PUT", f"/{bucket}/" + "%C3%BC" * 513, body=b"x").refused(400, "KeyTooLongError")
    # What is no UTF-8, or not encoded as a signer encodes.
    for path in ("%FF", "%zz", "%C3"):
        answer = request(gateway, "PUT", f"/{bucket}/{path}", body=b"x")
        assert answer.status in (400, 403) and answer.code, (path, answer.body)


def test_metadata_that_is_too_large(gateway: Gateway, bucket: str) -> None:
    assert request(gateway, "PUT", f"/{bucket}/k", headers={"x-amz-meta-a": "v" * (2048 - 1)}, body=b"x").status == 200
    request(gateway, "PUT", f"/{bucket}/k", headers={"x-amz-meta-a": "v" * 2048}, body=b"x").refused(
        400, "MetadataTooLarge"
    )
    many = {f"x-amz-meta-{n}": "v" * 100 for n in range(30)}
    request(gateway, "PUT", f"/{bucket}/k", headers=many, body=b"x").refused(400, "MetadataTooLarge")


def test_headers_beyond_measure(gateway: Gateway, bucket: str) -> None:
    # Beyond what an HTTP server reads; any refusal will do.
    for headers in ({"x-amz-meta-a": "v" * 200_000}, {f"x-h-{n}": "v" for n in range(1000)}):
        try:
            answer = request(gateway, "GET", f"/{bucket}", headers=headers)
            assert 400 <= answer.status < 500
        except (ConnectionError, OSError):
            pass


def test_not_http(gateway: Gateway) -> None:
    rng = random.Random(1)
    for data in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        bytes(1000),
        rng.randbytes(1000),
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with Connection(gateway, timeout=5) as connection:
            try:
                connection.send(data)
                connection.socket.shutdown(socket.SHUT_WR)
                while connection.socket.recv(65536):
                    pass
            except OSError:
                pass


def test_lengths_that_are_wrong(gateway: Gateway, bucket: str) -> None:
    path = f"/{bucket}/k"
    signed = sign(gateway, "PUT", path, payload="UNSIGNED-PAYLOAD")
    with Connection(gateway) as connection:
        head = [f"PUT {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in signed.headers.items()]
        connection.send(("\r\n".join(head) + "\r\n\r\n").encode())
        connection.answer("PUT").refused(411, "MissingContentLength")
    for value in ("-1", "abc", "1, 2", str(1 << 70)):
        signed = sign(gateway, "PUT", path, payload="UNSIGNED-PAYLOAD")
        signed.headers["content-length"] = value
        try:
            assert send(gateway, signed).status == 400, value
        except (ConnectionError, OSError):
            pass
    signed = sign(gateway, "PUT", path, payload="UNSIGNED-PAYLOAD")
    signed.headers["content-length"] = str(5 * 1024**3 + 1)
    signed.headers["expect"] = "100-continue"
    send(gateway, signed).refused(400, "EntityTooLarge")
    assert request(gateway, "HEAD", path).status == 404


def test_a_chunked_transfer_without_a_length(gateway: Gateway, bucket: str) -> None:
    signed = sign(gateway, "PUT", f"/{bucket}/k", payload="UNSIGNED-PAYLOAD")
    signed.headers["transfer-encoding"] = "chunked"
    with Connection(gateway) as connection:
        connection.send_head(signed)
        connection.send(b"5\r\nhello\r\n0\r\n\r\n")
        answer = connection.answer("PUT")
        assert answer.status in (200, 411), answer.body


TABLES = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts/compatibility-tables"))
NOT_IMPLEMENTED = [
    (method, "/k" if level == "Object" else "", sub)
    for name, (method, level, sub) in TABLES["requests"]().items()
    if name in TABLES["unimplemented"]() and sub
]


@pytest.mark.parametrize("method,key,sub", NOT_IMPLEMENTED, ids=lambda v: str(v).strip("/"))
def test_what_is_not_implemented_says_so(gateway: Gateway, bucket: str, method: str, key: str, sub: str) -> None:
    gateway.client().put_object(Bucket=bucket, Key="k", Body=b"x")
    request(gateway, method, f"/{bucket}{key}", query=[(sub, "")], body=b"<a/>" if method != "GET" else b"").refused(
        501, "NotImplemented"
    )
    assert request(gateway, "GET", f"/{bucket}/k").body == b"x"


def test_headers_that_are_not_implemented_say_so(gateway: Gateway, bucket: str) -> None:
    for name, value in (
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "id=x"),
        ("x-amz-storage-class", "GLACIER"),
    ):
        answer = request(gateway, "PUT", f"/{bucket}/k", headers={name: value}, body=b"x")
        assert answer.status in (400, 501) and answer.code, name
    assert request(gateway, "HEAD", f"/{bucket}/k").status == 404


def test_methods_that_are_not_allowed(gateway: Gateway, bucket: str) -> None:
    for method, path in (
        ("PATCH", f"/{bucket}/k"),
        ("POST", f"/{bucket}/k"),
        ("DELETE", "/"),
        ("PUT", "/"),
        ("PATCH", f"/{bucket}"),
    ):
        request(gateway, method, path).refused(405, "MethodNotAllowed")


def test_bad_query_values(gateway: Gateway, bucket: str) -> None:
    gateway.client().put_object(Bucket=bucket, Key="k", Body=b"x")
    for key, query in (
        ("/k", [("partNumber", "x")]), ("/k", [("partNumber", "0")]), ("/k", [("partNumber", "10001")]), ("", [("max-keys", "1e9")]),
        ("", [("uploads", ""), ("max-uploads", "-3")]), ("", [("list-type", "2"), ("continuation-token", "x" * 3000)]),
    ):  # fmt: skip
        request(gateway, "GET", f"/{bucket}{key}", query=query).refused(400, "InvalidArgument")
    request(gateway, "GET", f"/{bucket}/k", query=[("uploadId", "../../etc/passwd")]).refused(404, "NoSuchUpload")


def test_bad_copy_sources(gateway: Gateway, bucket: str) -> None:
    for source in (
        "",
        "/",
        "bucket",
        f"/{bucket}",
        f"/{bucket}/",
        f"/{bucket}/%zz",
        "http://elsewhere/x",
        f"/{bucket}/k?versionId=nope",
    ):
        answer = request(gateway, "PUT", f"/{bucket}/to", headers={"x-amz-copy-source": source})
        assert 400 <= answer.status < 500 and answer.code, (source, answer.status)
    for text in ("bytes=5-1", "0-5", "bytes=a-b", "bytes=0-"):
        upload = gateway.client().create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        headers = {"x-amz-copy-source": f"/{bucket}/k", "x-amz-copy-source-range": text}
        assert request(
            gateway, "PUT", f"/{bucket}/m", query=[("partNumber", "1"), ("uploadId", upload)], headers=headers
        ).status in (400, 404)


def test_a_slow_client_does_not_stop_others(gateway: Gateway, bucket: str) -> None:
    put = sign(gateway, "PUT", f"/{bucket}/slow", payload="UNSIGNED-PAYLOAD")
    with Connection(gateway) as slow:
        slow.send_head(put, 100)
        for number in range(10):
            slow.send(b"0123456789")
            begin = time.monotonic()
            assert request(gateway, "PUT", f"/{bucket}/{number}", body=noise(20_000)).status == 200
            assert time.monotonic() - begin < 5
        assert slow.answer("PUT").status == 200
    assert request(gateway, "GET", f"/{bucket}/slow").body == b"0123456789" * 10


def test_a_client_that_is_silent_is_given_up(new_gateway) -> None:
    gateway = new_gateway(config='[limits]\nidle_timeout = "1s"\nheader_timeout = "1s"\n')
    gateway.client().create_bucket(Bucket="silent")
    put = sign(gateway, "PUT", "/silent/k", payload="UNSIGNED-PAYLOAD")
    with Connection(gateway, timeout=20) as connection:
        connection.send_head(put, 100_000)
        connection.send(bytes(50_000))
        try:
            connection.answer("PUT").refused(400, "RequestTimeout")
        except ConnectionError:
            pass
    with Connection(gateway, timeout=20) as connection:
        connection.send(b"GET / HTTP/1.1\r\n")
        begin = time.monotonic()
        while connection.socket.recv(1000):
            pass
        assert time.monotonic() - begin < 15
    assert gateway.blobs() == []


def test_bad_calls_of_the_other_services(gateway: Gateway) -> None:
    json_type = "application/x-amz-json-1.1"
    for target, body in (("TrentService.Nonsense", b"{}"), ("Nonsense", b"{}"), ("", b"{}"), ("TrentService.CreateKey", b"{"), ("TrentService.CreateKey", b"[]"),
                         ("TrentService.DescribeKey", b"{}"), ("TrentService.DescribeKey", b'{"KeyId":5}'), ("TrentService.Encrypt", b'{"KeyId":"alias/x","Plaintext":"***"}'),
                         ("TrentService.DescribeKey", b"[" * 100_000), ("TrentService.DescribeKey", json.dumps({"KeyId": "x" * 100_000}).encode())):  # fmt: skip
        answer = request(
            gateway,
            "POST",
            "/",
            headers={"x-amz-target": target, "content-type": json_type},
            body=body,
            service="kms",
            scheme="https",
        )
        assert answer.status == 400 and "__type" in answer.body.decode(), (
            target,
            body[:50],
            answer.status,
            answer.body,
        )
    form = "application/x-www-form-urlencoded"
    for body in (
        b"",
        b"Action=Nonsense&Version=2010-05-08",
        b"Action=%FF",
        b"&&&=",
        b"Action=CreateUser&Version=2010-05-08",
    ):
        answer = request(gateway, "POST", "/", headers={"content-type": form}, body=body, service="iam", scheme="https")
        assert 400 <= answer.status < 500 and b"<Code>" in answer.body, (body, answer.status, answer.body)


def test_bad_policies_are_refused(gateway: Gateway) -> None:
    from botocore.exceptions import ClientError

    iam, kms = gateway.client("iam", scheme="https"), gateway.client("kms", scheme="https")
    wrong = [
        "", "{", "[]", '{"Version":"2012-10-17"}', '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringWhatever":{"a":"b"}}}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Surprise":1}]}', "[" * 10_000,
    ]  # fmt: skip
    for document in wrong:
        with pytest.raises(Exception) as error:
            iam.put_user_policy(UserName="alice", PolicyName="bad", PolicyDocument=document)
        if isinstance(error.value, ClientError):
            assert error.value.response["Error"]["Code"] in ("MalformedPolicyDocument", "ValidationError"), document
        with pytest.raises(Exception) as error:
            kms.put_key_policy(KeyId=gateway.key(), PolicyName="default", Policy=document)
        if isinstance(error.value, ClientError):
            assert error.value.response["Error"]["Code"] in (
                "MalformedPolicyDocumentException",
                "ValidationException",
            ), document
    locked_out = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::111111111111:user/bob"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )
    with pytest.raises(ClientError) as error:
        kms.put_key_policy(KeyId=gateway.key(), PolicyName="default", Policy=locked_out)
    assert error.value.response["Error"]["Code"] == "MalformedPolicyDocumentException"


def test_errors_tell_nothing_of_the_inside(gateway: Gateway, bucket: str) -> None:
    for answer in (
        request(gateway, "GET", f"/{bucket}/none"),
        request(gateway, "GET", "/no-such-bucket-x"),
        request(gateway, "PUT", f"/{bucket}", query=[("encryption", "")], body=b"<"),
    ):
        text = answer.body.decode()
        for word in ("rusqlite", "src/", ".rs", "panicked", str(gateway.data)):
            assert word not in text
