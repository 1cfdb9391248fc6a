"""Keys are enforced: who may use S3 may not therefore use a key."""

from __future__ import annotations

import json
import re

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from gateway import ACCOUNT, ALICE, BOB, CAROL, Gateway
from raw import held, request
from test_objects import code_of

FIVE = 5 * 1024 * 1024
SSE = "x-amz-server-side-encryption"


def statement(actions: list[str] | str, principal: str = BOB.arn, **more: object) -> dict:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"} | more


class Key:
    """A key of its own for a test."""

    def __init__(self, gateway: Gateway) -> None:
        self.kms = gateway.client("kms", scheme="https")
        self.arn = self.kms.create_key()["KeyMetadata"]["Arn"]

    def allow(self, *statements: dict) -> None:
        whole = [statement("kms:*", f"arn:aws:iam::{ACCOUNT}:root"), *statements]
        self.kms.put_key_policy(
            KeyId=self.arn, PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": whole})
        )

    def mode(self) -> dict:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.arn}

    def headers(self, mode: str = "aws:kms") -> dict[str, str]:
        return {SSE: mode, SSE + "-aws-kms-key-id": self.arn}


@pytest.fixture
def key(gateway: Gateway) -> Key:
    return Key(gateway)


def denied(call, action: str, arn: str) -> None:
    with pytest.raises(ClientError) as error:
        call()
    assert code_of(error) == (403, "AccessDenied")
    message = error.value.response["Error"]["Message"]
    assert action in message and BOB.arn in message and arn in message, message


@pytest.mark.every_store
@pytest.mark.parametrize("algorithm", ("aws:kms", "aws:kms:dsse"))
def test_permission_on_the_key_decides_at_once(gateway: Gateway, s3, bucket: str, key: Key, algorithm: str) -> None:
    bob, mode = gateway.client(user=BOB), {"ServerSideEncryption": algorithm, "SSEKMSKeyId": key.arn}
    data = noise(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **mode)
    denied(lambda: bob.put_object(Bucket=bucket, Key="k", Body=b"x", **mode), "kms:GenerateDataKey", key.arn)
    denied(lambda: bob.get_object(Bucket=bucket, Key="k"), "kms:Decrypt", key.arn)
    # What needs no key is his.
    assert bob.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == key.arn
    bob.put_object(Bucket=bucket, Key="own", Body=b"x")

    key.allow(statement("kms:GenerateDataKey"))
    bob.put_object(Bucket=bucket, Key="b", Body=data, **mode)
    denied(lambda: bob.get_object(Bucket=bucket, Key="b"), "kms:Decrypt", key.arn)
    key.allow(statement("kms:Decrypt"))
    assert bob.get_object(Bucket=bucket, Key="b")["Body"].read() == data
    denied(lambda: bob.put_object(Bucket=bucket, Key="b", Body=b"x", **mode), "kms:GenerateDataKey", key.arn)
    key.allow()
    denied(lambda: bob.get_object(Bucket=bucket, Key="b"), "kms:Decrypt", key.arn)


