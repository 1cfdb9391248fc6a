"""Server access logs: who may have one, what a line says, and where it is delivered."""

from __future__ import annotations

import re
import time
import urllib.request

import pytest
from conftest import unique
from gateway import ACCOUNT, ALICE, CANONICAL_ID, CAROL, REGION, Gateway
from raw import request
from test_access import DENIED, own, refusal, statement, put_policy

DELIVERY = {"Service": "logging.s3.amazonaws.com"}
FIELDS = (
    "owner bucket time ip requester request_id operation key uri status error sent size total turn_around "
    "referer agent version host_id signature cipher authentication host tls access_point acl_required"
).split()
REFUSED = (400, "InvalidTargetBucketForLogging")


def parse(line: str) -> dict[str, str]:
    """The fields of a line, as AWS's documentation has them; none more, none less."""
    fields = re.findall(r'\[[^\]]*\]|"[^"]*"|\S+', line)
    assert len(fields) == len(FIELDS), line
    return dict(zip(FIELDS, fields))


def let_in(gateway: Gateway, target: str, path: str = "/*", **more: object) -> None:
    put_policy(gateway, target, statement(target, "s3:PutObject", DELIVERY, path=path, **more))


def turn_on(gateway: Gateway, bucket: str, target: str, prefix: str = "logs/", **more: object) -> None:
    enabled = {"TargetBucket": target, "TargetPrefix": prefix} | more
    gateway.client().put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def objects(gateway: Gateway, target: str) -> dict[str, str]:
    s3 = gateway.client()
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=target).get("Contents", [])]
    return {key: s3.get_object(Bucket=target, Key=key)["Body"].read().decode() for key in keys}


def lines(gateway: Gateway, target: str) -> list[dict[str, str]]:
    return [parse(line) for text in objects(gateway, target).values() for line in text.splitlines()]


@pytest.fixture
def logged(new_gateway) -> Gateway:
    """A gateway with the buckets `source`, which is logged, and `target`. What waits is delivered when it ends."""
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="source")
    s3.create_bucket(Bucket="target")
    let_in(gateway, "target")
    turn_on(gateway, "source", "target")
    return gateway


def test_a_configuration_comes_back_and_goes(gateway: Gateway, bucket: str) -> None:
    s3, target = gateway.client(), unique("target")
    s3.create_bucket(Bucket=target)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    let_in(gateway, target)
    for more in (
        {},
        {"TargetObjectKeyFormat": {"SimplePrefix": {}}},
        {"TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}},
    ):
        turn_on(gateway, bucket, target, **more)
        expected = {"TargetBucket": target, "TargetPrefix": "logs/"} | more
        assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == expected
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_a_target_has_to_be_of_the_same_owner_and_let_the_log_in(gateway: Gateway, bucket: str) -> None:
    s3, target = gateway.client(), unique("target")
    s3.create_bucket(Bucket=target)

    def refused(to: str = target, **more: object) -> tuple[int, str]:
        enabled = {"TargetBucket": to, "TargetPrefix": "logs/"} | more
        return refusal(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    assert refused() == REFUSED
    let_in(gateway, target, path="/other/*")
    assert refused() == REFUSED
    let_in(gateway, target, Condition={"StringEquals": {"aws:SourceAccount": "333333333333"}})
    assert refused() == REFUSED
    conditions = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
    }
    let_in(gateway, target, path="/logs/*", Condition=conditions)
    turn_on(gateway, bucket, target)
    assert refused("no-such-target-bucket") == REFUSED
    foreign = unique("foreign")
    gateway.client(user=CAROL).create_bucket(Bucket=foreign)
    assert refused(foreign) == REFUSED
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": CANONICAL_ID}, "Permission": "READ"}
    assert refused(TargetGrants=[grant]) == (400, "AccessControlListNotSupported")
    s3.put_bucket_request_payment(Bucket=target, RequestPaymentConfiguration={"Payer": "Requester"})
    assert refused() == REFUSED
    stranger = gateway.client(user=CAROL)
    assert refusal(stranger.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={}) == DENIED


def test_where_lists_count_the_group_of_log_delivery_is_let_in(gateway: Gateway, bucket: str) -> None:
    s3, target = gateway.client(), unique("target")
    s3.create_bucket(Bucket=target)
    own(gateway, target, "BucketOwnerPreferred")
    enabled = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": ""}}
    assert refusal(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus=enabled) == REFUSED
    s3.put_bucket_acl(Bucket=target, ACL="log-delivery-write")
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=enabled)


