"""The audit page: searched by outcome, told why, taken as a file, and its chain walked."""

from __future__ import annotations

import gzip
import json

import pytest
from gateway import ALICE, BOB, Gateway
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def refused(gateway: Gateway) -> str:
    """A key that bob is refused by a statement with a name."""
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    policy["Statement"].append(
        {"Sid": "NotBob", "Effect": "Deny", "Principal": {"AWS": BOB.arn}, "Action": "kms:Encrypt", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    with pytest.raises(kms.exceptions.ClientError, match="AccessDenied"):
        gateway.client("kms", BOB).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    return key["Arn"]


def test_a_search_by_outcome_finds_the_refusal_and_says_which_statement_decided(visit, refused):
    visitor = visit(ALICE)
    visitor.go("audit")
    page = visitor.page
    page.select_option("#attribute", "ResourceName")
    page.fill("#value", refused)
    page.select_option("#outcome", "denied")
    page.click("button:has-text('Search')")
    rows = page.locator("section[aria-label=Events] tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("bob")
    rows.locator("a").click()
    told = page.inner_text(".notice.bad")
    assert "Statement 2, “NotBob”," in told and "says Deny" in told, told
    page.click("text=What policies say of it now")
    expect(page.locator("main")).to_contain_text("NotBob")


def test_what_a_search_finds_is_a_file(visit, refused):
    visitor = visit(ALICE)
    visitor.go(f"audit?attribute=ResourceName&value={refused}&outcome=done")
    links = {name: visitor.page.get_attribute(f"a[download]:has-text('{name}')", "href") for name in ("JSON", "gzip")}
    plain = visitor.context.request.get(visitor.url + links["JSON"])
    assert plain.headers["content-type"] == "application/json"
    records = plain.json()["Records"]
    assert "Encrypt" in {record["eventName"] for record in records}
    assert not any("errorCode" in record for record in records)
    packed = visitor.context.request.get(visitor.url + links["gzip"])
    assert packed.headers["content-disposition"].endswith('Z.json.gz"')
    assert "Encrypt" in {record["eventName"] for record in json.loads(gzip.decompress(packed.body()))["Records"]}


def test_the_chain_is_walked_from_the_page(gateway, visit):
    visitor = visit(ALICE)
    visitor.go("audit")
    assert "record" in visitor.page.inner_text("section:has(#chain)")
    visitor.page.click("text=Verify the newest")
    assert visitor.notice.startswith("Whole: records "), visitor.notice
    assert visitor.place == "/console/audit"


def test_whoever_may_not_look_events_up_gets_no_file_and_no_walk(visit):
    visitor = visit(BOB)
    visitor.go("audit")
    assert visitor.page.locator("#chain, a[download]").count() == 0
    file = visitor.context.request.get(f"{visitor.url}/console/audit/export")
    assert file.status == 400 and "not authorized to perform: cloudtrail:LookupEvents" in file.text()
    token = visitor.page.get_attribute("form[action='/console/sign-out'] [name=form_token]", "value")
    walked = visitor.post("audit/verify", {"form_token": token, "once": "x"}, origin=visitor.url)
    assert walked.status == 403
    assert visitor.post("audit/verify", {}).status in (400, 403)
