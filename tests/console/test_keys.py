"""Keys: the wizard, policies, states, and what those see who may not."""

from __future__ import annotations

import json

import pytest
from gateway import ACCOUNT, ALICE, BOB
from playwright.sync_api import expect


@pytest.fixture
def key(gateway, request) -> str:
    kms = gateway.client("kms")
    return kms.create_key(Description=request.node.name)["KeyMetadata"]["KeyId"]


def test_the_wizard_makes_a_key_that_its_users_may_use_and_its_administrators_may_not(visit, gateway):
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    page.click("text=Next")
    page.click("text=Next")
    assert page.inner_text("#alias-problem") == "A key without a name is hard to find again."
    page.fill("#alias", "payments")
    page.fill("#description", "Card data")
    page.fill("#tags", "team=payments\nstage=live")
    page.click("text=Next")
    page.check(".choice:has-text('alice')")
    page.click("text=Next")
    page.check(".choice:has-text('bob')")
    page.fill("#others", "not-an-account")
    page.click("text=Next")
    assert "not-an-account" in page.inner_text("#others-problem")
    page.fill("#others", "222222222222")
    page.click("text=Next")
    said = page.inner_text(".sentences")
    assert "User alice may administer it, but not use it." in said
    assert "User bob and account 222222222222" in said and "encrypt and decrypt" in said
    page.click("text=Back")
    assert page.is_checked(".choice:has-text('bob') input")
    page.click("text=Next")
    page.click("text=Create key")
    assert visitor.notice == "payments is there."

    kms = gateway.client("kms")
    made = kms.describe_key(KeyId="alias/payments")["KeyMetadata"]
    assert made["Description"] == "Card data" and made["KeySpec"] == "SYMMETRIC_DEFAULT"
    assert visitor.place == f"/console/keys/{made['KeyId']}"
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=made["KeyId"])["Tags"]}
    assert tags == {"team": "payments", "stage": "live"}
    # Bob has no policy for keys but this one.
    sealed = gateway.client("kms", BOB).encrypt(KeyId="alias/payments", Plaintext=b"x")
    assert gateway.client("kms", BOB).decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == b"x"
    trail = gateway.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateKey"}]
    )
    record = json.loads(trail["Events"][0]["CloudTrailEvent"])
    assert record["userIdentity"]["arn"] == ALICE.arn
    assert record["userAgent"].startswith("[SealgateConsole/")


def test_the_wizard_makes_a_key_pair(visit, gateway):
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    page.check(".choice:has-text('Sign and verify')")
    page.select_option("#spec", "HMAC_256")
    page.click("text=Next")
    assert page.inner_text("#spec-problem") == "This kind of key cannot serve the purpose above."
    page.select_option("#spec", "ECC_NIST_P384")
    page.click("text=Next")
    page.fill("#alias", "signing")
    for _ in range(3):
        page.click("text=Next")
    page.click("text=Create key")
    kms = gateway.client("kms")
    made = kms.describe_key(KeyId="alias/signing")["KeyMetadata"]
    assert (made["KeySpec"], made["KeyUsage"]) == ("ECC_NIST_P384", "SIGN_VERIFY")
    assert kms.get_public_key(KeyId="alias/signing")["PublicKey"]


