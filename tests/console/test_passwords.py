"""Signing in with a password and a second factor, and setting both up."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from gateway import ACCOUNT, ALICE, Gateway, User, unique
from one_time_codes import code, step_now, two_codes
from visitor import Visitor

GOOD, OTHER = "Correct-horse-1", "Battery-staple-2"
OWN = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["iam:ChangePassword", "iam:*MFADevice", "iam:List*", "iam:Get*", "s3:ListAllMyBuckets"],
        "Resource": "*",
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One of its own: failed attempts count for the address, which all visitors share."""
    made = Gateway(tmp_path_factory.mktemp("passwords") / "gateway").start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def iam(gateway: Gateway):
    return gateway.client("iam")


@pytest.fixture
def user(iam) -> str:
    name = unique("user")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(OWN))
    return name


def sign_in(visitor: Visitor, user: str, password: str, account: str = ACCOUNT) -> None:
    visitor.go("sign-in?with=password")
    for field, value in (("account", account), ("user", user), ("password", password)):
        visitor.page.fill(f"#{field}", value)
    visitor.page.click("form[action='/console/sign-in'] button")


def logins(gateway: Gateway, user: str) -> list[dict]:
    found = gateway.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}]
    )
    events = [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]
    return [event for event in events if event["userIdentity"].get("userName") == user]


def test_a_user_gets_a_password_changes_it_first_and_is_in(visit, gateway, iam, user):
    admin = visit(ALICE)
    admin.go(f"people/users/{user}?tab=sign-in")
    admin.page.fill("#password", GOOD)
    admin.page.click("text=Set password")
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is True

    visitor = visit()
    page = visitor.page
    sign_in(visitor, user, GOOD)
    assert visitor.place == "/console/security/password"
    visitor.go("buckets")
    assert visitor.place == "/console/security/password", "nothing else comes first"
    page.fill("#old", GOOD)
    page.fill("#new", OTHER)
    page.fill("#repeat", GOOD)
    page.click("main button")
    assert page.inner_text("#repeat-problem") == "It is not the same as above."
    page.fill("#old", GOOD)
    page.fill("#new", OTHER)
    page.fill("#repeat", OTHER)
    page.click("main button")
    assert visitor.place == "/console/" and user in page.inner_text(".who")
    assert visitor.go("buckets") == 200 and visitor.place == "/console/buckets"
    [login] = logins(gateway, user)
    assert login["responseElements"] == {"ConsoleLogin": "Success"}
    assert login["additionalEventData"]["MFAUsed"] == "No"
    assert "PasswordLastUsed" in iam.get_user(UserName=user)["User"]


def test_the_account_may_be_named_by_its_alias(visit, iam, user):
    alias = unique("shop")
    iam.create_account_alias(AccountAlias=alias)
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor = visit()
    sign_in(visitor, user, GOOD, account=alias)
    assert visitor.place == "/console/"
    iam.delete_account_alias(AccountAlias=alias)