def test_a_line_says_what_was_asked_and_answered(logged: Gateway) -> None:
    s3 = logged.client(user=ALICE)
    s3.put_object(Bucket="source", Key="a key/ü", Body=bytes(5000))
    s3.get_object(Bucket="source", Key="a key/ü", Range="bytes=0-9")["Body"].read()
    answer = request(logged, "GET", "/source/none", headers={"User-Agent": 'x "y"', "Referer": "http://r/"})
    assert answer.status == 404
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{logged.http}/source/a%20key?X=1", timeout=10)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "source", "Key": "a key/ü"})
    urllib.request.urlopen(url, timeout=10).read()
    logged.client().list_objects_v2(Bucket="source")
    # What is not about the bucket has no line.
    logged.client().list_objects_v2(Bucket="target")
    logged.restart()

    found = {f"{line['operation']} {line['key']} {line['status']} {line['authentication']}": line for line in lines(logged, "target")}
    key = "a%20key/%C3%BC"
    put = found[f"REST.PUT.OBJECT {key} 200 AuthHeader"]
    assert (put["owner"], put["bucket"], put["ip"]) == (CANONICAL_ID, "source", "127.0.0.1")
    assert (put["requester"], put["signature"], put["size"], put["sent"]) == (ALICE.arn, "SigV4", "5000", "-")
    assert put["host"] == logged.http.removeprefix("http://") or put["host"].startswith("127.0.0.1:")
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", put["time"])
    got = found[f"REST.GET.OBJECT {key} 206 AuthHeader"]
    assert (got["sent"], got["size"], got["error"]) == ("10", "5000", "-")
    assert got["uri"].startswith('"GET /source/a%20key/%C3%BC') and got["uri"].endswith(' HTTP/1.1"')
    none = found["REST.GET.OBJECT none 404 AuthHeader"]
    assert (none["error"], none["requester"], none["size"]) == ("NoSuchKey", CANONICAL_ID, "-")
    assert (none["agent"], none["referer"]) == ('"x %22y%22"', '"http://r/"')
    assert none["request_id"] == answer.headers["x-amz-request-id"]
    assert none["host_id"] == answer.headers["x-amz-id-2"]
    nobody = found["REST.GET.OBJECT a%20key 403 -"]
    assert (nobody["requester"], nobody["signature"], nobody["error"]) == ("-", "-", "AccessDenied")
    signed = found[f"REST.GET.OBJECT {key} 200 QueryString"]
    assert (signed["sent"], signed["size"]) == ("5000", "5000")
    assert "Signature=REDACTED" in signed["uri"]
    assert "REST.GET.BUCKET - 200 AuthHeader" in found
    # Turned on by a request that is about the bucket, too, but before it was logged.
    assert {line["bucket"] for line in found.values()} == {"source"} and len(found) == 6


def test_a_request_whose_signature_is_wrong_has_a_line(logged: Gateway) -> None:
    from dataclasses import replace

    wrong = replace(ALICE, secret_key="wrong")
    answer = request(logged, "GET", "/source/k", user=wrong)
    answer.refused(403, "SignatureDoesNotMatch")
    logged.restart()
    [line] = lines(logged, "target")
    assert (line["operation"], line["status"], line["error"]) == ("REST.GET.OBJECT", "403", "SignatureDoesNotMatch")
    assert line["requester"] == "-"


def test_keys_are_those_of_the_format_and_objects_those_of_the_target(logged: Gateway) -> None:
    s3 = logged.client()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="target", ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(Bucket="target", VersioningConfiguration={"Status": "Enabled"})
    s3.head_bucket(Bucket="source")
    logged.restart()
    [key] = objects(logged, "target")
    stamp = r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}"
    assert re.fullmatch("logs/" + stamp, key)
    head = logged.client().head_object(Bucket="target", Key=key)
    assert head["ServerSideEncryption"] == "AES256" and head["ContentType"] == "text/plain"
    assert head["VersionId"] != "null"

    source = {"PartitionDateSource": "EventTime"}
    turn_on(logged, "source", "target", "by-day/", TargetObjectKeyFormat={"PartitionedPrefix": source})
    logged.client().head_bucket(Bucket="source")
    logged.restart()
    [key] = [key for key in objects(logged, "target") if key.startswith("by-day/")]
    assert re.fullmatch(rf"by-day/{ACCOUNT}/{REGION}/source/(\d{{4}})/(\d\d)/(\d\d)/\1-\2-\3-00-00-00-[0-9A-F]{{16}}", key)


def test_nothing_is_delivered_where_the_log_is_not_let_in_any_more(logged: Gateway) -> None:
    logged.client().head_bucket(Bucket="source")
    logged.client().delete_bucket_policy(Bucket="target")
    logged.restart()
    assert objects(logged, "target") == {}
    assert "an access log could not be delivered" in logged.log()


def test_a_log_is_delivered_in_time_and_is_not_about_its_own_delivery(new_gateway) -> None:
    gateway = new_gateway(config='access_log_delivery = "1s"\n')
    s3 = gateway.client()
    s3.create_bucket(Bucket="itself")
    let_in(gateway, "itself")
    turn_on(gateway, "itself", "itself")
    s3.put_object(Bucket="itself", Key="k", Body=b"x")
    deadline = time.monotonic() + 30
    while not (found := [key for key in objects(gateway, "itself") if key.startswith("logs/")]):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    gateway.restart()
    logs = [text for key, text in objects(gateway, "itself").items() if key.startswith("logs/")]
    written = [parse(line) for text in logs for line in text.splitlines()]
    assert [line["key"] for line in written if line["operation"] == "REST.PUT.OBJECT"] == ["k"]
