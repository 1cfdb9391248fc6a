"""What depends on a key, and its deletion, which is asked for by name."""

from __future__ import annotations

import json

import pytest
from gateway import ALICE, BOB
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def furnished(gateway) -> str:
    """A key that is the default of one bucket, and holds objects in two under two of its versions."""
    s3, kms = gateway.client(), gateway.client("kms")
    key = kms.create_key(Description="depended on")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/depended-on", TargetKeyId=key)
    for bucket in ("depends-default", "depends-other", "depends-not"):
        s3.create_bucket(Bucket=bucket)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/depended-on"}}
    s3.put_bucket_encryption(Bucket="depends-default", ServerSideEncryptionConfiguration={"Rules": [rule]})
    for number in range(3):
        s3.put_object(Bucket="depends-default", Key=str(number), Body=b"x" * 1000)
    kms.rotate_key_on_demand(KeyId=key)
    s3.put_object(Bucket="depends-other", Key="o", Body=b"x" * 24, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket="depends-not", Key="o", Body=b"x")
    return key


def test_buckets_objects_and_last_use_are_what_depends_on_a_key(visit, furnished):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{furnished}?tab=dependents")
    facts = page.inner_text("dl.facts")
    assert "depends-default" in facts and "depends-not" not in facts
    assert "4 versions of objects, 3.0 KiB." in page.inner_text("#under")
    rows = [row.inner_text().split() for row in page.locator("tbody tr").all()]
    assert ["depends-default", "1", "3", "2.9", "KiB"] in rows
    assert ["depends-other", "2", "1", "24", "B"] in rows
    assert "GenerateDataKey" in facts
    assert "4 versions of objects (3.0 KiB) can then be read by nobody" in page.inner_text("#delete")
    # The key's own page says when it was used, too.
    visitor.go(f"keys/{furnished}")
    assert "by GenerateDataKey" in page.inner_text("dl.facts")


def test_what_is_under_a_key_is_counted_anew_when_it_changes(visit, gateway, furnished):
    s3 = gateway.client()
    page = (visitor := visit(ALICE)).page
    s3.put_object(Bucket="depends-other", Key="more", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=furnished)
    visitor.go(f"keys/{furnished}?tab=dependents")
    expect(page.locator("#under")).to_contain_text("5 versions")
    s3.delete_object(Bucket="depends-other", Key="more")
    page.reload()
    expect(page.locator("#under")).to_contain_text("4 versions")


def test_who_may_not_list_a_bucket_is_told_only_that_there_is_one(visit, gateway, furnished):
    iam = gateway.client("iam")
    allow = {"Effect": "Allow", "Action": ["kms:*", "s3:ListAllMyBuckets"], "Resource": "*"}
    some = {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::depends-other", "arn:aws:s3:::depends-other/*"]}
    iam.put_user_policy(UserName="bob", PolicyName="keys", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow, some]}))
    everything = iam.get_user_policy(UserName="bob", PolicyName="storage")["PolicyDocument"]
    iam.delete_user_policy(UserName="bob", PolicyName="storage")
    try:
        page = (visitor := visit(BOB)).page
        visitor.go(f"keys/{furnished}?tab=dependents")
        facts = page.inner_text("dl.facts")
        assert "1 version of objects, 24 B." in facts and "objects in 1 bucket that you may not list" in facts
        assert "You may not look at the settings of" in facts and "depends-default" not in page.inner_text("main")
    finally:
        iam.put_user_policy(UserName="bob", PolicyName="storage", PolicyDocument=json.dumps(everything))
        iam.delete_user_policy(UserName="bob", PolicyName="keys")


def test_a_key_is_deleted_by_whoever_types_which_it_is(visit, gateway):
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/going", TargetKeyId=key)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=dependents")
    page.fill("#name", "depended-on")
    page.click("text=Schedule the deletion")
    assert page.inner_text("#name-problem") == "This is neither an alias of this key nor its id."
    assert page.input_value("#name") == "depended-on"
    token = page.input_value("#delete [name=form_token]")
    refused = visitor.post(f"keys/{key}/delete", {"form_token": token, "name": "going", "days": "3"}, origin=visitor.url)
    assert refused.status == 422 and "It takes 7 to 30 days." in refused.text()
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    page.fill("#name", "alias/going")
    page.fill("#days", "8")
    page.click("text=Schedule the deletion")
    assert visitor.notice == "The key will be deleted in 8 days. Until then it can be kept."
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