def test_with_a_bucket_key_permission_still_decides_at_once(gateway: Gateway, s3, bucket: str, key: Key) -> None:
    bob, mode = gateway.client(user=BOB), key.mode() | {"BucketKeyEnabled": True}
    key.allow(statement(["kms:GenerateDataKey", "kms:Decrypt"]))
    for name in ("a", "b"):
        bob.put_object(Bucket=bucket, Key=name, Body=b"x" * 20_000, **mode)
        assert bob.get_object(Bucket=bucket, Key=name)["Body"].read() == b"x" * 20_000
    s3.get_object(Bucket=bucket, Key="a")
    key.allow()
    denied(lambda: bob.get_object(Bucket=bucket, Key="a"), "kms:Decrypt", key.arn)
    denied(lambda: bob.put_object(Bucket=bucket, Key="a", Body=b"y", **mode), "kms:", key.arn)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x" * 20_000
    key.kms.disable_key(KeyId=key.arn)
    for call in (
        lambda: s3.get_object(Bucket=bucket, Key="a"),
        lambda: s3.put_object(Bucket=bucket, Key="c", Body=b"", **mode),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert code_of(error) == (400, "KMS.DisabledException")


@pytest.mark.parametrize("bucket_key", (False, True))
def test_states_of_a_key(gateway: Gateway, s3, bucket: str, key: Key, bucket_key: bool) -> None:
    mode = key.mode() | {"BucketKeyEnabled": bucket_key}
    s3.put_object(Bucket=bucket, Key="k", Body=noise(70_000), **mode)

    def outcome(status: int, code: str) -> None:
        for call in (
            lambda: s3.get_object(Bucket=bucket, Key="k"),
            lambda: s3.put_object(Bucket=bucket, Key="new", Body=b"x", **mode),
            lambda: s3.create_multipart_upload(Bucket=bucket, Key="new", **mode),
            lambda: s3.copy_object(Bucket=bucket, Key="new", CopySource={"Bucket": bucket, "Key": "k"}),
        ):
            with pytest.raises(ClientError) as error:
                call()
            assert code_of(error) == (status, code)

    key.kms.disable_key(KeyId=key.arn)
    outcome(400, "KMS.DisabledException")
    assert request(gateway, "HEAD", f"/{bucket}/k").status == 200
    key.kms.enable_key(KeyId=key.arn)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == noise(70_000)
    key.kms.schedule_key_deletion(KeyId=key.arn, PendingWindowInDays=7)
    outcome(400, "KMS.KMSInvalidStateException")
    key.kms.cancel_key_deletion(KeyId=key.arn)
    outcome(400, "KMS.DisabledException")
    key.kms.enable_key(KeyId=key.arn)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == noise(70_000)


def test_a_refused_body_is_never_sent(gateway: Gateway, bucket: str, key: Key) -> None:
    body, path = noise(200_000), f"/{bucket}/k"
    for mode in ("aws:kms", "aws:kms:dsse"):
        answer = held(gateway, "PUT", path, headers=key.headers(mode), body=body, user=BOB).refused(403, "AccessDenied")
        assert not answer.continued
    key.kms.disable_key(KeyId=key.arn)
    answer = held(gateway, "PUT", path, headers=key.headers(), body=body).refused(400, "KMS.DisabledException")
    assert not answer.continued
    # By the bucket's default, too.
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn}}
    gateway.client().put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    answer = held(gateway, "PUT", path, body=body).refused(400, "KMS.DisabledException")
    assert not answer.continued
    # Who may not write at all is told so first.
    answer = held(gateway, "PUT", path, body=body, user=CAROL).refused(403, "AccessDenied")
    assert not answer.continued
    key.kms.enable_key(KeyId=key.arn)
    answer = held(gateway, "PUT", path, body=body)
    assert (answer.status, answer.continued) == (200, True)
    # A refused download carries nothing of the object.
    answer = request(gateway, "GET", path, user=BOB).refused(403, "AccessDenied")
    assert body[:32] not in answer.body


def test_a_copy_needs_both_keys(gateway: Gateway, s3, bucket: str, key: Key) -> None:
    bob, target = gateway.client(user=BOB), Key(gateway)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **key.mode())

    def copy() -> None:
        bob.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "k"}, **target.mode())

    target.allow(statement("kms:GenerateDataKey"))
    denied(copy, "kms:Decrypt", key.arn)
    key.allow(statement("kms:Decrypt"))
    target.allow()
    denied(copy, "kms:GenerateDataKey", target.arn)
    target.allow(statement("kms:GenerateDataKey"))
    copy()