def test_nobody_and_a_wrong_password_look_the_same_and_are_on_record(visit, gateway, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor, said = visit(), []
    for name in (user, "nobody-of-this-name"):
        sign_in(visitor, name, OTHER)
        said.append(visitor.page.inner_text("[role=alert]"))
        assert visitor.page.input_value("#user") == name and visitor.page.input_value("#password") == ""
    assert said[0] == said[1] and "no such user with this password" in said[0]
    [login] = logins(gateway, user)
    assert login["responseElements"] == {"ConsoleLogin": "Failure"}
    hidden = logins(gateway, "HIDDEN_DUE_TO_SECURITY_REASONS")
    assert hidden and "nobody-of-this-name" not in json.dumps(hidden)


def test_guesses_of_a_password_have_to_wait(visit, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor = visit()
    for _ in range(5):
        sign_in(visitor, user, OTHER)
    sign_in(visitor, user, GOOD)
    assert "too many failed attempts" in visitor.page.inner_text("[role=alert]")


def test_a_session_ends_with_the_password_it_stands_on(visit, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor = visit()
    sign_in(visitor, user, GOOD)
    assert visitor.go("buckets") == 200 and visitor.place == "/console/buckets"
    iam.update_login_profile(UserName=user, Password=OTHER)
    visitor.go("buckets")
    assert visitor.place.startswith("/console/sign-in")


def test_an_app_is_set_up_and_its_code_is_asked_for_and_good_once(visit, gateway, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor = visit()
    page = visitor.page
    sign_in(visitor, user, GOOD)
    page.click(".who")
    page.click("text=Add an app")
    page.click("button:text-is('Cancel')")
    page.click("text=Add an app")
    assert page.locator("svg.qr path").count() == 1
    seed = page.inner_text("#seed code")
    page.fill("#code1", "000000")
    page.fill("#code2", "000000")
    page.click("button:text-is('Enable')")
    assert "not two codes in a row" in page.inner_text("[role=alert]")
    assert page.inner_text("#seed code") == seed
    first, second = two_codes(seed)
    used = step_now()
    page.fill("#code1", first)
    page.fill("#code2", second)
    page.click("button:text-is('Enable')")
    assert "asks for a code" in visitor.notice

    again = visit()
    sign_in(again, user, GOOD)
    page = again.page
    again_place = again.place
    assert again_place == "/console/sign-in" and page.is_visible("#code")
    page.fill("#code", second)
    page.click("main form[action='/console/sign-in'] button")
    assert "used before" in page.inner_text("[role=alert]"), "the code that enabled it is spent"
    again.go("buckets")
    assert again.place.startswith("/console/sign-in"), "halfway is not in"
    sign_in(again, user, GOOD)
    page.fill("#code", code(seed, used + 1))
    page.click("main form[action='/console/sign-in'] button")
    assert again.place == "/console/"
    success = logins(gateway, user)[0]
    assert success["responseElements"] == {"ConsoleLogin": "Success"}
    assert success["additionalEventData"]["MFAUsed"] == "Yes"


def test_what_asks_for_a_second_factor_is_allowed_after_one_was_shown(visit, iam, user):
    document = json.dumps({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
    })  # fmt: skip
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document)
    iam.create_login_profile(UserName=user, Password=GOOD)
    visitor = visit()
    sign_in(visitor, user, GOOD)
    visitor.go("buckets")
    assert "not authorized to perform: s3:ListAllMyBuckets" in visitor.page.inner_text("main")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
    first, second = two_codes(made["Base32StringSeed"])
    used = step_now()
    iam.enable_mfa_device(UserName=user, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    other = visit()
    sign_in(other, user, GOOD)
    other.page.fill("#code", code(made["Base32StringSeed"], used + 1))
    other.page.click("main form[action='/console/sign-in'] button")
    other.go("buckets")
    assert "not authorized" not in other.page.inner_text("main")


def test_guesses_of_a_code_have_to_wait(visit, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
    first, second = two_codes(made["Base32StringSeed"])
    iam.enable_mfa_device(UserName=user, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    visitor = visit()
    sign_in(visitor, user, GOOD)
    for _ in range(6):
        visitor.page.fill("#code", first)
        visitor.page.click("main form[action='/console/sign-in'] button")
    assert "too many failed attempts" in visitor.page.inner_text("[role=alert]")
    # The right password is no way around: there are not five free attempts again.
    sign_in(visitor, user, GOOD)
    said = []
    for _ in range(5):
        visitor.page.fill("#code", first)
        visitor.page.click("main form[action='/console/sign-in'] button")
        said.append(visitor.page.inner_text("[role=alert]"))
    assert any("too many failed attempts" in words for words in said)


def test_who_has_a_device_is_asked_also_after_an_access_key(visit, gateway, iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]
    first, second = two_codes(made["Base32StringSeed"])
    iam.enable_mfa_device(UserName=user, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    visitor = visit()
    visitor.go()
    visitor.sign_in(User(user, key["AccessKeyId"], key["SecretAccessKey"], ""))
    assert visitor.page.is_visible("#code")
    assert visitor.go("keys") == 200 and visitor.place.startswith("/console/sign-in")
