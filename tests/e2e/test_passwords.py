"""Passwords and second factors by the API of IAM."""

from __future__ import annotations

import csv
import json

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import ACCOUNT, CAROL, ROOT_USER, Gateway, User
from one_time_codes import code, step_now, two_codes

GOOD, OTHER = "Correct-horse-1", "Battery-staple-2"


@pytest.fixture
def iam(gateway: Gateway):
    return gateway.client("iam")


@pytest.fixture
def user(iam) -> str:
    name = unique("user")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def no_policy(iam):
    yield
    try:
        iam.delete_account_password_policy()
    except iam.exceptions.NoSuchEntityException:
        pass


def refused(match: str):
    return pytest.raises(ClientError, match=match)


def signed(gateway: Gateway, iam, name: str, *actions: str) -> User:
    made = iam.create_access_key(UserName=name)["AccessKey"]
    if actions:
        allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": list(actions), "Resource": "*"}}
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(allow))
    return User(name, made["AccessKeyId"], made["SecretAccessKey"], "")


def test_a_login_profile_is_made_shown_changed_and_deleted(iam, user):
    with refused("NoSuchEntity"):
        iam.get_login_profile(UserName=user)
    made = iam.create_login_profile(UserName=user, Password=GOOD, PasswordResetRequired=True)["LoginProfile"]
    assert made["UserName"] == user and made["PasswordResetRequired"] is True
    assert iam.get_login_profile(UserName=user)["LoginProfile"] == made
    with refused("EntityAlreadyExists"):
        iam.create_login_profile(UserName=user, Password=GOOD)
    iam.update_login_profile(UserName=user, PasswordResetRequired=False)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    iam.update_login_profile(UserName=user, Password=OTHER)
    with refused("delete login profile first"):
        iam.delete_user(UserName=user)
    iam.delete_login_profile(UserName=user)
    for operation in (iam.get_login_profile, iam.delete_login_profile):
        with refused("NoSuchEntity"):
            operation(UserName=user)
    with refused("NoSuchEntity"):
        iam.update_login_profile(UserName=user, Password=OTHER)
    iam.delete_user(UserName=user)


def test_a_renamed_user_keeps_its_password(gateway, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD)
    renamed = unique("renamed")
    iam.update_user(UserName=user, NewUserName=renamed)
    assert iam.get_login_profile(UserName=renamed)["LoginProfile"]["UserName"] == renamed
    client = gateway.client("iam", signed(gateway, iam, renamed, "iam:ChangePassword"))
    client.change_password(OldPassword=GOOD, NewPassword=OTHER)


@pytest.mark.parametrize("bad", ["Short-1", "onlysmallletters", "ONLY CAPITALS"])
def test_without_a_policy_a_password_has_eight_characters_of_three_kinds(iam, user, bad):
    with refused("PasswordPolicyViolation"):
        iam.create_login_profile(UserName=user, Password=bad)


def test_who_may_changes_the_own_password_and_must_know_the_old_one(gateway, iam, user):
    iam.create_login_profile(UserName=user, Password=GOOD, PasswordResetRequired=True)
    own = signed(gateway, iam, user)
    client = gateway.client("iam", own)
    with refused("AccessDenied.*iam:ChangePassword"):
        client.change_password(OldPassword=GOOD, NewPassword=OTHER)
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "arn:aws:iam::*:user/${aws:username}"}}
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=json.dumps(allow))
    with refused("AccessDenied.*old password was incorrect"):
        client.change_password(OldPassword=OTHER, NewPassword=OTHER)
    with refused("PasswordPolicyViolation"):
        client.change_password(OldPassword=GOOD, NewPassword="weak")
    client.change_password(OldPassword=GOOD, NewPassword=OTHER)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    with refused("AccessDenied"):
        client.change_password(OldPassword=GOOD, NewPassword=GOOD)


def test_the_root_has_no_password_to_change(gateway, iam):
    with refused("InvalidUserType"):
        gateway.client("iam", ROOT_USER).change_password(OldPassword=GOOD, NewPassword=OTHER)


def test_an_account_has_rules_for_passwords(gateway, iam, user, no_policy):
    with refused("NoSuchEntity"):
        iam.get_account_password_policy()
    iam.update_account_password_policy(
        MinimumPasswordLength=12, RequireSymbols=True, AllowUsersToChangePassword=True, MaxPasswordAge=90, PasswordReusePrevention=2
    )
    assert iam.get_account_password_policy()["PasswordPolicy"] == {
        "MinimumPasswordLength": 12,
        "RequireSymbols": True,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": True,
        "ExpirePasswords": True,
        "MaxPasswordAge": 90,
        "PasswordReusePrevention": 2,
        "HardExpiry": False,
    }
    for bad in ("Too-short-1", "no symbols in here"):
        with refused("PasswordPolicyViolation"):
            iam.create_login_profile(UserName=user, Password=bad)
    iam.create_login_profile(UserName=user, Password="first-password")
    client = gateway.client("iam", signed(gateway, iam, user))
    client.change_password(OldPassword="first-password", NewPassword="second-password")
    for recent in ("first-password", "second-password"):
        with refused("PasswordPolicyViolation"):
            client.change_password(OldPassword="second-password", NewPassword=recent)
    client.change_password(OldPassword="second-password", NewPassword="third-password")
    client.change_password(OldPassword="third-password", NewPassword="first-password")
    iam.delete_account_password_policy()
    with refused("NoSuchEntity"):
        iam.delete_account_password_policy()


