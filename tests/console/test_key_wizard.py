"""The wizard for every kind of key, through to its use by an SDK; and what it keeps of what was typed."""

from __future__ import annotations

import json
import subprocess

import pytest
from gateway import ALICE, BOB


def to_review(page, alias: str) -> None:
    """From the first step to the last, with Bob as a user."""
    page.click("text=Next")
    page.fill("#alias", alias)
    page.click("text=Next")
    page.click("text=Next")
    page.check(".choice:has-text('bob')")
    page.click("text=Next")


def arn_of(gateway, alias: str) -> str:
    return gateway.client("kms").describe_key(KeyId=f"alias/{alias}")["KeyMetadata"]["Arn"]


def test_a_key_pair_of_the_wizard_signs_and_its_public_key_verifies_with_openssl(visit, gateway, tmp_path):
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    page.check(".choice:has-text('Sign and verify')")
    to_review(page, "wizard-pair")
    page.click("text=Create key")
    arn = arn_of(gateway, "wizard-pair")
    signature = gateway.client("kms", BOB).sign(KeyId=arn, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    (tmp_path / "message.bin").write_bytes(b"m")
    (tmp_path / "signature.bin").write_bytes(signature)

    page.click(".tabs >> text=Public key")
    for kind in ("PEM", "DER"):
        with page.expect_download() as saved:
            page.click(f"text=Download as {kind}")
        saved.value.save_as(tmp_path / saved.value.suggested_filename)
    der = gateway.client("kms").get_public_key(KeyId=arn)["PublicKey"]
    assert (tmp_path / "public-key.der").read_bytes() == der
    command = page.inner_text("[aria-label=Command]")
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "Verified OK", done.stderr


@pytest.mark.parametrize(
    ("purpose", "spec", "use"),
    [
        ("Make and verify MACs", "HMAC_256", lambda kms, arn: kms.generate_mac(KeyId=arn, Message=b"m", MacAlgorithm="HMAC_SHA_256")),
        ("Encrypt with a public key", "RSA_2048", lambda kms, arn: kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")),
        ("Sign and verify", "ML_DSA_44", lambda kms, arn: kms.sign(KeyId=arn, Message=b"m", SigningAlgorithm="ML_DSA_SHAKE_256")),
    ],
)  # fmt: skip
def test_other_kinds_of_keys_are_used_by_whom_the_wizard_names(visit, gateway, purpose, spec, use):
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    page.check(f".choice:has-text('{purpose}')")
    page.select_option("#spec", spec)
    alias = f"wizard-{spec}"
    to_review(page, alias)
    page.click("text=Create key")
    assert visitor.notice == f"{alias} is there."
    assert use(gateway.client("kms", BOB), arn_of(gateway, alias))


def test_back_keeps_everything_also_a_policy_that_was_edited(visit, gateway):
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    page.check("[name=multi_region]")
    to_review(page, "wizard-kept")
    policy = json.loads(page.input_value("#policy"))
    policy["Statement"].append({"Sid": "Mine", "Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "*"})
    page.fill("#policy", json.dumps(policy))
    for _ in range(3):
        page.click("text=Back")
    assert page.input_value("#alias") == "wizard-kept"
    for _ in range(3):
        page.click("text=Next")
    assert json.loads(page.input_value("#policy")) == policy and not page.locator("#outdated").count()
    assert "Everybody may not kms:CreateGrant." in page.inner_text(".sentences")
    page.click("text=Back")
    page.check(".choice:has-text('alice')")
    page.click("text=Next")
    assert json.loads(page.input_value("#policy")) == policy and page.locator("#outdated").count()
    page.click("button:has-text('Policy from the choices')")
    anew = page.input_value("#policy")
    assert "Mine" not in anew and ALICE.arn in anew
    # What nobody edited follows the choices.
    page.click("text=Back")
    page.uncheck(".choice:has-text('alice')")
    page.click("text=Next")
    assert ALICE.arn not in page.input_value("#policy")
    page.click("text=Create key")
    assert "primary key in us-east-1, no replicas" in page.inner_text("dl.facts")


def test_the_last_step_sent_twice_makes_one_key(visit, gateway):
    kms = gateway.client("kms")
    keys = lambda: [key for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]  # noqa: E731
    page = (visitor := visit(ALICE)).page
    visitor.go("keys/new")
    to_review(page, "wizard-twice")
    before = len(keys())
    form = dict(page.evaluate("[...new FormData(document.querySelector('form.card'))]")) | {"go": "create"}
    places = [visitor.post("keys/new", form, origin=visitor.url).headers["location"] for _ in range(2)]
    assert places[0] == places[1] and places[0].endswith(arn_of(gateway, "wizard-twice").split("/")[1])
    page.goto(visitor.url + "/console/keys?q=wizard-twice")
    assert page.locator("#list tbody tr").count() == 1
    assert len(keys()) == before + 1


def test_an_alias_is_moved_to_another_key(visit, gateway):
    kms = gateway.client("kms")
    one, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/wandering", TargetKeyId=one)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{one}")
    page.click("text=Move it to another key")
    page.fill("[name=target]", other)
    page.click("form[action$=alias-move] button")
    assert visitor.notice == f"alias/wandering points to {other} now."
    assert kms.describe_key(KeyId="alias/wandering")["KeyMetadata"]["KeyId"] == other


def test_who_used_a_key_and_who_was_refused_is_on_its_page(visit, gateway):
    kms, bob = gateway.client("kms"), gateway.client("kms", BOB)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.encrypt(KeyId=arn, Plaintext=b"x")
    with pytest.raises(bob.exceptions.ClientError, match="AccessDenied"):
        bob.encrypt(KeyId=arn, Plaintext=b"x")
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{arn.split('/')[1]}?tab=use")
    rows = [row.inner_text() for row in page.locator("tbody tr").all()]
    assert any("Encrypt" in row and "Root user" not in row and "bob" in row and "AccessDenied" in row for row in rows)
    assert any("Encrypt" in row and "done" in row for row in rows)
    assert not any("DescribeKey" in row for row in rows)
    page.click("text=All of them in the audit trail")
    assert page.input_value("#value") == arn and "AccessDenied" in page.inner_text("tbody")
