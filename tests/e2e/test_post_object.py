"""PostObject: uploads by HTML forms, as browsers send them.

Forms are made by boto3 (`generate_presigned_post`) and sent by requests, or put together by hand
where they have to be wrong.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import xml.etree.ElementTree as ET
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import noise
from gateway import ALICE, BOB, CAROL, REGION, ROOT_USER, Gateway, User
from modes import KMS_OWN, MODES, SSE_C, Mode, customer_headers
from raw import Answer, Connection, Signed, signing_key

DATA = b"what the browser sends"
BOUNDARY = "----edge"
# The fields of a signature are tested in both versions.
VERSIONS = ("s3v4", None)


def form(gateway: Gateway, bucket: str, key: str, *, user: User = ROOT_USER, version: str | None = "s3v4", **more):
    """A form that boto3 has signed: its URL and fields."""
    scheme = more.pop("scheme", "http")
    fields, conditions = more.pop("fields", {}), more.pop("conditions", [])
    client = gateway.client(user=user, scheme=scheme, signature_version=version)
    conditions = [{name: value} for name, value in fields.items()] + conditions
    made = client.generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, **more)
    return made["url"], made["fields"]


def submit(gateway: Gateway, url: str, fields: dict, data: bytes = DATA, name: str | None = "photo.jpg", **more):
    verify = gateway.ca if url.startswith("https") else None
    file = {"file": (name, data)}
    return requests.post(
        url, data=fields, files=file, verify=verify, allow_redirects=False, timeout=60, proxies={"all": ""}, **more
    )


def answer_of(response: requests.Response) -> Answer:
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)


def post(gateway: Gateway, bucket: str, key: str = "k", *, data: bytes = DATA, **more) -> Answer:
    """Makes a form, and sends it."""
    return answer_of(submit(gateway, *form(gateway, bucket, key, **more), data=data))


def multipart(fields: list[tuple[str, str | bytes]], end: bool = True) -> bytes:
    """A form by hand; the field `file` has a name."""
    out = b""
    for name, value in fields:
        filename = '; filename="f.txt"' if name == "file" else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
        out += head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return out + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def send_raw(
    gateway: Gateway,
    path: str,
    body: bytes,
    content_type: str | None = f"multipart/form-data; boundary={BOUNDARY}",
    headers: dict | None = None,
    length: int | None = None,
) -> Answer:
    request = Signed("POST", path, headers={"host": urlsplit(gateway.http).netloc} | (headers or {}), body=body)
    if content_type:
        request.headers["content-type"] = content_type
    with Connection(gateway) as connection:
        connection.send_head(request, length)
        connection.send(body)
        return connection.answer("POST")


def signed_policy(policy: dict | str | bytes, user: User = ROOT_USER, region: str = REGION) -> list[tuple[str, str]]:
    """The fields of a signature over any document."""
    if isinstance(policy, dict):
        policy = json.dumps(policy)
    encoded = base64.b64encode(policy if isinstance(policy, bytes) else policy.encode()).decode()
    return signed_text(encoded, user, region)


def stamp() -> str:
    return dt.datetime.now(dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def signed_text(encoded: str, user: User, region: str = REGION) -> list[tuple[str, str]]:
    date = stamp()
    key = signing_key(user, date[:8], region)
    return [
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", f"{user.access_key}/{date[:8]}/{region}/s3/aws4_request"),
        ("x-amz-date", date),
        ("policy", encoded),
        ("x-amz-signature", hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest()),
    ]


def in_an_hour() -> str:
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(bucket: str, *conditions: object) -> dict:
    """A policy that leaves the fields of the signature free."""
    free = [["starts-with", f"$x-amz-{name}", ""] for name in ("algorithm", "credential", "date")]
    return {"expiration": in_an_hour(), "conditions": [{"bucket": bucket}, *free, *conditions]}


def by_hand(gateway: Gateway, bucket: str, document: dict | str | bytes, *fields: tuple[str, str | bytes]) -> Answer:
    """A form with this policy and these fields; the file is one of them."""
    return send_raw(gateway, f"/{bucket}", multipart([*signed_policy(document), *fields]))


def objects(s3, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


# --- what is stored


@pytest.mark.every_store
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", (0, 1, 70_000, 3_000_000))
def test_a_form_stores_its_file(gateway: Gateway, s3, bucket: str, version: str | None, size: int) -> None:
    data = noise(size)
    answer = post(gateway, bucket, "a/b ü", data=data, version=version)
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    assert (answer.status, answer.body, answer.headers["etag"]) == (204, b"", etag), answer.body
    assert answer.headers["location"] == f"{gateway.http}/{bucket}/{quote('a/b ü', safe='')}"
    assert answer.headers["x-amz-server-side-encryption"] == "AES256"
    got = s3.get_object(Bucket=bucket, Key="a/b ü")
    assert got["Body"].read() == data and got["ETag"] == etag
    assert got["ContentType"] == "binary/octet-stream"


def test_fields_become_what_headers_of_a_put_would(gateway: Gateway, s3, bucket: str) -> None:
    fields = {
        "acl": "private",
        "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="x"',
        "Content-Encoding": "identity",
        "Content-Type": "image/jpeg",
        "Expires": "Wed, 21 Oct 2037 07:28:00 GMT",
        "x-amz-meta-colour": "green",
        "x-amz-storage-class": "STANDARD",
        "x-amz-website-redirect-location": "/there",
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(DATA).digest()).decode(),
        "Content-MD5": base64.b64encode(hashlib.md5(DATA).digest()).decode(),
    }
    answer = post(gateway, bucket, fields=fields)
    assert answer.status == 204, answer.body
    assert answer.headers["x-amz-checksum-sha256"] == fields["x-amz-checksum-sha256"]
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["CacheControl"], head["ContentType"], head["Metadata"]) == (
        "max-age=60",
        "image/jpeg",
        {"colour": "green"},
    )
    assert (head["ContentDisposition"], head["ContentEncoding"]) == ('attachment; filename="x"', "identity")
    assert (head["WebsiteRedirectLocation"], head["ExpiresString"]) == ("/there", fields["Expires"])
    assert head["ChecksumSHA256"] == fields["x-amz-checksum-sha256"]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_every_mode_of_encryption(gateway: Gateway, bucket: str, mode: Mode) -> None:
    wanted = mode.write(gateway)
    if mode.customer:
        fields = customer_headers()
    else:
        names = {
            "ServerSideEncryption": "x-amz-server-side-encryption",
            "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
            "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
        }
        fields = {names[name]: str(value).lower() if value is True else value for name, value in wanted.items()}
    answer = post(gateway, bucket, fields=fields, scheme="https")
    assert answer.status == 204, answer.body
    s3 = gateway.client(scheme="https")
    got = s3.get_object(Bucket=bucket, Key="k", **mode.read())
    assert got["Body"].read() == DATA
    mode.check(gateway, got)


def test_the_default_of_the_bucket_counts(gateway: Gateway, s3, bucket: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": gateway.key()}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert post(gateway, bucket).headers["x-amz-server-side-encryption-aws-kms-key-id"] == gateway.key()
    # Whose form it is needs the key, as for a PUT, and Version 2 names nobody to the KMS.
    post(gateway, bucket, user=BOB).refused(403, "AccessDenied")
    post(gateway, bucket, version=None).refused(400, "InvalidArgument")


def test_customer_keys_need_tls_or_the_same_machine(new_gateway) -> None:
    gateway = new_gateway(config='cleartext_secrets = "never"\n')
    gateway.client().create_bucket(Bucket="forms")
    fields = customer_headers()
    post(gateway, "forms", fields=fields).refused(400, "InvalidRequest")
    assert post(gateway, "forms", fields=fields, scheme="https").status == 204


@pytest.mark.parametrize(
    "filename,key", (("photo.jpg", "in/photo.jpg"), ("C:\\dir/sub\\c.txt", "in/c.txt"), ("ü b.txt", "in/ü b.txt"))
)
def test_the_name_of_the_file_stands_in_for_its_variable(
    gateway: Gateway, s3, bucket: str, filename: str, key: str
) -> None:
    conditions = [["starts-with", "$key", "in/"], ["starts-with", "$x-amz-meta-name", ""]]
    document = policy(bucket, *conditions)
    fields = signed_policy(document) + [("key", "in/${filename}"), ("x-amz-meta-name", "x")]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    body = multipart(fields, end=False) + head.encode() + DATA + f"\r\n--{BOUNDARY}--\r\n".encode()
    assert send_raw(gateway, f"/{bucket}", body).status == 204
    assert objects(s3, bucket) == [key]


def test_what_follows_the_file_is_ignored(gateway: Gateway, s3, bucket: str) -> None:
    document = policy(bucket, {"key": "k"})
    fields = [("key", "k"), ("file", DATA), ("key", "other"), ("acl", "public-read"), ("file", b"second")]
    answer = by_hand(gateway, bucket, document, *fields)
    assert answer.status == 204 and objects(s3, bucket) == ["k"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == DATA


def test_a_connection_serves_on_after_a_form(gateway: Gateway, s3, bucket: str) -> None:
    headers = {
        "host": urlsplit(gateway.http).netloc,
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    with Connection(gateway) as connection:
        for key in ("a", "b", "c"):
            fields = [*signed_policy(policy(bucket, {"key": key})), ("key", key), ("file", noise(200_000, key))]
            form = Signed("POST", f"/{bucket}", headers=headers, body=multipart([*fields, ("later", "ignored")]))
            connection.send_head(form)
            connection.send(form.body)
            answer = connection.answer("POST")
            assert answer.status == 204 and "connection" not in answer.headers, answer.body
    assert objects(s3, bucket) == ["a", "b", "c"]


# --- what is answered


@pytest.mark.parametrize("asked,status", (("200", 200), ("201", 201), ("204", 204), ("404", 204), (None, 204)))
def test_the_form_chooses_the_status(gateway: Gateway, bucket: str, asked: str | None, status: int) -> None:
    fields = {"success_action_status": asked} if asked else {}
    answer = post(gateway, bucket, "a/b c", fields=fields)
    assert answer.status == status
    place = f"{gateway.http}/{bucket}/a%2Fb%20c"
    assert answer.headers["location"] == place
    if status != 201:
        assert answer.body == b""
        return
    assert answer.headers["content-type"] == "application/xml"
    root = ET.fromstring(answer.body)
    assert root.tag == "PostResponse" and {e.tag: e.text for e in root} == {
        "Location": place,
        "Bucket": bucket,
        "Key": "a/b c",
        "ETag": answer.headers["etag"],
    }


@pytest.mark.parametrize("field", ("success_action_redirect", "redirect"))
def test_the_form_sends_the_browser_on(gateway: Gateway, bucket: str, field: str) -> None:
    fields = {field: "https://example.com/done?x=1", "success_action_status": "201"}
    answer = post(gateway, bucket, "a/b c", fields=fields)
    assert (answer.status, answer.body) == (303, b"")
    url = urlsplit(answer.headers["location"])
    assert (url.scheme, url.netloc, url.path) == ("https", "example.com", "/done")
    told = [("x", "1"), ("bucket", bucket), ("key", "a/b c"), ("etag", answer.headers["etag"])]
    assert parse_qsl(url.query) == told


@pytest.mark.parametrize("url", ("not a url", "/relative", "ftp://example.com/", "javascript:alert(1)"))
def test_what_is_no_url_of_the_web_is_no_redirect(gateway: Gateway, bucket: str, url: str) -> None:
    assert post(gateway, bucket, fields={"success_action_redirect": url}).status == 204


def test_the_bucket_may_be_in_the_host(new_gateway) -> None:
    gateway = new_gateway(config='domains = ["s3.test"]\n')
    gateway.client().create_bucket(Bucket="forms")
    body = multipart([*signed_policy(policy("forms", {"key": "a/b"})), ("key", "a/b"), ("file", DATA)])
    answer = send_raw(gateway, "/", body, headers={"host": "forms.s3.test"})
    assert (answer.status, answer.headers["location"]) == (204, "http://forms.s3.test/a%2Fb")


# --- who may


@pytest.mark.parametrize("version", VERSIONS)
def test_a_form_may_what_its_signer_may(gateway: Gateway, s3, bucket: str, version: str | None) -> None:
    assert post(gateway, bucket, user=ALICE, version=version).status == 204
    post(gateway, bucket, user=CAROL, version=version).refused(403, "AccessDenied")
    iam = gateway.client("iam")
    name = f"reader-{bucket}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    made = iam.create_access_key(UserName=name)["AccessKey"]
    user = User(name, made["AccessKeyId"], made["SecretAccessKey"], arn)
    post(gateway, bucket, user=user, version=version).refused(403, "AccessDenied")
    # A statement may say that it is about forms.
    condition = {"StringEquals": {"s3:authType": "POST", "s3:x-amz-storage-class": "STANDARD"}}
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    document = {"Version": "2012-10-17", "Statement": [allow | {"Condition": condition}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    standard = {"x-amz-storage-class": "STANDARD"}
    assert post(gateway, bucket, "in/k", user=user, version=version, fields=standard).status == 204
    post(gateway, bucket, "in/k", user=user, version=version).refused(403, "AccessDenied")
    post(gateway, bucket, "out", user=user, version=version, fields=standard).refused(403, "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        gateway.client(user=user).put_object(Bucket=bucket, Key="in/k", Body=b"", StorageClass="STANDARD")
    iam.update_access_key(UserName=name, AccessKeyId=user.access_key, Status="Inactive")
    post(gateway, bucket, "in/k", user=user, version=version, fields=standard).refused(403, "InvalidAccessKeyId")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_signs_forms_with_its_token(gateway: Gateway, s3, bucket: str, version: str | None) -> None:
    import boto3
    from botocore.config import Config

    credentials = gateway.client("sts", user=ALICE, scheme="https").get_session_token()["Credentials"]
    session = boto3.session.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], REGION
    )
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url=gateway.http, config=config)
    made = client.generate_presigned_post(bucket, "k")
    assert submit(gateway, made["url"], made["fields"]).status_code == 204
    without = {name: value for name, value in made["fields"].items() if name != "x-amz-security-token"}
    answer_of(submit(gateway, made["url"], without)).refused(403, "InvalidAccessKeyId")
    wrong = made["fields"] | {"x-amz-security-token": "other"}
    answer_of(submit(gateway, made["url"], wrong)).refused(400, "InvalidToken")


def test_nobody_may_send_a_form(gateway: Gateway, s3, bucket: str) -> None:
    body = multipart([("key", "k"), ("file", DATA)])
    send_raw(gateway, f"/{bucket}", body).refused(403, "AccessDenied")
    # A policy that nobody has signed is no permission.
    unsigned = base64.b64encode(json.dumps(policy(bucket)).encode()).decode()
    body = multipart([("key", "k"), ("policy", unsigned), ("file", DATA)])
    send_raw(gateway, f"/{bucket}", body).refused(403, "AccessDenied")
    assert objects(s3, bucket) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signature_that_is_not_right_is_refused(gateway: Gateway, s3, bucket: str, version: str | None) -> None:
    url, fields = form(gateway, bucket, "k", version=version)
    signature = "x-amz-signature" if version else "signature"
    other = policy(bucket, {"key": "k"})
    for wrong in (
        {signature: fields[signature][::-1]},
        {signature: ""},
        {"policy": base64.b64encode(json.dumps(other).encode()).decode()},
        {"policy": fields["policy"][:-4]},
    ):
        answer = answer_of(submit(gateway, url, fields | wrong)).refused(403, "SignatureDoesNotMatch")
        assert answer.field("StringToSign") == (fields | wrong)["policy"]
    unknown = {
        name: value.replace(ROOT_USER.access_key, "AKIAIOSFODNN7UNKNOWN") if name != "policy" else value
        for name, value in fields.items()
    }
    answer_of(submit(gateway, url, unknown)).refused(403, "InvalidAccessKeyId")
    assert objects(s3, bucket) == []


def test_the_fields_of_a_signature_come_together(gateway: Gateway, bucket: str) -> None:
    for version in VERSIONS:
        url, fields = form(gateway, bucket, "k", version=version)
        for name in fields.keys() - {"key"}:
            rest = {field: value for field, value in fields.items() if field != name}
            answer = answer_of(submit(gateway, url, rest)).refused(400, "InvalidArgument")
            assert answer.field("ArgumentName").lower() == name.lower()


@pytest.mark.parametrize(
    "change",
    (
        {"x-amz-algorithm": "AWS4-HMAC-SHA1"},
        {"x-amz-credential": "AKIA"},
        {"x-amz-credential": "AKIA/20200101/us-east-1/s3/aws4_request"},
        {"x-amz-date": "2020-01-01T00:00:00Z"},
    ),
    ids=str,
)
def test_a_field_of_the_signature_that_does_not_parse_is_refused(gateway: Gateway, bucket: str, change: dict) -> None:
    url, fields = form(gateway, bucket, "k")
    answer = answer_of(submit(gateway, url, fields | change)).refused(400, "InvalidArgument")
    assert answer.field("ArgumentName").lower() in change


def test_a_form_for_another_region_or_service_is_refused(gateway: Gateway, bucket: str) -> None:
    fields = [*signed_policy(policy(bucket, {"key": "k"}), region="eu-west-1"), ("key", "k"), ("file", DATA)]
    answer = send_raw(gateway, f"/{bucket}", multipart(fields)).refused(400, "InvalidArgument")
    assert answer.field("Region") == REGION and answer.field("ArgumentName") == "X-Amz-Credential"


# --- what the policy says


def denied(answer: Answer, reason: str) -> None:
    answer.refused(403, "AccessDenied")
    assert answer.field("Message") == f"Invalid according to Policy: {reason}"


def test_a_policy_expires(gateway: Gateway, s3, bucket: str) -> None:
    document = policy(bucket, {"key": "k"}) | {"expiration": "2020-01-01T00:00:00.000Z"}
    denied(by_hand(gateway, bucket, document, ("key", "k"), ("file", DATA)), "Policy expired.")
    assert objects(s3, bucket) == []


@pytest.mark.parametrize(
    "condition,holds,fails",
    (
        (["eq", "$x-amz-meta-a", "x"], "x", "X"),
        ({"x-amz-meta-a": "x"}, "x", "xx"),
        (["starts-with", "$x-amz-meta-a", "user/"], "user/1", "users/1"),
        (["starts-with", "$X-Amz-Meta-A", ""], "anything", None),
        (["StArTs-WiTh", "$x-amz-meta-a", "a"], "abc", "bc"),
    ),
    ids=str,
)
def test_conditions(
    gateway: Gateway, s3, bucket: str, condition: object, holds: str, fails: str | None
) -> None:
    document = policy(bucket, {"key": "k"}, condition)
    shown = condition if isinstance(condition, list) else ["eq", "$x-amz-meta-a", "x"]
    reason = "Policy Condition failed: " + json.dumps(shown)
    fields = [("key", "k")]
    if fails is not None:
        denied(by_hand(gateway, bucket, document, *fields, ("x-amz-meta-a", fails), ("file", DATA)), reason)
    # A field that is not there meets no condition.
    denied(by_hand(gateway, bucket, document, *fields, ("file", DATA)), reason)
    assert objects(s3, bucket) == []
    answer = by_hand(gateway, bucket, document, *fields, ("X-AMZ-Meta-a", holds), ("file", DATA))
    assert answer.status == 204, answer.body
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": holds}


def test_a_condition_on_types_is_about_each_of_a_list(gateway: Gateway, bucket: str) -> None:
    condition = ["starts-with", "$Content-Type", "image/"]
    document = policy(bucket, {"key": "k"}, condition)

    def typed(value: str) -> Answer:
        return by_hand(gateway, bucket, document, ("key", "k"), ("Content-Type", value), ("file", DATA))

    assert typed("image/png").status == typed("image/png,image/gif").status == 204
    denied(typed("image/png,text/html"), "Policy Condition failed: " + json.dumps(condition))


def test_a_form_is_for_one_bucket_and_its_keys(gateway: Gateway, s3, bucket: str) -> None:
    url, fields = form(gateway, bucket, "in/${filename}")
    denied(
        answer_of(submit(gateway, url, fields | {"key": "out"})),
        'Policy Condition failed: ["starts-with", "$key", "in/"]',
    )
    other = f"{bucket}-2"
    s3.create_bucket(Bucket=other)
    denied(
        answer_of(submit(gateway, f"{gateway.http}/{other}", fields)),
        f'Policy Condition failed: ["eq", "$bucket", "{bucket}"]',
    )
    everywhere = policy(bucket, {"key": "k"})
    everywhere["conditions"].remove({"bucket": bucket})
    denied(by_hand(gateway, bucket, everywhere, ("key", "k"), ("file", DATA)), "Extra input fields: bucket")
    assert objects(s3, bucket) == objects(s3, other) == []


def test_every_field_needs_a_condition(gateway: Gateway, s3, bucket: str) -> None:
    url, fields = form(gateway, bucket, "k")
    denied(answer_of(submit(gateway, url, fields | {"x-amz-meta-Foo": "1"})), "Extra input fields: x-amz-meta-Foo")
    denied(answer_of(submit(gateway, url, fields | {"acl": "private"})), "Extra input fields: acl")
    denied(answer_of(submit(gateway, url, fields | {"submit": "Upload"})), "Extra input fields: submit")
    denied(by_hand(gateway, bucket, policy(bucket), ("key", "k"), ("file", DATA)), "Extra input fields: key")
    encryption = {"x-amz-server-side-encryption": "aws:kms"}
    denied(answer_of(submit(gateway, url, fields | encryption)), f"Extra input fields: {next(iter(encryption))}")
    assert objects(s3, bucket) == []
    assert submit(gateway, url, fields | {"x-ignore-me": "1"}).status_code == 204


@pytest.mark.parametrize("bounds", ([5, 10], ["5", "10"]), ids=str)
def test_the_length_of_the_file_has_bounds(gateway: Gateway, s3, bucket: str, bounds: list) -> None:
    def sized(length: int) -> Answer:
        return post(gateway, bucket, data=b"x" * length, conditions=[["content-length-range", *bounds]])

    small = sized(4).refused(400, "EntityTooSmall")
    assert (small.field("ProposedSize"), small.field("MinSizeAllowed")) == ("4", "5")
    assert sized(11).refused(400, "EntityTooLarge").field("MaxSizeAllowed") == "10"
    sized(1_000_000).refused(400, "EntityTooLarge")
    assert objects(s3, bucket) == []
    assert sized(5).status == sized(10).status == 204


def test_a_refused_file_leaves_no_blob(new_gateway) -> None:
    gateway = new_gateway()
    gateway.client().create_bucket(Bucket="forms")
    data = noise(1_000_000)
    too_small = [["content-length-range", 2_000_000, 3_000_000]]
    post(gateway, "forms", data=data, conditions=too_small).refused(400, "EntityTooSmall")
    too_large = [["content-length-range", 0, 999_999]]
    post(gateway, "forms", data=data, conditions=too_large).refused(400, "EntityTooLarge")
    wrong = {"x-amz-checksum-crc32": "AAAAAA=="}
    post(gateway, "forms", data=data, fields=wrong).refused(400, "BadDigest")
    assert gateway.blobs() == []


@pytest.mark.parametrize(
    "document",
    (
        "no json",
        "[]",
        '{"conditions": []}',
        '{"expiration": "2999-01-01T00:00:00Z"}',
        '{"EXPIRATION": "2999-01-01T00:00:00Z", "conditions": []}',
        '{"expiration": "2999-01-01T00:00:00Z", "CONDITIONS": []}',
        '{"expiration": "2999-01-01 00:00:00", "conditions": []}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": {}}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [{}]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["ends-with", "$key", "k"]]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", 0]]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 0]]}',
        '{"expiration": "2999-01-01T00:00:00Z", "conditions": [["eq", "$key"]]}',
        b"\xff\xfe",
    ),
    ids=str,
)
def test_a_document_that_is_no_policy_is_refused(gateway: Gateway, bucket: str, document: str | bytes) -> None:
    answer = by_hand(gateway, bucket, document, ("key", "k"), ("file", DATA)).refused(400, "InvalidPolicyDocument")
    assert answer.field("Message").startswith("Invalid Policy: ")


def test_a_policy_that_is_not_base64_is_refused(gateway: Gateway, bucket: str) -> None:
    fields = [*signed_text("{policy}", ROOT_USER), ("key", "k"), ("file", DATA)]
    send_raw(gateway, f"/{bucket}", multipart(fields)).refused(400, "InvalidPolicyDocument")


# --- what the form must be


def test_a_body_that_is_no_form_is_refused(gateway: Gateway, s3, bucket: str) -> None:
    path, good = f"/{bucket}", [*signed_policy(policy(bucket, {"key": "k"})), ("key", "k"), ("file", DATA)]
    for content_type in ("application/x-www-form-urlencoded", f"multipart/mixed; boundary={BOUNDARY}", None):
        answer = send_raw(gateway, path, multipart(good), content_type).refused(412, "PreconditionFailed")
        assert answer.field("Condition") == "Bucket POST must be of the enclosure-type multipart/form-data"
    malformed = (400, "MalformedPOSTRequest")
    send_raw(gateway, path, multipart(good), "multipart/form-data").refused(*malformed)
    for body in (b"", b"key=k&file=x", multipart(good, end=False), multipart(good)[:-40]):
        send_raw(gateway, path, body).refused(*malformed)
    assert objects(s3, bucket) == []


def test_a_form_has_a_key_and_a_file(gateway: Gateway, s3, bucket: str) -> None:
    document = policy(bucket, ["starts-with", "$key", ""])
    answer = by_hand(gateway, bucket, document, ("key", "k")).refused(400, "InvalidArgument")
    assert answer.field("Message") == "POST requires exactly one file upload per request."
    for fields in ([("file", DATA)], [("file", DATA), ("key", "k")]):
        answer = by_hand(gateway, bucket, document, *fields).refused(400, "InvalidArgument")
        assert answer.field("ArgumentName") == "key"
    by_hand(gateway, bucket, document, ("key", ""), ("file", DATA)).refused(400, "InvalidArgument")
    by_hand(gateway, bucket, document, ("key", "k" * 1025), ("file", DATA)).refused(400, "KeyTooLongError")
    assert by_hand(gateway, bucket, document, ("key", "k" * 1024), ("file", DATA)).status == 204
    by_hand(gateway, bucket, document, ("key", "a"), ("key", "b"), ("file", DATA)).refused(400, "InvalidArgument")
    assert objects(s3, bucket) == ["k" * 1024]


def test_twenty_kibibytes_of_fields_are_the_limit(gateway: Gateway, bucket: str) -> None:
    document = policy(bucket, {"key": "k"})
    fields = [*signed_policy(document), ("key", "k")]
    left = 20_480 - sum(len(name) + len(text) for name, text in fields) - len("x-ignore-a")

    def padded(length: int) -> Answer:
        return send_raw(gateway, f"/{bucket}", multipart([*fields, ("x-ignore-a", "v" * length), ("file", DATA)]))

    assert padded(left).status == 204
    answer = padded(left + 1).refused(400, "MaxPostPreDataLengthExceeded")
    assert answer.field("MaxPostPreDataLengthBytes") == "20480"
    # What is taken for a field because its name is not `file` is not held in memory.
    upload = [*fields, ("upload", noise(5_000_000)), ("file", DATA)]
    send_raw(gateway, f"/{bucket}", multipart(upload)[:900_000]).refused(400, "MaxPostPreDataLengthExceeded")


def test_a_form_has_a_length_and_all_of_it(gateway: Gateway, s3, bucket: str) -> None:
    body = multipart([*signed_policy(policy(bucket, {"key": "k"})), ("key", "k"), ("file", noise(300_000))])
    chunked = {"transfer-encoding": "chunked"}
    send_raw(gateway, f"/{bucket}", b"0\r\n\r\n", headers=chunked).refused(411, "MissingContentLength")
    request = Signed("POST", f"/{bucket}", headers={"host": urlsplit(gateway.http).netloc}, body=body)
    request.headers["content-type"] = f"multipart/form-data; boundary={BOUNDARY}"
    with Connection(gateway) as connection:
        connection.send_head(request, len(body))
        connection.send(body[:-100_000])
    assert objects(s3, bucket) == []


def test_the_file_is_read_only_when_the_form_is_allowed(gateway: Gateway, bucket: str) -> None:
    """A refusal comes while the file is held back."""
    fields = [*signed_policy(policy(bucket, {"key": "k"}), CAROL), ("key", "k"), ("file", b"")]
    body = multipart(fields, end=False)
    request = Signed("POST", f"/{bucket}", headers={"host": urlsplit(gateway.http).netloc}, body=body)
    request.headers["content-type"] = f"multipart/form-data; boundary={BOUNDARY}"
    with Connection(gateway) as connection:
        connection.send_head(request, 4 << 30)
        connection.send(body[:-2])
        status, headers = connection.read_head()
        answer = Answer(status, headers, connection.read_body("POST", status, headers))
    answer.refused(403, "AccessDenied")


def test_fields_are_honoured_or_refused(gateway: Gateway, s3, bucket: str) -> None:
    for fields, status, code in (
        ({"acl": "public-read"}, 400, "AccessControlListNotSupported"),
        ({"x-amz-storage-class": "GLACIER"}, 400, "InvalidStorageClass"),
        ({"tagging": "<Tagging/>"}, 400, "MalformedXML"),
        ({"tagging": "a=b"}, 400, "MalformedXML"),
        ({"x-amz-copy-source": "/b/k"}, 501, "NotImplemented"),
        ({"x-amz-object-lock-mode": "GOVERNANCE"}, 400, "InvalidRequest"),
        ({"x-amz-server-side-encryption": "rot13"}, 400, "InvalidArgument"),
        ({"x-amz-server-side-encryption-nonsense": "1"}, 400, "InvalidArgument"),
        ({"x-amz-meta-large": "x" * 2048}, 400, "MetadataTooLarge"),
        ({"x-amz-meta-lines": "one\ntwo"}, 400, "InvalidArgument"),
        ({"x-amz-website-redirect-location": "other"}, 400, "InvalidRedirectLocation"),
        ({"x-amz-checksum-sha256": "AAAA"}, 400, "InvalidRequest"),
        ({"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()}, 400, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}, 400, "InvalidRequest"),
        ({"Content-MD5": base64.b64encode(bytes(16)).decode()}, 400, "BadDigest"),
    ):
        post(gateway, bucket, fields=fields).refused(status, code)
    assert objects(s3, bucket) == []


def test_a_form_gives_its_object_tags_and_makes_a_version(gateway: Gateway, s3, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    tagging = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>"
    post(gateway, bucket, fields={"tagging": tagging}).refused(400, "InvalidTag")
    answer = post(gateway, bucket, fields={"tagging": tagging.replace("&amp;", "+")})
    assert answer.status == 204
    version = answer.headers["x-amz-version-id"]
    tags = s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=version)["TagSet"]
    assert tags == [{"Key": "a b", "Value": "1+2"}]


def test_headers_of_the_request_are_not_those_of_the_object(gateway: Gateway, bucket: str) -> None:
    url, fields = form(gateway, bucket, "k")
    encryption = {"x-amz-server-side-encryption": "aws:kms"}
    answer_of(submit(gateway, url, fields, headers=encryption)).refused(400, "InvalidArgument")
    assert submit(gateway, url, fields, headers={"x-amz-expected-bucket-owner": "111111111111"}).status_code == 204
    other = {"x-amz-expected-bucket-owner": "222222222222"}
    answer_of(submit(gateway, url, fields, headers=other)).refused(403, "AccessDenied")


def test_there_must_be_a_bucket(gateway: Gateway) -> None:
    body = multipart([*signed_policy(policy("no-such-bucket", {"key": "k"})), ("key", "k"), ("file", DATA)])
    send_raw(gateway, "/no-such-bucket", body).refused(404, "NoSuchBucket")


def test_a_key_is_used_in_the_name_of_the_signer(gateway: Gateway, bucket: str) -> None:
    fields = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": gateway.key(),
    }
    answer = post(gateway, bucket, user=ALICE, fields=fields)
    assert answer.status == 204
    s3 = gateway.client(user=ALICE, scheme="https")
    shown = s3.head_object(Bucket=bucket, Key="k")
    KMS_OWN.check(gateway, shown)
    post(gateway, bucket, user=BOB, fields=fields).refused(403, "AccessDenied")


def test_a_customer_key_of_a_form_opens_the_object_and_no_other_does(gateway: Gateway, bucket: str) -> None:
    assert post(gateway, bucket, fields=customer_headers(), scheme="https").status == 204
    s3 = gateway.client(scheme="https")
    assert s3.get_object(Bucket=bucket, Key="k", **SSE_C.read())["Body"].read() == DATA
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="k")
