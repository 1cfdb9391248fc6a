"""No encryption header is ever silently ignored, and each refusal is AWS's."""

from __future__ import annotations

import base64
import hashlib
import json
import socket

import pytest
from conftest import noise, unique
from gateway import Gateway
from modes import CUSTOMER_KEY, OTHER_CUSTOMER_KEY, customer, customer_headers
from raw import Answer, held, request, send, sign

SSE = "x-amz-server-side-encryption"
KEY_ID, CONTEXT, BUCKET_KEY = SSE + "-aws-kms-key-id", SSE + "-context", SSE + "-bucket-key-enabled"
C3, SRC3 = SSE + "-customer-", "x-amz-copy-source-server-side-encryption-customer-"
CUSTOMER = customer_headers()
CUSTOMER_SOURCE = customer_headers(prefix="x-amz-copy-source-")
CONTEXT_VALUE = base64.b64encode(json.dumps({"project": "blue"}).encode()).decode()

ENCRYPTION_XML = b"""<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>
<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"""
DELETE_XML = b"<Delete><Object><Key>victim</Key></Object></Delete>"


class World:
    """A bucket with something for each operation to work on."""

    def __init__(self, gateway: Gateway, bucket: str) -> None:
        self.gateway, self.bucket = gateway, bucket
        s3 = gateway.client()
        s3.put_object(Bucket=bucket, Key="object", Body=b"plain")
        s3.put_object(Bucket=bucket, Key="secret", Body=b"mine", **customer())
        self.upload = self.new_upload()
        self.secret_upload = self.new_upload(**customer())

    def new_upload(self, **arguments: object) -> dict[str, str]:
        s3 = self.gateway.client()
        upload = s3.create_multipart_upload(Bucket=self.bucket, Key="upload", **arguments)["UploadId"]
        etag = s3.upload_part(
            Bucket=self.bucket, Key="upload", UploadId=upload, PartNumber=1, Body=b"part", **arguments
        )["ETag"]
        return {"id": upload, "etag": etag}

    def request(
        self, operation: str, headers: dict[str, str], upload: dict[str, str] | None = None, key: str = "object"
    ) -> Answer:
        upload = upload or self.upload
        source = {"x-amz-copy-source": f"/{self.bucket}/object"}
        complete = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{upload['etag']}</ETag></Part></CompleteMultipartUpload>"
        by_id, part = [("uploadId", upload["id"])], [("partNumber", "1"), ("uploadId", upload["id"])]
        at, in_upload, bucket = f"/{self.bucket}/{key}", f"/{self.bucket}/upload", f"/{self.bucket}"
        method, path, query, more, body = {
            "ListBuckets": ("GET", "/", [], {}, b""),
            "CreateBucket": ("PUT", "/" + unique("made"), [], {}, b""),
            "HeadBucket": ("HEAD", bucket, [], {}, b""),
            "DeleteBucket": ("DELETE", bucket, [], {}, b""),
            "GetBucketLocation": ("GET", bucket, [("location", "")], {}, b""),
            "PutBucketEncryption": ("PUT", bucket, [("encryption", "")], {}, ENCRYPTION_XML),
            "GetBucketEncryption": ("GET", bucket, [("encryption", "")], {}, b""),
            "DeleteBucketEncryption": ("DELETE", bucket, [("encryption", "")], {}, b""),
            "ListObjects": ("GET", bucket, [], {}, b""),
            "ListObjectsV2": ("GET", bucket, [("list-type", "2")], {}, b""),
            "ListMultipartUploads": ("GET", bucket, [("uploads", "")], {}, b""),
            "DeleteObjects": (
                "POST",
                bucket,
                [("delete", "")],
                {"content-md5": base64.b64encode(hashlib.md5(DELETE_XML).digest()).decode()},
                DELETE_XML,
            ),
            "PutObject": ("PUT", f"{bucket}/put", [], {}, b"body"),
            "CopyObject": ("PUT", f"{bucket}/copy", [], source, b""),
            "GetObject": ("GET", at, [], {}, b""),
            "HeadObject": ("HEAD", at, [], {}, b""),
            "GetObjectAttributes": ("GET", at, [("attributes", "")], {"x-amz-object-attributes": "ETag"}, b""),
            "DeleteObject": ("DELETE", f"{bucket}/victim", [], {}, b""),
            "CreateMultipartUpload": ("POST", f"{bucket}/new", [("uploads", "")], {}, b""),
            "UploadPart": ("PUT", in_upload, part, {}, b"part"),
            "UploadPartCopy": ("PUT", in_upload, part, source, b""),
            "CompleteMultipartUpload": ("POST", in_upload, by_id, {}, complete.encode()),
            "AbortMultipartUpload": ("DELETE", in_upload, by_id, {}, b""),
            "ListParts": ("GET", in_upload, by_id, {}, b""),
        }[operation]
        return request(self.gateway, method, path, query=query, headers=more | headers, body=body)


