"""Requests to KMS, IAM and STS that are wrong before any operation sees them, clocks that are wrong, and grants
that go round in a circle."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import time
import xml.etree.ElementTree as ET
from glob import glob
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import ROOT_USER, Gateway, User
from raw import Answer, Connection, request, send, sign
from test_identities import Someone
from test_key_lifecycle import wrap

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def kms(gateway: Gateway, operation: str | None, body: bytes | dict, **how: object) -> Answer:
    headers = {"content-type": JSON} | ({"x-amz-target": operation} if operation else {})
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    how = {"method": "POST", "path": "/", "headers": headers | how.pop("more", {})} | how
    return request(gateway, how.pop("method"), how.pop("path"), body=body, service="kms", **how)


def query(gateway: Gateway, service: str, form: dict | bytes, **how: object) -> Answer:
    headers = {"content-type": FORM} | how.pop("more", {})
    body = form if isinstance(form, bytes) else urlencode({"Version": VERSIONS[service]} | form).encode()
    return request(gateway, "POST", "/", headers=headers, body=body, service=service, **how)


def refused_json(answer: Answer, status: int, code: str) -> None:
    assert answer.headers["content-type"] == JSON and answer.headers["x-amzn-requestid"], answer
    body = json.loads(answer.body)
    assert (answer.status, body["__type"]) == (status, code), answer
    assert body["message"] and "panic" not in body["message"]


def refused_xml(answer: Answer, status: int, code: str) -> None:
    root = ET.fromstring(answer.body)
    assert answer.headers["content-type"] == "text/xml"
    assert root.tag.endswith("}ErrorResponse")
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.field("Type") == ("Sender" if status < 500 else "Receiver") and answer.field("Message")
    assert answer.field("RequestId") == answer.headers["x-amzn-requestid"]


TARGETS = {
    "none": None,
    "unknown": "TrentService.Nothing",
    "of another case": "TrentService.encrypt",
    "of another service": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
    "without operation": "TrentService",
    "empty": "TrentService.",
    "very long": "TrentService." + "x" * 5000,
}


@pytest.mark.parametrize("case", TARGETS)
def test_a_target_that_is_none(gateway: Gateway, case: str) -> None:
    refused_json(kms(gateway, TARGETS[case], {}), 400, "UnknownOperationException")


def test_a_method_that_is_none(gateway: Gateway) -> None:
    for method in ("GET", "PUT", "DELETE"):
        refused_json(kms(gateway, "TrentService.ListKeys", b"", method=method), 400, "UnknownOperationException")


BODIES = {
    "text": b"hello",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "cut": b'{"KeyId": "a',
    "two": b"{} {}",
    "not UTF-8": b'{"KeyId": "\xff"}',
    "deep": b'{"a":' * 5000,
    "a wrong type": b'{"KeyId": 5, "Plaintext": "eA=="}',
    "a wrong type in a map": b'{"KeyId": "a", "Plaintext": "eA==", "EncryptionContext": {"a": 1}}',
    "no base 64": b'{"KeyId": "a", "Plaintext": "%%%"}',
    "a wrong list": b'{"KeyId": "a", "Plaintext": "eA==", "GrantTokens": "x"}',
}


@pytest.mark.parametrize("case", BODIES)
def test_json_that_is_malformed(gateway: Gateway, case: str) -> None:
    refused_json(kms(gateway, "TrentService.Encrypt", BODIES[case]), 400, "SerializationException")


def test_members_that_are_missing_are_named_together(gateway: Gateway) -> None:
    answer = kms(gateway, "TrentService.Encrypt", {})
    refused_json(answer, 400, "ValidationException")
    message = json.loads(answer.body)["message"]
    assert message.startswith("2 validation errors detected: ")
    assert "'keyId'" in message and "'plaintext'" in message


def test_bodies_beyond_measure(gateway: Gateway) -> None:
    answer = kms(gateway, "TrentService.Encrypt", b'{"a":"' + b"x" * (4 << 20) + b'"}')
    assert answer.status in (400, 413) and json.loads(answer.body)["__type"]
    for service in VERSIONS:
        answer = query(gateway, service, b"Action=" + b"x" * (4 << 20))
        assert answer.status in (400, 413) and answer.code


@pytest.mark.parametrize("service", VERSIONS)
def test_actions_and_versions_that_are_none(gateway: Gateway, service: str) -> None:
    action = {"iam": "ListUsers", "sts": "GetCallerIdentity"}[service]
    for form, code in (
        ({}, "MissingAction"),
        ({"Action": ""}, "MissingAction"),
        ({"Action": "Nothing"}, "InvalidAction"),
        ({"Action": action.lower()}, "InvalidAction"),
        ({"Action": action, "Version": "1999-01-01"}, "InvalidAction"),
        ({"Action": {"iam": "GetCallerIdentity", "sts": "ListUsers"}[service]}, "InvalidAction"),
    ):
        refused_xml(query(gateway, service, form), 400, code)
    refused_xml(query(gateway, service, f"Action={action}".encode()), 400, "InvalidAction")
    assert query(gateway, service, {"Action": action}).status == 200
    refused_xml(query(gateway, service, {"Action": action}, more={"content-type": JSON}), 400, "MalformedInput")
    refused_xml(query(gateway, service, b"Action=\xff\xfe"), 400, "MalformedInput")


def test_parameters_that_are_missing_or_break_their_rules(gateway: Gateway) -> None:
    for form in (
        {"Action": "CreateUser"},
        {"Action": "CreateUser", "UserName": ""},
        {"Action": "CreateUser", "UserName": "a b"},
        {"Action": "CreateUser", "UserName": "x" * 65},
        {"Action": "CreateUser", "UserName": "x", "Path": "no-slashes"},
        {"Action": "ListUsers", "MaxItems": "0"},
        {"Action": "ListUsers", "MaxItems": "many"},
        {"Action": "CreateRole", "RoleName": "x"},
    ):
        refused_xml(query(gateway, "iam", form), 400, "ValidationError")
    for form in (
        {"Action": "AssumeRole"},
        {"Action": "AssumeRole", "RoleArn": "arn:aws:iam::111111111111:role/x", "RoleSessionName": "a b"},
        {"Action": "GetSessionToken", "DurationSeconds": "1"},
    ):
        refused_xml(query(gateway, "sts", form), 400, "ValidationError")


# --- who asks


def now(**moved: float) -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(**moved)


def test_a_signature_that_is_wrong(gateway: Gateway) -> None:
    nobody = User("nobody", "AKIANOBODYNOBODY0001", "x" * 40, "")
    wrong = User("root", ROOT_USER.access_key, "x" * 40, "")
    list_keys = "TrentService.ListKeys"
    refused_json(kms(gateway, list_keys, {}, user=nobody), 400, "UnrecognizedClientException")
    refused_json(kms(gateway, list_keys, {}, user=wrong), 400, "InvalidSignatureException")
    refused_json(kms(gateway, list_keys, {}, region="eu-west-1"), 400, "InvalidSignatureException")
    refused_json(
        kms(gateway, list_keys, {}, more={"x-amz-security-token": "nothing"}), 400, "UnrecognizedClientException"
    )
    form = {"Action": "GetCallerIdentity"}
    refused_xml(query(gateway, "sts", form, user=nobody), 403, "InvalidClientTokenId")
    refused_xml(query(gateway, "sts", form, user=wrong), 403, "SignatureDoesNotMatch")
    refused_xml(query(gateway, "sts", form, region="eu-west-1"), 403, "SignatureDoesNotMatch")
    # Signed for other words than were sent.
    signed = sign(
        gateway, "POST", "/", headers={"content-type": JSON, "x-amz-target": list_keys}, body=b"{}", service="kms"
    )
    signed.body = b"{ }"
    refused_json(send(gateway, signed), 400, "InvalidSignatureException")


def test_the_clock_of_the_client_is_wrong(gateway: Gateway) -> None:
    for moved in (dict(minutes=-16), dict(minutes=16), dict(days=-400), dict(days=400)):
        answer = kms(gateway, "TrentService.ListKeys", {}, now=now(**moved))
        refused_json(answer, 400, "InvalidSignatureException")
        message = json.loads(answer.body)["message"]
        assert ("Signature expired" if min(moved.values()) < 0 else "not yet current") in message
        form = {"Action": "GetCallerIdentity"}
        refused_xml(query(gateway, "sts", form, now=now(**moved)), 403, "SignatureDoesNotMatch")
    for moved in (dict(minutes=-14), dict(minutes=14)):
        assert kms(gateway, "TrentService.ListKeys", {}, now=now(**moved)).status == 200


def test_a_request_without_a_signature(gateway: Gateway) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ncontent-length: {len(body)}\r\n\r\n"
    with Connection(gateway) as connection:
        connection.send(head.encode() + body)
        refused_xml(connection.answer("POST"), 403, "MissingAuthenticationToken")
    body = b"{}"
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\nx-amz-target: TrentService.ListKeys\r\n"
    with Connection(gateway) as connection:
        connection.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        refused_json(connection.answer("POST"), 400, "MissingAuthenticationTokenException")


# --- the clock of the gateway


def moved(gateway: Gateway, offset: str) -> Gateway:
    """The gateway, started again on a machine whose clock is moved."""
    library = next(iter(glob(LIBRARIES)), None)
    if not library:
        pytest.fail("libfaketime is missing: apt-get install faketime")
    gateway.stop()
    gateway.env |= {"LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return gateway.start()


def test_moved_clock(new_gateway) -> None:
    gateway = new_gateway()
    client, iam = gateway.client("kms", scheme="https"), gateway.client("iam", scheme="https")
    external = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    made = client.get_parameters_for_import(
        KeyId=external, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    material = {
        "KeyId": external,
        "ImportToken": base64.b64encode(made["ImportToken"]).decode(),
        "EncryptedKeyMaterial": base64.b64encode(wrap(made, os.urandom(32), "RSAES_OAEP_SHA_256")).decode(),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
    rotating = client.create_key()["KeyMetadata"]["Arn"]
    client.enable_key_rotation(KeyId=rotating, RotationPeriodInDays=90)
    someone = Someone(gateway)
    someone.may({"Effect": "Allow", "Action": "*", "Resource": "*"})
    session = someone.client("sts").get_session_token(DurationSeconds=3600)["Credentials"]
    user = User("session", session["AccessKeyId"], session["SecretAccessKey"], "")
    token = {"more": {"x-amz-security-token": session["SessionToken"]}}
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    assert kms(gateway, "TrentService.ListKeys", {}, user=user, **token).status == 200

    moved(gateway, "+25h")
    later = now(hours=25)
    refused_json(kms(gateway, "TrentService.ListKeys", {}), 400, "InvalidSignatureException")
    assert kms(gateway, "TrentService.ListKeys", {}, now=later).status == 200
    refused_json(
        kms(gateway, "TrentService.ImportKeyMaterial", material, now=later), 400, "ExpiredImportTokenException"
    )
    refused_json(kms(gateway, "TrentService.ListKeys", {}, user=user, now=later, **token), 400, "ExpiredTokenException")
    form = {"Action": "GetCallerIdentity"}
    refused_xml(query(gateway, "sts", form, user=user, now=later, **token), 403, "ExpiredToken")
    headers = token["more"]
    request(gateway, "GET", "/", headers=headers, user=user, now=later).refused(400, "ExpiredToken")
    refused_xml(query(gateway, "iam", {"Action": "GetCredentialReport"}, now=later), 410, "ReportExpired")

    moved(gateway, "+2159h")  # The automatic rotation begins within the hour.
    soon = now(hours=2159)
    assert kms(gateway, "TrentService.RotateKeyOnDemand", {"KeyId": rotating}, now=soon).status == 200
    moved(gateway, "+129595m")  # Five minutes before it.
    soon = now(minutes=129595)
    refused_json(
        kms(gateway, "TrentService.RotateKeyOnDemand", {"KeyId": rotating}, now=soon), 400, "ConflictException"
    )
    moved(gateway, "+91d")

    def rotations() -> set[str]:
        answer = kms(gateway, "TrentService.ListKeyRotations", {"KeyId": rotating}, now=now(days=91))
        return {entry["RotationType"] for entry in json.loads(answer.body)["Rotations"]}

    deadline = time.monotonic() + 60
    while rotations() != {"ON_DEMAND", "AUTOMATIC"}:
        assert time.monotonic() < deadline, rotations()
        time.sleep(0.2)

    # A clock that goes back takes nothing away.
    moved(gateway, "+0")
    sealed = gateway.client("kms", scheme="https").encrypt(KeyId=rotating, Plaintext=b"x")["CiphertextBlob"]
    assert gateway.client("kms", scheme="https").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


# --- grants in a circle


def test_grants_in_a_circle_give_nothing_more(gateway: Gateway) -> None:
    """Ann may pass on what she has; Ben passes it back to her. Neither gains a thing, and it does not go on."""
    client = gateway.client("kms", scheme="https")
    arn = client.create_key()["KeyMetadata"]["Arn"]
    ann, ben = Someone(gateway), Someone(gateway)
    passing = {"KeyId": arn, "Operations": ["Encrypt", "CreateGrant"]}
    first = client.create_grant(GranteePrincipal=ann.arn, **passing)["GrantId"]
    second = ann.client("kms").create_grant(GranteePrincipal=ben.arn, **passing)["GrantId"]
    third = ben.client("kms").create_grant(GranteePrincipal=ann.arn, Name=unique("back"), **passing)["GrantId"]
    assert len({first, second, third}) == 3

    def denied(someone: Someone, call: str, **asked: object) -> None:
        with pytest.raises(ClientError) as error:
            getattr(someone.client("kms"), call)(**asked)
        assert error.value.response["Error"]["Code"] == "AccessDeniedException", error.value

    sealed = ann.client("kms").encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    for someone in (ann, ben):
        denied(someone, "decrypt", CiphertextBlob=sealed)
        denied(someone, "create_grant", KeyId=arn, GranteePrincipal=someone.arn, Operations=["Decrypt"])
        denied(someone, "create_grant", KeyId=arn, GranteePrincipal=someone.arn, Operations=["Encrypt", "Decrypt"])
    # As at AWS, what was passed on stays when what it came from is revoked, until it is revoked itself.
    client.revoke_grant(KeyId=arn, GrantId=first)
    ann.client("kms").encrypt(KeyId=arn, Plaintext=b"x")
    for grant in (second, third):
        client.revoke_grant(KeyId=arn, GrantId=grant)
    for someone in (ann, ben):
        denied(someone, "encrypt", KeyId=arn, Plaintext=b"x")
        denied(someone, "create_grant", GranteePrincipal=ben.arn, **passing)
    assert client.list_grants(KeyId=arn)["Grants"] == []