def test_a_password_is_not_in_the_trail(gateway, iam, user):
    iam.create_login_profile(UserName=user, Password="Nobody-finds-this-1")
    found = gateway.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLoginProfile"}]
    )
    event = next(event for event in found["Events"] if user in event["CloudTrailEvent"])
    assert "Nobody-finds" not in event["CloudTrailEvent"]
    assert json.loads(event["CloudTrailEvent"])["responseElements"]["loginProfile"]["userName"] == user


def test_a_device_is_made_enabled_listed_and_deleted(iam, user):
    name = unique("device")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    serial, seed = made["SerialNumber"], made["Base32StringSeed"]
    assert serial == f"arn:aws:iam::{ACCOUNT}:mfa/{name}"
    assert len(seed) == 64 and made["QRCodePNG"].startswith(b"\x89PNG\r\n")
    with refused("EntityAlreadyExists"):
        iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
    assert serial in [it["SerialNumber"] for it in iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"]]

    first, second = two_codes(seed)
    for wrong in ((second, first), (first, first), (code(seed, step_now() - 9), code(seed, step_now() - 8))):
        with refused("InvalidAuthenticationCode"):
            iam.enable_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1=wrong[0], AuthenticationCode2=wrong[1])
    first, second = two_codes(seed)
    iam.enable_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second)
    listed = iam.list_mfa_devices(UserName=user)["MFADevices"]
    assert [(it["UserName"], it["SerialNumber"]) for it in listed] == [(user, serial)]
    assert iam.get_mfa_device(SerialNumber=serial, UserName=user)["EnableDate"] == listed[0]["EnableDate"]
    assigned = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert user in [it["User"]["UserName"] for it in assigned if it["SerialNumber"] == serial]
    assert all("Base32StringSeed" not in it for it in assigned)

    with refused("EntityAlreadyExists"):
        iam.enable_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1=first, AuthenticationCode2=second)
    with refused("DeleteConflict"):
        iam.delete_virtual_mfa_device(SerialNumber=serial)
    with refused("delete MFA device first"):
        iam.delete_user(UserName=user)
    iam.deactivate_mfa_device(UserName=user, SerialNumber=serial)
    with refused("NoSuchEntity"):
        iam.deactivate_mfa_device(UserName=user, SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    for operation in (iam.delete_virtual_mfa_device, iam.get_mfa_device):
        with refused("NoSuchEntity"):
            operation(SerialNumber=serial)
    iam.delete_user(UserName=user)


def test_a_device_whose_clock_is_wrong_is_set_right_and_a_code_is_good_once(iam, user):
    serial, seed = device_of(iam, user)
    ahead = step_now() + 10
    with refused("InvalidAuthenticationCode"):
        iam.resync_mfa_device(UserName=user, SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000000")
    codes = {"AuthenticationCode1": code(seed, ahead - 1), "AuthenticationCode2": code(seed, ahead)}
    iam.resync_mfa_device(UserName=user, SerialNumber=serial, **codes)
    with refused("InvalidAuthenticationCode"):
        iam.resync_mfa_device(UserName=user, SerialNumber=serial, **codes)


def device_of(iam, user: str) -> tuple[str, bytes]:
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=unique("device"))["VirtualMFADevice"]
    first, second = two_codes(made["Base32StringSeed"])
    iam.enable_mfa_device(UserName=user, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    return made["SerialNumber"], made["Base32StringSeed"]


def test_the_credential_report_and_the_summary_know_of_passwords_and_devices(iam, user):
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_login_profile(UserName=user, Password=GOOD)
    device_of(iam, user)
    after = iam.get_account_summary()["SummaryMap"]
    assert (after["MFADevices"], after["MFADevicesInUse"]) == (before["MFADevices"] + 1, before["MFADevicesInUse"] + 1)
    iam.generate_credential_report()
    report = iam.get_credential_report()["Content"].decode().splitlines()
    line = next(line for line in csv.DictReader(report) if line["user"] == user)
    assert (line["password_enabled"], line["password_last_used"], line["mfa_active"]) == ("true", "no_information", "true")


def test_devices_are_of_their_account(gateway, iam, user):
    serial, _ = device_of(iam, user)
    other = gateway.client("iam", CAROL)
    for operation in (other.get_mfa_device, other.delete_virtual_mfa_device):
        with refused("NoSuchEntity|AccessDenied"):
            operation(SerialNumber=serial)
    assert serial not in [it["SerialNumber"] for it in other.list_virtual_mfa_devices()["VirtualMFADevices"]]
