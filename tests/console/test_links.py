"""Links for those who have no credentials."""

from __future__ import annotations

import json
import re

import pytest
import requests
from gateway import ALICE, BOB

BUCKET = "links"
KEY = "in/a b+c & <ü>.txt"


@pytest.fixture(scope="module")
def linked(gateway) -> str:
    s3 = gateway.client()
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"content", ContentType="text/plain")
    return BUCKET


def ask(method: str, link: str, **options: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, link, timeout=30, **options)


def made(visitor) -> str:
    visitor.page.click("main button:has-text('Make a link')")
    return visitor.page.inner_text("#link")


def test_a_link_reads_one_object_without_credentials(visit, gateway, linked):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{BUCKET}?prefix=in%2F")
    page.click("tbody a")
    page.click("text=Make a link…")
    page.select_option("#lifetime", "604800")
    link = made(visitor)
    answer = ask("GET", link)
    assert (answer.status_code, answer.content) == (200, b"content")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''a%20b%2Bc")
    assert "X-Amz-Expires=604800" in link
    page.select_option("#shown", "shown")
    assert ask("GET", made(visitor)).headers["content-disposition"] == "inline"
    assert ask("PUT", link, data=b"x").status_code == 403
    # Another object, another lifetime: another signature.
    for forged in (link.replace("a%20b", "a%20c"), link.replace("X-Amz-Expires=604800", "X-Amz-Expires=604799"), re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20200101", link)):
        assert forged != link and ask("GET", forged).status_code in (400, 403)
    event = gateway.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PresignUrl"}])["Events"][-1]
    record = json.loads(event["CloudTrailEvent"])
    assert record["userIdentity"]["arn"] == ALICE.arn and record["requestParameters"]["key"] == KEY
    assert record["requestParameters"]["expiresInSeconds"] == 604800 and "Signature" not in event["CloudTrailEvent"]


def test_a_link_uploads_one_object_without_credentials(visit, gateway, linked):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{BUCKET}?prefix=from%2F")
    page.click("text=Let somebody else upload…")
    made_for_folder = page.locator("main button:has-text('Make a link')")
    made_for_folder.click()
    assert "add its name" in page.inner_text("#key-problem")
    page.fill("#key", "from/them.bin")
    link = made(visitor)
    assert ask("PUT", link, data=b"theirs").status_code == 200
    assert gateway.client().get_object(Bucket=BUCKET, Key="from/them.bin")["Body"].read() == b"theirs"
    assert ask("GET", link).status_code == 403


def test_a_link_can_do_what_its_maker_may_when_it_is_used(visit, gateway, linked):
    s3 = gateway.client()
    statement = {"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    visitor = visit(BOB)
    visitor.go(f"buckets/{BUCKET}/link?key={requests.utils.quote(KEY, safe='')}")
    link = made(visitor)
    assert ask("GET", link).status_code == 200
    statement["Effect"] = "Deny"
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    answer = ask("GET", link)
    assert answer.status_code == 403 and "<Code>AccessDenied</Code>" in answer.text
    visitor.go(f"buckets/{BUCKET}/link?key={requests.utils.quote(KEY, safe='')}")
    assert visitor.page.is_disabled("main button:has-text('Make a link')")
    assert "explicit deny" in visitor.page.inner_text(".why")
    s3.delete_bucket_policy(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("field", "value"),
    [("lifetime", "0"), ("lifetime", "604801"), ("lifetime", "x"), ("endpoint", "javascript:alert(1)"), ("endpoint", "https://a/b"), ("key", "")],
)
def test_what_makes_no_link_is_said_beside_the_field(visit, linked, field, value):
    visitor = visit(ALICE)
    visitor.go(f"buckets/{BUCKET}/link?key=x")
    form = {"form_token": visitor.page.input_value("[name=form_token] >> nth=0"), "key": "x", "lifetime": "60", "endpoint": visitor.url, "shown": "", field: value}
    answer = visitor.post(f"buckets/{BUCKET}/link", form, origin=visitor.url)
    assert answer.status == 422 and f'id="{field}-problem"' in answer.text() and "X-Amz-Signature" not in answer.text()
