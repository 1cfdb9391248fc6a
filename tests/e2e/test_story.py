"""The story that docs/operations.md tells, by the AWS CLI alone: who administers a key, who uses it, who may
not, and what the trail says of each."""

from __future__ import annotations

import json
import time

import pytest
from conftest import Failed, noise
from gateway import ACCOUNT, ALICE, BOB, ROOT_USER


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(who: str, *actions: str) -> dict:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions), "Resource": "*"}


ADMINISTRATION = (
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Get*",
    "kms:Disable*",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RevokeGrant",
)
USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


def refused(call, *words: str) -> None:
    with pytest.raises(Failed) as error:
        call()
    for word in words:
        assert word in error.value.stderr, error.value.stderr


def test_the_story_of_a_key(new_gateway, aws, tmp_path) -> None:
    gateway = new_gateway()
    root, alice, bob = (aws(gateway, user, "https") for user in (ROOT_USER, ALICE, BOB))

    # Alice has no policies of her own any more: what she may do with the key, its policy says.
    for name in ("everything",):
        root.run("aws", "iam", "delete-user-policy", "--user-name", "alice", "--policy-name", name)
    storage = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    root.run("aws", "iam", "put-user-policy", "--user-name", "alice", "--policy-name", "s3", "--policy-document", storage)

    # An administrator, a user, and a stranger.
    root.run("aws", "iam", "create-user", "--user-name", "ada")
    made = root.json("aws", "iam", "create-access-key", "--user-name", "ada")["AccessKey"]
    everything = policy({"Effect": "Allow", "Action": ["kms:CreateKey", "kms:CreateAlias"], "Resource": "*"})
    root.run("aws", "iam", "put-user-policy", "--user-name", "ada", "--policy-name", "k", "--policy-document", everything)
    ada = aws(gateway, ROOT_USER, "https")
    ada.env |= {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
    ada_arn = f"arn:aws:iam::{ACCOUNT}:user/ada"
    document = policy(
        {**allow(ada_arn, *ADMINISTRATION), "Sid": "Administrators"}, {**allow(ALICE.arn, *USE), "Sid": "Users"}
    )
    key = ada.json("aws", "kms", "create-key", "--policy", document)["KeyMetadata"]
    arn = key["Arn"]
    ada.run("aws", "kms", "create-alias", "--alias-name", "alias/story", "--target-key-id", key["KeyId"])

    # Alice uses it; Bob, with full access to S3, cannot read.
    plain = tmp_path / "plain"
    plain.write_bytes(noise(100_000, "story"))
    root.run("aws", "s3", "mb", "s3://story")
    cp = ("aws", "s3", "cp", "--only-show-errors")
    for name in ("one", "two"):
        alice.run(*cp, str(plain), f"s3://story/{name}", "--sse", "aws:kms", "--sse-kms-key-id", "alias/story")
    back = tmp_path / "back"

    def read(who, name: str) -> bytes:
        back.unlink(missing_ok=True)
        who.run(*cp, f"s3://story/{name}", str(back))
        return back.read_bytes()

    assert read(alice, "one") == plain.read_bytes()
    refused(lambda: read(bob, "one"), "AccessDenied", "kms:Decrypt")
    # The administrator administers; she does not read either.
    root.run("aws", "iam", "put-user-policy", "--user-name", "ada", "--policy-name", "s3", "--policy-document", storage)
    refused(lambda: read(ada, "one"), "AccessDenied", "kms:Decrypt")

    # A grant for one encryption context lets Bob read just that object.
    constraint = json.dumps({"EncryptionContextSubset": {"aws:s3:arn": "arn:aws:s3:::story/one"}})
    grant = ada.json(
        *("aws", "kms", "create-grant", "--key-id", arn, "--grantee-principal", BOB.arn),
        *("--operations", "Decrypt", "--constraints", constraint),
    )
    assert read(bob, "one") == plain.read_bytes()
    refused(lambda: read(bob, "two"), "AccessDenied")
    listed = ada.json("aws", "kms", "list-grants", "--key-id", arn)["Grants"]
    assert [g["GrantId"] for g in listed] == [grant["GrantId"]]

    # The key rotates, and all stays readable.
    ada.run("aws", "kms", "rotate-key-on-demand", "--key-id", arn)
    assert read(alice, "two") == read(bob, "one") == plain.read_bytes()
    alice.run(*cp, str(plain), "s3://story/three", "--sse", "aws:kms", "--sse-kms-key-id", arn)
    assert read(alice, "three") == plain.read_bytes()
    rotations = ada.json("aws", "kms", "list-key-rotations", "--key-id", arn)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"]

    # Withdrawn, the grant is gone at once.
    ada.run("aws", "kms", "revoke-grant", "--key-id", arn, "--grant-id", grant["GrantId"])
    refused(lambda: read(bob, "one"), "AccessDenied")

    # Disabled, nobody can; scheduled for deletion, neither; cancelled and enabled, all is well.
    ada.run("aws", "kms", "disable-key", "--key-id", arn)
    refused(lambda: read(alice, "one"), "KMS.DisabledException")
    ada.run("aws", "kms", "enable-key", "--key-id", arn)
    ada.run("aws", "kms", "schedule-key-deletion", "--key-id", arn, "--pending-window-in-days", "7")
    refused(lambda: read(alice, "one"), "KMS.KMSInvalidStateException")
    ada.run("aws", "kms", "cancel-key-deletion", "--key-id", arn)
    ada.run("aws", "kms", "enable-key", "--key-id", arn)
    assert read(alice, "one") == plain.read_bytes()

    # The default key of S3 is nobody's to change.
    root.run(*cp, str(plain), "s3://story/default", "--sse", "aws:kms")
    managed = root.json("aws", "kms", "describe-key", "--key-id", "alias/aws/s3")["KeyMetadata"]["KeyId"]
    for change in (
        ("schedule-key-deletion",),
        ("disable-key",),
        ("put-key-policy", "--policy", policy(allow(f"arn:aws:iam::{ACCOUNT}:root", "kms:*"))),
        ("create-grant", "--grantee-principal", BOB.arn, "--operations", "Decrypt"),
    ):
        refused(lambda: root.run("aws", "kms", change[0], "--key-id", managed, *change[1:]), "AccessDenied")

    # And the trail tells all of it: who, which key, and how it ended.
    time.sleep(1.5)

    def events(name: str) -> list[dict]:
        found = root.json(
            *("aws", "cloudtrail", "lookup-events", "--max-items", "200"),
            *("--lookup-attributes", f"AttributeKey=EventName,AttributeValue={name}"),
        )["Events"]
        return [json.loads(event["CloudTrailEvent"]) for event in found]

    def told(name: str, who: str, error: str | None = None) -> bool:
        return any(
            event["userIdentity"].get("arn") == who
            and event.get("errorCode") == error
            and any(resource["ARN"] == arn for resource in event.get("resources") or [])
            for event in events(name)
        )

    assert told("CreateKey", ada_arn)
    assert told("GenerateDataKey", ALICE.arn)
    assert told("Decrypt", ALICE.arn)
    assert told("Decrypt", BOB.arn, "AccessDenied") or told("Decrypt", BOB.arn, "AccessDeniedException")
    assert told("CreateGrant", ada_arn)
    assert told("Decrypt", BOB.arn)
    assert told("RotateKeyOnDemand", ada_arn)
    assert told("RevokeGrant", ada_arn)
    assert told("DisableKey", ada_arn)
    assert told("Decrypt", ALICE.arn, "DisabledException")
    assert told("ScheduleKeyDeletion", ada_arn)
    assert told("CancelKeyDeletion", ada_arn)
    context = [event for event in events("Decrypt") if event["userIdentity"].get("arn") == BOB.arn]
    assert any(
        event["requestParameters"]["encryptionContext"]["aws:s3:arn"] == "arn:aws:s3:::story/one" for event in context
    )
