"""A bucket's policy, rules, locks and events: read, compared, saved, refused, taken away."""

from __future__ import annotations

import itertools
import json
import os
import shlex

import pytest
from botocore.exceptions import ClientError
from gateway import ALICE, BOB

NUMBERS = itertools.count(1)


@pytest.fixture
def bucket(gateway) -> str:
    name = f"documents-{os.getpid()}-{next(NUMBERS)}"
    gateway.client().create_bucket(Bucket=name)
    return name


def answer(response: dict) -> dict:
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def save(visitor, document: dict | str) -> None:
    page = visitor.page
    page.fill("#document", document if isinstance(document, str) else json.dumps(document))
    page.click("button[name=go][value=review]")
    # It may be wrong before it is sent anywhere.
    if not page.locator("#document-problem").count():
        page.click("button:has-text('Save')")


@pytest.mark.parametrize(
    ("name", "operation", "document"),
    [
        ("cors", "get_bucket_cors", {"CORSRules": [{"ID": "a<b>&'\"", "AllowedOrigins": ["https://a.example", "https://b.example"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 5}, {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]}),
        ("public-access", "get_public_access_block", {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}),
        ("tags", "get_bucket_tagging", {"TagSet": [{"Key": "cost", "Value": ""}, {"Key": "team", "Value": "red + blue: 1/2@x"}]}),
        ("lifecycle", "get_bucket_lifecycle_configuration", {"Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 9}}, "Expiration": {"Days": 9}}, {"ID": "parts", "Status": "Disabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}, "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}}]}),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" not in value else "",
)  # fmt: skip
def test_a_document_goes_and_comes_as_the_command_line_has_it(visit, gateway, bucket, name, operation, document):
    s3 = gateway.client()
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?tab=settings")
    visitor.go(f"buckets/{bucket}/documents/{name}")
    if name != "public-access":
        assert page.inner_text(".badge") == "not set"
    save(visitor, document)
    assert "in force" in visitor.notice
    got = answer(getattr(s3, operation)(Bucket=bucket))
    got.pop("TransitionDefaultMinimumObjectSize", None)
    assert got.get("PublicAccessBlockConfiguration", got) == document
    assert json.loads(page.input_value("#document")) == document
    command = shlex.split(page.inner_text("[aria-label=Command]"))
    assert command[:2] == ["aws", "s3api"] and command[4] == bucket and json.loads(command[6]) == document
    page.click("text=Take it away")
    assert "taken away" in visitor.notice
    with pytest.raises(ClientError) as gone:
        getattr(s3, operation)(Bucket=bucket)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_policy_is_compared_and_read_in_sentences_before_it_is_saved(visit, gateway, bucket):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/documents/policy")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    page.fill("#document", json.dumps(policy))
    page.click("text=See what changes")
    assert page.locator(".diff .plus").count() > 5 and "bob may" in page.inner_text(".sentences")
    with pytest.raises(ClientError):
        gateway.client().get_bucket_policy(Bucket=bucket)
    page.click("button:has-text('Save')")
    assert json.loads(gateway.client().get_bucket_policy(Bucket=bucket)["Policy"]) == policy
    # What is refused, by us or by the service, is said beside the field, which keeps what was typed.
    for bad, words in (("{", "not JSON"), (json.dumps(policy | {"Statement": [{"Effect": "Perhaps"}]}), "Perhaps")):
        save(visitor, bad)
        assert words in page.inner_text("#document-problem") and page.get_attribute("#document", "aria-invalid") == "true"
        assert page.input_value("#document").startswith(bad[:1]) and len(page.input_value("#document")) >= len(bad)
    assert json.loads(gateway.client().get_bucket_policy(Bucket=bucket)["Policy"]) == policy


def test_what_does_not_fit_is_said_beside_the_field(visit, gateway, bucket):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/documents/cors")
    save(visitor, {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigin": "*"}]})
    assert page.inner_text("#document-problem") == "CORSRules[0].AllowedOrigin is not a field of this document."
    save(visitor, {"CORSRules": [{"AllowedMethods": ["STEAL"], "AllowedOrigins": ["*"]}]})
    assert "STEAL" in page.inner_text("#document-problem")
    visitor.go(f"buckets/{bucket}/documents/notifications")
    save(visitor, {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:111122223333:none", "Events": ["s3:ObjectCreated:*"]}]})
    assert page.inner_text("#document-problem")
    visitor.go(f"buckets/{bucket}/documents/object-lock")
    save(visitor, {"ObjectLockEnabled": "Enabled"})
    assert page.inner_text("#document-problem")


def test_a_default_retention_is_set(visit, gateway):
    s3 = gateway.client()
    s3.create_bucket(Bucket=(bucket := f"locked-{os.getpid()}"), ObjectLockEnabledForBucket=True)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/documents/object-lock")
    assert json.loads(page.input_value("#document")) == {"ObjectLockEnabled": "Enabled"}
    assert page.locator("text=Take it away").count() == 0
    document = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    save(visitor, document)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == document


def test_who_may_not_sees_why(visit, gateway, bucket):
    actions = ["s3:PutBucketPolicy", "s3:PutBucketCORS", "s3:PutLifecycleConfiguration"]
    statement = {"Effect": "Deny", "Principal": {"AWS": BOB.arn}, "Action": actions, "Resource": f"arn:aws:s3:::{bucket}"}
    gateway.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    page = (visitor := visit(BOB)).page
    for name, action in zip(("policy", "cors", "lifecycle"), actions, strict=True):
        visitor.go(f"buckets/{bucket}/documents/{name}")
        assert action in page.inner_text(".why >> nth=0") and page.is_disabled("button[name=go][value=review]")
        token = page.input_value("[name=form_token] >> nth=0")
        sent = visitor.post(f"buckets/{bucket}/documents/{name}", {"form_token": token, "document": "{}", "go": "save"}, origin=visitor.url)
        assert sent.status == 422 and "document-problem" in sent.text()
    alice = visit(ALICE)
    assert alice.go(f"buckets/{bucket}/documents/nothing") == 404
    assert alice.go("buckets/no-such-bucket/documents/cors") == 404