def test_an_upload_in_parts_needs_both_permissions(gateway: Gateway, bucket: str, key: Key) -> None:
    bob = gateway.client(user=BOB)
    denied(lambda: bob.create_multipart_upload(Bucket=bucket, Key="k", **key.mode()), "kms:GenerateDataKey", key.arn)
    key.allow(statement("kms:GenerateDataKey"))
    upload = {
        "Bucket": bucket,
        "Key": "k",
        "UploadId": bob.create_multipart_upload(Bucket=bucket, Key="k", **key.mode())["UploadId"],
    }
    denied(lambda: bob.upload_part(**upload, PartNumber=1, Body=b"x"), "kms:Decrypt", key.arn)
    query = [("partNumber", "1"), ("uploadId", upload["UploadId"])]
    assert (
        not held(gateway, "PUT", f"/{bucket}/k", query=query, body=noise(100_000), user=BOB)
        .refused(403, "AccessDenied")
        .continued
    )
    key.allow(statement(["kms:GenerateDataKey", "kms:Decrypt"]))
    part = bob.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    bob.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert bob.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_conditions_of_a_key_policy_see_the_request(gateway: Gateway, bucket: str, key: Key) -> None:
    bob = gateway.client(user=BOB)
    mode = key.mode()

    def put(name: str, **more: object) -> None:
        bob.put_object(Bucket=bucket, Key=name, Body=b"x", **mode, **more)

    def only(**condition: dict) -> None:
        key.allow(statement(["kms:GenerateDataKey", "kms:Decrypt"], Condition=condition))

    only(StringEquals={"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/this"})
    put("this")
    denied(lambda: put("that"), "kms:GenerateDataKey", key.arn)
    only(StringEquals={"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"})
    put("bucket-key", BucketKeyEnabled=True)
    only(StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"})
    put("that")
    denied_directly = gateway.client("kms", user=BOB, scheme="https")
    with pytest.raises(ClientError) as error:
        denied_directly.generate_data_key(KeyId=key.arn, KeySpec="AES_256")
    assert code_of(error) == (400, "AccessDeniedException")
    import base64

    pair = base64.b64encode(b'{"project":"blue"}').decode()
    only(StringEquals={"kms:EncryptionContext:project": "blue"})
    put("with", SSEKMSEncryptionContext=pair)
    assert bob.get_object(Bucket=bucket, Key="with")["Body"].read() == b"x"
    denied(lambda: put("without"), "kms:GenerateDataKey", key.arn)
    key.allow(statement("kms:*"), statement("kms:Decrypt", Effect="Deny"))
    put("k")
    with pytest.raises(ClientError) as error:
        bob.get_object(Bucket=bucket, Key="k")
    assert code_of(error) == (403, "AccessDenied") and "explicit deny" in error.value.response["Error"]["Message"]


def test_the_managed_key_serves_the_account_through_s3_alone(gateway: Gateway, s3, bucket: str) -> None:
    bob, mode = gateway.client(user=BOB), {"ServerSideEncryption": "aws:kms"}
    bob.put_object(Bucket=bucket, Key="k", Body=b"x", **mode)
    assert bob.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    kms = gateway.client("kms", scheme="https")
    arn = bob.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"]
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyManager"] == "AWS"
    for call in (
        lambda: kms.schedule_key_deletion(KeyId=arn),
        lambda: kms.disable_key(KeyId=arn),
        lambda: kms.put_key_policy(
            KeyId=arn, PolicyName="default", Policy=kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        ),
        lambda: kms.generate_data_key(KeyId=arn, KeySpec="AES_256"),
    ):
        with pytest.raises(ClientError):
            call()
    # Another account's principal cannot use it, whatever S3 allows.
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_every_use_is_in_the_trail(gateway: Gateway, s3, bucket: str, key: Key) -> None:
    bob = gateway.client(user=BOB)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **key.mode())
    s3.get_object(Bucket=bucket, Key="k")
    denied(lambda: bob.get_object(Bucket=bucket, Key="k"), "kms:Decrypt", key.arn)
    import time

    trail = gateway.client("cloudtrail", scheme="https")
    for _ in range(30):
        attributes = [{"AttributeKey": "ResourceName", "AttributeValue": key.arn}]
        events = [
            json.loads(event["CloudTrailEvent"]) for event in trail.lookup_events(LookupAttributes=attributes)["Events"]
        ]
        if sum(event["eventName"] in ("GenerateDataKey", "Decrypt") for event in events) >= 3:
            break
        time.sleep(0.2)
    by_name = {(event["eventName"], event["userIdentity"]["arn"], event.get("errorCode")): event for event in events}
    root = f"arn:aws:iam::{ACCOUNT}:root"
    made = by_name["GenerateDataKey", root, None]
    assert made["requestParameters"]["encryptionContext"] == {"aws:s3:arn": f"arn:aws:s3:::{bucket}/k"}
    assert made["eventSource"] == "kms.amazonaws.com" and re.fullmatch("[A-Z0-9]{16}", made["requestID"])
    assert ("Decrypt", root, None) in by_name
    refusal = next(
        event for (name, arn, code), event in by_name.items() if name == "Decrypt" and arn == BOB.arn and code
    )
    assert refusal["errorCode"] in ("AccessDenied", "AccessDeniedException")
    assert ("CreateKey", root, None) in by_name


def test_a_key_of_another_account_is_not_there(gateway: Gateway, s3, bucket: str) -> None:
    theirs = gateway.client("kms", user=CAROL, scheme="https").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=theirs)
    assert code_of(error) in ((403, "AccessDenied"), (400, "KMS.NotFoundException"))


def test_who_may_retire_grants_finds_them(gateway: Gateway) -> None:
    kms, key = gateway.client("kms"), gateway.key("retirable")
    alice = gateway.client("kms", user=ALICE)
    made = kms.create_grant(
        KeyId=key, GranteePrincipal=BOB.arn, RetiringPrincipal=ALICE.arn, Operations=["Decrypt", "RetireGrant"]
    )["GrantId"]

    def retirable() -> list[str]:
        pages = alice.get_paginator("list_retirable_grants").paginate(RetiringPrincipal=ALICE.arn)
        return [grant["GrantId"] for page in pages for grant in page["Grants"]]

    assert made in retirable()
    alice.retire_grant(KeyId=key, GrantId=made)
    assert made not in retirable()
