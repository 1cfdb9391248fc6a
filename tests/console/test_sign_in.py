"""Signing in: who gets in, who does not, and what of it is on record."""

from __future__ import annotations

import json

import pytest
from gateway import ALICE, BOB, CAROL, REGION, ROOT_USER, Gateway, User


def logins(gateway: Gateway, user: User) -> list[dict]:
    client = gateway.client("cloudtrail", user)
    found = client.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}])
    return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


@pytest.mark.parametrize("user", [ROOT_USER, ALICE, CAROL], ids=lambda user: user.name)
def test_whoever_has_an_access_key_signs_in_and_it_is_on_record(visit, gateway, user):
    visitor = visit(user)
    assert visitor.place == "/console/"
    login = logins(gateway, user)[0]
    assert login["eventType"] == "AwsConsoleSignIn"
    assert login["eventSource"] == "signin.amazonaws.com"
    assert login["awsRegion"] == REGION
    assert login["responseElements"] == {"ConsoleLogin": "Success"}
    assert login["userIdentity"]["arn"] == user.arn
    assert login["sourceIPAddress"] == "127.0.0.1"


def test_a_wrong_secret_is_refused_in_words_and_on_record(visit, gateway):
    visitor = visit()
    visitor.go()
    visitor.sign_in(BOB, "not-the-secret")
    assert "This is not an access key with its secret" in visitor.page.inner_text("[role=alert]")
    assert visitor.page.input_value("#access_key_id") == BOB.access_key
    assert visitor.page.input_value("#secret_access_key") == ""
    login = logins(gateway, ROOT_USER)[0]
    assert login["responseElements"] == {"ConsoleLogin": "Failure"}
    assert login["errorMessage"] == "Failed authentication"
    assert login["userIdentity"]["userName"] == "bob"
    assert visitor.go("keys") == 200 and visitor.place == "/console/sign-in?to=%2Fconsole%2Fkeys"


def test_guesses_have_to_wait_and_so_does_the_right_secret_after_them(visit, gateway):
    user = User("guessed", "AKIAGUESSEDGUESSED01", "x" * 40, "")
    visitor = visit()
    visitor.go()
    for _ in range(5):
        visitor.sign_in(user)
        assert "not an access key" in visitor.page.inner_text("[role=alert]")
    visitor.sign_in(user)
    assert "too many failed attempts" in visitor.page.inner_text("[role=alert]")
    visitor.sign_in(ALICE)
    assert visitor.place == "/console/"


def test_after_the_sign_in_one_is_where_one_wanted_to_be(visit):
    visitor = visit()
    visitor.go("keys?state=Disabled&q=a%20b")
    visitor.sign_in(ALICE)
    assert visitor.place == "/console/keys?state=Disabled&q=a%20b"


def test_signing_out_ends_the_session_and_not_only_the_cookie(visit):
    visitor = visit(ALICE)
    old = visitor.cookie("sealgate-session")
    visitor.page.click("text=Sign out")
    assert visitor.place == "/console/sign-in"
    visitor.context.add_cookies([old])
    visitor.go("keys")
    assert visitor.place.startswith("/console/sign-in")


def test_a_key_set_inactive_ends_the_session_with_the_next_page(visit, gateway):
    iam = gateway.client("iam")
    iam.create_user(UserName="leaver")
    made = iam.create_access_key(UserName="leaver")["AccessKey"]
    leaver = User("leaver", made["AccessKeyId"], made["SecretAccessKey"], "")
    visitor = visit(leaver)
    assert visitor.go() == 200
    iam.update_access_key(UserName="leaver", AccessKeyId=leaver.access_key, Status="Inactive")
    visitor.go()
    assert visitor.place.startswith("/console/sign-in")
    visitor.sign_in(leaver)
    assert "the key is not active" in visitor.page.inner_text("[role=alert]")


def test_a_policy_counts_for_the_next_page(visit, gateway):
    iam = gateway.client("iam")
    iam.create_user(UserName="rising")
    made = iam.create_access_key(UserName="rising")["AccessKey"]
    visitor = visit(User("rising", made["AccessKeyId"], made["SecretAccessKey"], ""))
    assert visitor.go("keys") in (400, 403)
    assert "is not authorized to perform: kms:ListKeys" in visitor.page.inner_text("main")
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:List*", "Resource": "*"}}
    iam.put_user_policy(UserName="rising", PolicyName="kms", PolicyDocument=json.dumps(allow))
    assert visitor.go("keys") == 200


def test_without_tls_there_is_a_session_only_on_this_machine(visit, gateway):
    assert visit(ALICE).cookie("sealgate-session")["path"] == "/console/"
    secure = visit(ALICE, scheme="https").cookie("__Host-sealgate-session")
    assert secure["secure"] and secure["path"] == "/"
    for cookie in (visit(ALICE).cookie("sealgate-session"), secure):
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"


def test_everything_works_without_scripts(visit, gateway):
    visitor = visit(ALICE, java_script_enabled=False)
    visitor.go("buckets/new")
    visitor.page.fill("#name", "without-scripts")
    visitor.page.click("text=Create bucket")
    visitor.page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"plain"})
    visitor.page.click("main button:has-text('Upload')")
    assert visitor.notice == "a.txt is stored, sealed."
    assert gateway.client().get_object(Bucket="without-scripts", Key="a.txt")["Body"].read() == b"plain"