OPERATIONS = (
    "ListBuckets CreateBucket HeadBucket DeleteBucket GetBucketLocation PutBucketEncryption GetBucketEncryption DeleteBucketEncryption "
    "ListObjects ListObjectsV2 ListMultipartUploads DeleteObjects PutObject CopyObject GetObject HeadObject GetObjectAttributes "
    "DeleteObject CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload ListParts"
).split()
TAKES_MODE = {"PutObject", "CopyObject", "CreateMultipartUpload"}
TAKES_CUSTOMER = TAKES_MODE | {
    "GetObject",
    "HeadObject",
    "GetObjectAttributes",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "ListParts",
}
TAKES_SOURCE = {"CopyObject", "UploadPartCopy"}


@pytest.fixture(scope="module")
def world(gateways) -> World:
    gateway = gateways("local")
    bucket = unique("bucket")
    gateway.client().create_bucket(Bucket=bucket)
    return World(gateway, bucket)


def refused(answer: Answer, status: int = 400, code: str = "InvalidArgument") -> None:
    if answer.body:
        answer.refused(status, code)
    else:
        assert answer.status == status


def single_headers(gateway: Gateway) -> dict[str, str]:
    modes = {SSE: "AES256", KEY_ID: gateway.key(), CONTEXT: CONTEXT_VALUE, BUCKET_KEY: "true"}
    return modes | CUSTOMER | CUSTOMER_SOURCE | {SSE + "-of-tomorrow": "yes"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_single_header_is_honoured_or_refused(world: World, operation: str) -> None:
    plain = (
        world.request(operation, {})
        if operation not in ("DeleteBucket", "AbortMultipartUpload", "CompleteMultipartUpload")
        else None
    )
    if plain:
        assert plain.status in (200, 204), (operation, plain.body)
    for name, value in single_headers(world.gateway).items():
        answer = world.request(operation, {name: value})
        if name == SSE and operation in TAKES_MODE:
            assert answer.status == 200 and answer.headers[SSE] == "AES256", answer.body
        else:
            # One header of a group says nothing without the others.
            assert answer.status == 400, f"{name} on {operation}: {answer.status} {answer.body!r}"
            if answer.body:
                assert answer.code == "InvalidArgument", f"{name} on {operation}: {answer.code}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whole_groups_are_honoured_or_refused(world: World, operation: str) -> None:
    key = world.gateway.key()
    kms = {SSE: "aws:kms", KEY_ID: key, CONTEXT: CONTEXT_VALUE, BUCKET_KEY: "true"}
    answer = world.request(operation, kms)
    if operation in TAKES_MODE:
        shown = {name: answer.headers.get(name) for name in kms}
        # The context comes back as a map, perhaps in another spelling.
        pairs = json.loads(base64.b64decode(shown[CONTEXT] or ""))
        assert (answer.status, shown | {CONTEXT: CONTEXT_VALUE}) == (200, kms) and pairs["project"] == "blue", (
            answer.body
        )
    else:
        refused(answer)

    answer = world.request(operation, CUSTOMER)
    if operation in TAKES_MODE:
        assert answer.status == 200, answer.body
        assert (
            answer.headers[C3 + "algorithm"] == "AES256" and answer.headers[C3 + "key-md5"] == CUSTOMER[C3 + "key-md5"]
        )
        assert SSE not in answer.headers
    elif operation in TAKES_CUSTOMER:
        # The object, or the upload, is not one of SSE-C.
        refused(answer, 400, "InvalidRequest")
    else:
        refused(answer)

    answer = world.request(operation, CUSTOMER_SOURCE)
    refused(answer, 400, "InvalidRequest" if operation in TAKES_SOURCE else "InvalidArgument")


@pytest.mark.parametrize("operation", sorted(TAKES_CUSTOMER - TAKES_MODE))
def test_customer_keys_are_honoured_where_the_object_has_one(world: World, operation: str) -> None:
    upload = world.new_upload(**customer()) if operation == "CompleteMultipartUpload" else world.secret_upload
    answer = world.request(operation, CUSTOMER, upload, key="secret")
    assert answer.status == 200, answer.body
    if operation not in ("GetObjectAttributes", "ListParts", "CompleteMultipartUpload"):
        assert answer.headers[C3 + "key-md5"] == CUSTOMER[C3 + "key-md5"]
        assert SSE not in answer.headers


def test_answers_never_carry_the_context_of_a_read_or_the_key(world: World) -> None:
    kms = {SSE: "aws:kms", KEY_ID: world.gateway.key(), CONTEXT: CONTEXT_VALUE}
    world.request("PutObject", kms)
    for operation in ("GetObject", "HeadObject"):
        answer = world.request(operation, {}, key="put")
        assert answer.headers[KEY_ID] == world.gateway.key() and CONTEXT not in answer.headers
    answer = world.request("GetObject", CUSTOMER, key="secret")
    assert base64.b64encode(CUSTOMER_KEY).decode() not in repr(answer)


# --- the table of errors

SHORT, LONG = b"sixteen byte key", bytes(33)


def with_header(name: str, value: str | None, base: dict[str, str] = CUSTOMER) -> dict[str, str]:
    changed = dict(base) | {name: value}
    return {k: v for k, v in changed.items() if v is not None}


SSE_C_WRITES = {
    "key of 16 bytes": (customer_headers(SHORT), "InvalidArgument"),
    "key of 33 bytes": (customer_headers(LONG), "InvalidArgument"),
    "empty key": (customer_headers(b""), "InvalidArgument"),
    "key that is not base64": (with_header(C3 + "key", "***"), "InvalidArgument"),
    "MD5 of another key": (
        with_header(C3 + "key-md5", customer_headers(OTHER_CUSTOMER_KEY)[C3 + "key-md5"]),
        "InvalidArgument",
    ),
    "MD5 that is not base64": (with_header(C3 + "key-md5", "***"), "InvalidArgument"),
    "no MD5": (with_header(C3 + "key-md5", None), "InvalidArgument"),
    "no algorithm": (with_header(C3 + "algorithm", None), "InvalidArgument"),
    "no key": (with_header(C3 + "key", None), "InvalidArgument"),
    "algorithm alone": ({C3 + "algorithm": "AES256"}, "InvalidArgument"),
    "unknown algorithm": (with_header(C3 + "algorithm", "AES128"), "InvalidEncryptionAlgorithmError"),
    "lower-case algorithm": (with_header(C3 + "algorithm", "aes256"), "InvalidEncryptionAlgorithmError"),
    "with SSE-S3": (CUSTOMER | {SSE: "AES256"}, "InvalidArgument"),
    "with SSE-KMS": (CUSTOMER | {SSE: "aws:kms"}, "InvalidArgument"),
    "with SSE and an unknown algorithm": (with_header(C3 + "algorithm", "AES128") | {SSE: "AES256"}, "InvalidArgument"),
    "with a key id": (CUSTOMER | {KEY_ID: "alias/x"}, "InvalidArgument"),
}
OTHER_WRITES = {
    "key id with AES256": ({SSE: "AES256", KEY_ID: "alias/aws/s3"}, "InvalidArgument"),
    "key id alone": ({KEY_ID: "alias/aws/s3"}, "InvalidArgument"),
    "context with AES256": ({SSE: "AES256", CONTEXT: CONTEXT_VALUE}, "InvalidArgument"),
    "Bucket Key with AES256": ({SSE: "AES256", BUCKET_KEY: "true"}, "InvalidArgument"),
    "Bucket Key with DSSE": ({SSE: "aws:kms:dsse", BUCKET_KEY: "true"}, "InvalidArgument"),
    "Bucket Key that is no boolean": ({SSE: "aws:kms", BUCKET_KEY: "perhaps"}, "InvalidArgument"),
    "unknown mode": ({SSE: "aws:kmz"}, "InvalidArgument"),
    "lower-case mode": ({SSE: "aes256"}, "InvalidArgument"),
    "empty mode": ({SSE: ""}, "InvalidArgument"),
    "mode of another file system": ({SSE: "aws:fsx"}, "InvalidArgument"),
    "context that is not base64": ({SSE: "aws:kms", CONTEXT: "{}"}, "InvalidArgument"),
    "context that is not JSON": ({SSE: "aws:kms", CONTEXT: base64.b64encode(b"nope").decode()}, "InvalidArgument"),
    "context that is no map": ({SSE: "aws:kms", CONTEXT: base64.b64encode(b"[1]").decode()}, "InvalidArgument"),
    "context of numbers": ({SSE: "aws:kms", CONTEXT: base64.b64encode(b'{"a":1}').decode()}, "InvalidArgument"),
    "unknown key": ({SSE: "aws:kms", KEY_ID: "11111111-2222-3333-4444-555555555555"}, "KMS.NotFoundException"),
    "unknown alias": ({SSE: "aws:kms", KEY_ID: "alias/never-made"}, "KMS.NotFoundException"),
    "key of another region": (
        {SSE: "aws:kms", KEY_ID: "arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-3333-4444-555555555555"},
        "KMS.NotFoundException",
    ),
    "unknown key under DSSE": ({SSE: "aws:kms:dsse", KEY_ID: "alias/never-made"}, "KMS.NotFoundException"),
}


@pytest.mark.parametrize("case", SSE_C_WRITES | OTHER_WRITES)
def test_a_write_is_refused_before_its_body_is_read(world: World, case: str) -> None:
    headers, code = (SSE_C_WRITES | OTHER_WRITES)[case]
    key = "never-" + hashlib.md5(case.encode()).hexdigest()
    answer = held(world.gateway, "PUT", f"/{world.bucket}/{key}", headers=headers, body=noise(100_000)).refused(
        400, code
    )
    assert not answer.continued
    request(world.gateway, "POST", f"/{world.bucket}/{key}", query=[("uploads", "")], headers=headers).refused(
        400, code
    )
    source = {"x-amz-copy-source": f"/{world.bucket}/object"}
    request(world.gateway, "PUT", f"/{world.bucket}/{key}", headers=headers | source).refused(400, code)
    assert request(world.gateway, "HEAD", f"/{world.bucket}/{key}").status == 404


def test_an_argument_is_named(world: World) -> None:
    answer = request(world.gateway, "PUT", f"/{world.bucket}/x", headers={SSE: "nonsense"}).refused(
        400, "InvalidArgument"
    )
    assert (answer.field("ArgumentName"), answer.field("ArgumentValue")) == (SSE, "nonsense")
    answer = request(world.gateway, "PUT", f"/{world.bucket}/x", headers=with_header(C3 + "key-md5", "AAAA"))
    assert answer.field("ArgumentName") and "AAAA" not in (answer.field("ArgumentValue") or "")
    assert base64.b64encode(CUSTOMER_KEY) not in answer.body


READS = ("GetObject", "HeadObject", "GetObjectAttributes")


@pytest.mark.parametrize("operation", READS)
def test_reads_of_an_object_with_a_customer_key(world: World, operation: str) -> None:
    def outcome(headers: dict[str, str], status: int, code: str, key: str = "secret") -> None:
        refused(world.request(operation, headers, key=key), status, code)

    outcome({}, 400, "InvalidRequest")
    outcome(customer_headers(OTHER_CUSTOMER_KEY), 403, "AccessDenied")
    outcome(customer_headers(SHORT), 403, "AccessDenied")
    outcome(CUSTOMER, 400, "InvalidRequest", key="object")
    outcome(with_header(C3 + "algorithm", "AES128"), 400, "InvalidEncryptionAlgorithmError")
    outcome(with_header(C3 + "key-md5", customer_headers(SHORT)[C3 + "key-md5"]), 400, "InvalidArgument")
    outcome(with_header(C3 + "key-md5", None), 400, "InvalidArgument")
    outcome(with_header(C3 + "algorithm", None), 400, "InvalidArgument")
    outcome(with_header(C3 + "key", None), 400, "InvalidArgument")
    outcome({SSE: "AES256"}, 400, "InvalidArgument")
    outcome({SSE: "AES256"} | CUSTOMER, 400, "InvalidArgument")
    assert world.request(operation, CUSTOMER, key="secret").status == 200


@pytest.mark.parametrize("operation", ("CopyObject", "UploadPartCopy"))
def test_sources_of_copies_with_a_customer_key(world: World, operation: str) -> None:
    source = {"x-amz-copy-source": f"/{world.bucket}/secret"}
    for headers, status, code in (
        ({}, 400, "InvalidRequest"),
        (customer_headers(OTHER_CUSTOMER_KEY, "x-amz-copy-source-"), 403, "AccessDenied"),
        (customer_headers(SHORT, "x-amz-copy-source-"), 403, "AccessDenied"),
        (with_header(SRC3 + "algorithm", "AES128", CUSTOMER_SOURCE), 400, "InvalidEncryptionAlgorithmError"),
        (with_header(SRC3 + "key-md5", "AAAA", CUSTOMER_SOURCE), 400, "InvalidArgument"),
        (with_header(SRC3 + "key", None, CUSTOMER_SOURCE), 400, "InvalidArgument"),
    ):
        world.request(operation, source | headers).refused(status, code)
    assert world.request(operation, source | CUSTOMER_SOURCE).status == 200


def test_parts_of_an_upload_with_a_customer_key(world: World) -> None:
    path, query = f"/{world.bucket}/upload", [("partNumber", "2"), ("uploadId", world.secret_upload["id"])]
    for headers, code in (
        ({}, "InvalidRequest"),
        (customer_headers(OTHER_CUSTOMER_KEY), "InvalidRequest"),
        ({SSE: "AES256"}, "InvalidArgument"),
    ):
        answer = held(world.gateway, "PUT", path, query=query, headers=headers, body=noise(100_000)).refused(400, code)
        assert not answer.continued
    query = [("partNumber", "2"), ("uploadId", world.upload["id"])]
    held(world.gateway, "PUT", path, query=query, headers=CUSTOMER, body=b"x").refused(400, "InvalidRequest")


def test_a_customer_key_survives_nothing_but_the_right_key(world: World) -> None:
    """After all that was refused, the object is what it was."""
    answer = world.request("GetObject", CUSTOMER, key="secret")
    assert answer.body == b"mine"
    # Deleting needs no key.
    world.gateway.client().put_object(Bucket=world.bucket, Key="gone", Body=b"x", **customer())
    assert request(world.gateway, "DELETE", f"/{world.bucket}/gone").status == 204


def test_customer_keys_over_https_and_loopback_http(world: World) -> None:
    for scheme in ("http", "https"):
        path = f"/{world.bucket}/{scheme}"
        assert request(world.gateway, "PUT", path, headers=CUSTOMER, body=b"x", scheme=scheme).status == 200
        assert request(world.gateway, "GET", path, headers=CUSTOMER, scheme=scheme).body == b"x"


def other_address() -> str | None:
    """An address of this machine that is not the loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") or address == "0.0.0.0" else address


def test_customer_keys_in_cleartext_from_elsewhere_are_refused(new_gateway) -> None:
    address = other_address()
    if not address:
        pytest.skip("this machine has no address but the loopback one")
    gateway = new_gateway(listen="0.0.0.0:0")
    gateway.client().create_bucket(Bucket="cleartext")
    gateway.client().put_object(Bucket="cleartext", Key="k", Body=b"x", **customer())
    host = f"{address}:{gateway.http.rsplit(':', 1)[1]}"

    def elsewhere(method: str, key: str = "k", **how: object) -> Answer:
        return send(gateway, sign(gateway, method, f"/cleartext/{key}", host=host, **how), address=address)

    answer = elsewhere("PUT", "new", headers=CUSTOMER | {"expect": "100-continue"}, body=noise(50_000)).refused(
        400, "InvalidRequest"
    )
    assert not answer.continued
    elsewhere("GET", headers=CUSTOMER).refused(400, "InvalidRequest")
    assert elsewhere("HEAD", headers=CUSTOMER).status == 400
    elsewhere("PUT", "copy", headers=CUSTOMER_SOURCE | {"x-amz-copy-source": "/cleartext/k"}).refused(
        400, "InvalidRequest"
    )
    # What carries no secret is served.
    assert elsewhere("PUT", "plain", body=b"y").status == 200
    assert elsewhere("GET", "plain").body == b"y"
    # KMS calls that carry plaintext, too.
    headers = {"x-amz-target": "TrentService.GenerateDataKey", "content-type": "application/x-amz-json-1.1"}
    body = json.dumps({"KeyId": "alias/none", "KeySpec": "AES_256"}).encode()
    made = sign(gateway, "POST", "/", headers=headers, body=body, service="kms", host=host)
    assert send(gateway, made, address=address).status == 400
    assert request(gateway, "GET", "/cleartext/k", headers=CUSTOMER).body == b"x"


# --- bucket configuration


def put_encryption(world: World, rules: str) -> Answer:
    xml = f'<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{rules}</ServerSideEncryptionConfiguration>'
    return request(world.gateway, "PUT", f"/{world.bucket}", query=[("encryption", "")], body=xml.encode())


def rule(algorithm: str, key: str = "") -> str:
    key = f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else ""
    return f"<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}</ApplyServerSideEncryptionByDefault></Rule>"


def test_bad_bucket_encryption_is_refused(world: World) -> None:
    put_encryption(world, "").refused(400, "MalformedXML")
    put_encryption(world, rule("AES256") * 2).refused(400, "MalformedXML")
    put_encryption(world, rule("ROT13")).refused(400, "MalformedXML")
    answer = put_encryption(world, rule("AES256", "alias/x")).refused(400, "InvalidArgument")
    assert answer.field("ArgumentName") == "ApplyServerSideEncryptionByDefault"
    # The key is not looked up when the configuration is put.
    assert put_encryption(world, rule("aws:kms", "alias/never-made")).status == 200
    held(world.gateway, "PUT", f"/{world.bucket}/x", body=noise(50_000)).refused(400, "KMS.NotFoundException")
    assert request(world.gateway, "DELETE", f"/{world.bucket}", query=[("encryption", "")]).status == 204
