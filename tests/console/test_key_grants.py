"""Grants: made with their constraints, read as sentences, revoked and retired."""

from __future__ import annotations

import json

import pytest
from gateway import ALICE, BOB


@pytest.fixture
def key(gateway) -> str:
    return gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]


def test_a_grant_with_a_constraint_is_made_used_and_revoked(visit, gateway, key):
    kms = gateway.client("kms")
    bob = gateway.client("kms", BOB)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=grants")
    page.fill("#grantee", BOB.arn)
    for operation in ("Encrypt", "Decrypt"):
        page.check(f"input[name=operation][value={operation}]")
    page.check(".choice:has-text('One that has these pairs') input")
    page.fill("#context", "team=red")
    page.click("text=Name, and who may retire it")
    page.fill("#grant_name", "reds")
    page.fill("#retiring", ALICE.arn)
    page.click("text=Create the grant")
    said = page.inner_text("tbody tr")
    assert "User bob may " in said and "but only where the encryption context has team=red." in said
    assert "User alice may retire it." in said and "reds" in said
    (grant,) = kms.list_grants(KeyId=key)["Grants"]
    assert set(grant["Operations"]) == {"Encrypt", "Decrypt"}
    assert grant["Constraints"] == {"EncryptionContextSubset": {"team": "red"}}
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    assert bob.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "red", "a": "b"})["CiphertextBlob"]
    with pytest.raises(bob.exceptions.ClientError, match="AccessDenied"):
        bob.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "blue"})
    page.click("main button:has-text('Revoke')")
    assert visitor.notice == "The grant is revoked." and not kms.list_grants(KeyId=key)["Grants"]


def test_what_is_wrong_with_a_grant_is_said_beside_its_field(visit, gateway, key):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=grants")
    page.check(".choice:has-text('Exactly this one') input")
    page.fill("#context", "no pair")
    page.click("text=Create the grant")
    assert page.inner_text("#grantee-problem") == "A grant is for somebody."
    assert page.inner_text("#operations-problem") == "A grant permits something."
    assert page.inner_text("#context-problem") == "“no pair” is not name=value."
    page.fill("#grantee", "bob")
    page.fill("#context", "a=b")
    page.check("input[name=operation][value=Decrypt]")
    page.click("text=Create the grant")
    assert "bob" in page.inner_text("#grantee-problem")
    assert page.input_value("#context") == "a=b" and page.is_checked("input[name=operation][value=Decrypt]")
    page.fill("#grantee", BOB.arn)
    page.click("text=Name, and who may retire it")
    page.fill("#retiring", "nobody")
    page.click("text=Create the grant")
    assert "nobody" in page.inner_text("#retiring-problem")
    page.fill("#retiring", "")
    page.fill("#grant_name", "not a name!")
    page.click("text=Create the grant")
    assert page.inner_text("#grant-name-problem")
    assert not gateway.client("kms").list_grants(KeyId=key)["Grants"]


def test_whoever_a_grant_names_retires_it(visit, gateway, key):
    kms = gateway.client("kms")
    kms.create_grant(KeyId=key, GranteePrincipal=BOB.arn, Operations=["Decrypt"], RetiringPrincipal=ALICE.arn)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=grants")
    page.click("main button:has-text('Retire')")
    assert visitor.notice == "The grant is retired."
    assert not kms.list_grants(KeyId=key)["Grants"]


def test_who_may_not_make_grants_sees_why(visit, gateway, key):
    kms = gateway.client("kms")
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    look = {"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": ["kms:DescribeKey", "kms:ListGrants"], "Resource": "*"}
    policy["Statement"].append(look)
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    page = (visitor := visit(BOB)).page
    visitor.go(f"keys/{key}?tab=grants")
    assert page.is_disabled("text=Create the grant")
    assert "is not authorized to perform: kms:CreateGrant" in page.inner_text("#new-grant")