def test_a_policy_that_locks_out_is_refused_and_kept_to_correct(visit, gateway, key):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=policy")
    before = gateway.client("kms").get_key_policy(KeyId=key)["Policy"]
    page.fill("#policy", "{ not json")
    page.click("text=See what changes")
    assert "This is not JSON" in page.inner_text("[role=alert]")
    assert page.input_value("#policy") == "{ not json"
    only_bob = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": "kms:Decrypt", "Resource": "*"}],
    }
    page.fill("#policy", json.dumps(only_bob))
    page.click("text=Compare again")
    assert page.locator(".diff .minus").count() and page.locator(".diff .plus").count()
    assert "User bob may kms:Decrypt." in page.inner_text(".sentences")
    page.click("main button:has-text('Save')")
    assert "will not allow you to update the key policy" in page.inner_text("[role=alert]")
    assert json.loads(page.input_value("#policy")) == only_bob
    assert gateway.client("kms").get_key_policy(KeyId=key)["Policy"] == before

    root = f"arn:aws:iam::{ACCOUNT}:root"
    only_bob["Statement"].append({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"})
    page.fill("#policy", json.dumps(only_bob))
    page.click("main button:has-text('Save')")
    assert visitor.notice == "The policy is in force."
    assert len(json.loads(gateway.client("kms").get_key_policy(KeyId=key)["Policy"])["Statement"]) == 2


def test_a_key_is_disabled_deleted_kept_and_enabled_again(visit, gateway, key):
    page = (visitor := visit(ALICE)).page
    state = lambda: gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]  # noqa: E731
    visitor.go(f"keys/{key}")
    page.click("main button:has-text('Disable')")
    assert state() == "Disabled"
    page.click("text=Delete this key…")
    page.fill("#name", key)
    page.fill("#days", "7")
    page.click("text=Schedule the deletion")
    assert state() == "PendingDeletion" and "will be deleted on" in page.inner_text(".notice.warn:not(#lost)")
    page.click("text=Keep this key")
    assert state() == "Disabled"
    page.click("main button:has-text('Enable')")
    assert state() == "Enabled"


def test_aliases_tags_and_rotation_are_changed_where_they_are_shown(visit, gateway, key):
    page, kms = (visitor := visit(ALICE)).page, gateway.client("kms")
    visitor.go(f"keys/{key}")
    page.fill("#alias", "first")
    page.click("main button:has-text('Add')")
    assert kms.describe_key(KeyId="alias/first")["KeyMetadata"]["KeyId"] == key
    page.fill("#alias", "first")
    page.click("main button:has-text('Add')")
    assert "already exists" in visitor.notice
    page.click("[aria-label='Remove the alias first']")
    assert not kms.list_aliases(KeyId=key)["Aliases"]
    page.click(".tabs >> text=Tags")
    page.fill("#key", "team")
    page.fill("#value", "red")
    page.click("main button:has-text('Set')")
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "team", "TagValue": "red"}]
    page.click("[aria-label='Remove the tag team']")
    assert not kms.list_resource_tags(KeyId=key)["Tags"]
    page.click(".tabs >> text=Rotation")
    page.fill("#days", "90")
    page.click("text=Rotate by schedule")
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 90
    page.click("text=Rotate now")
    assert "New material" in visitor.notice


def test_keys_are_found_by_name_as_one_types(visit, gateway, key):
    gateway.client("kms").create_alias(AliasName="alias/needle", TargetKeyId=key)
    page = (visitor := visit(ALICE)).page
    visitor.go("keys")
    page.locator("#q").press_sequentially("needle")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert key in page.inner_text("#list")
    visitor.go("keys?state=PendingImport&q=needle")
    assert "No key matches" in page.inner_text("#list")


def test_who_may_not_sees_why(visit, gateway, key):
    page = (visitor := visit(BOB)).page
    assert visitor.go("keys") in (400, 403)
    assert "bob is not authorized to perform: kms:ListKeys" in page.inner_text("main")
    assert visitor.go(f"keys/{key}") in (400, 403)
    visitor.go()
    assert "kms:ListKeys" in page.inner_text(".grid")
    # Somebody who may look, but not change.
    look = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["kms:Describe*", "kms:Get*"], "Resource": "*"}}
    iam = gateway.client("iam")
    iam.put_user_policy(UserName="bob", PolicyName="look", PolicyDocument=json.dumps(look))
    try:
        visitor.go(f"keys/{key}")
        assert page.is_disabled("main button:has-text('Disable')")
        assert "is not authorized to perform: kms:DisableKey" in page.inner_text("main")
        visitor.go(f"keys/{key}?tab=policy")
        assert page.is_disabled("text=See what changes")
        # The button is a courtesy; the refusal is the API's.
        token = page.input_value("[name=form_token] >> nth=0")
        visitor.post(f"keys/{key}/disable", {"form_token": token}, origin=visitor.url)
        assert gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    finally:
        iam.delete_user_policy(UserName="bob", PolicyName="look")


def test_the_question_who_may_what_is_answered_with_what_decides(visit, gateway, key):
    arn = gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    page = (visitor := visit(ALICE)).page
    visitor.go("people/simulate")
    page.fill("#principal", BOB.arn)
    page.fill("#action", "kms:Decrypt")
    page.fill("#resource", arn)
    page.click("main button:has-text('Ask')")
    assert page.inner_text("section h2") == "No"
    assert "no identity-based policy allows" in page.inner_text("section .body")
    page.fill("#principal", ALICE.arn)
    page.click("main button:has-text('Ask')")
    assert page.inner_text("section h2") == "Yes"


def test_the_trail_shows_what_was_just_done(visit, gateway, key):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}")
    page.click("main button:has-text('Disable')")
    visitor.go("audit")
    page.fill("#value", "DisableKey")
    page.click("main button:has-text('Search')")
    page.click("tbody a >> nth=0")
    record = json.loads(page.inner_text("pre.code"))
    assert record["eventName"] == "DisableKey" and record["userIdentity"]["arn"] == ALICE.arn
    assert key in json.dumps(record["resources"])
