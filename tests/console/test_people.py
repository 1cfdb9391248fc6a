"""People: users, groups, roles and policies are made, changed and deleted, and who may not sees why."""

from __future__ import annotations

import csv
import json

import pytest
from botocore.exceptions import ClientError
from gateway import ACCOUNT, ALICE, BOB, ROOT_USER, Gateway, User, unique

READ_BUCKETS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}


@pytest.fixture(scope="module")
def iam(gateway: Gateway):
    return gateway.client("iam")


@pytest.fixture
def user(iam) -> str:
    name = unique("user")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def policy(iam) -> str:
    return iam.create_policy(PolicyName=unique("policy"), PolicyDocument=json.dumps(READ_BUCKETS))["Policy"]["Arn"]


def test_a_user_gets_a_key_that_is_shown_once_and_signs(visit, gateway, iam):
    visitor, name = visit(ALICE), unique("mia")
    page = visitor.page
    visitor.go("people")
    page.click("text=New user")
    page.fill("#name", name)
    page.fill("#tags", "team=shop")
    page.click("text=Create user")
    assert visitor.place == f"/console/people/users/{name}"
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "team", "Value": "shop"}]

    page.click(".tabs >> text=Access keys")
    page.click("text=Create access key")
    key, secret = page.inner_text("#made-id code"), page.inner_text("#made-secret code")
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    assert download.value.suggested_filename == f"{name}_accessKeys.csv"
    rows = list(csv.reader(download.value.path().read_text().splitlines()))
    assert rows == [["Access key ID", "Secret access key"], [key, secret]]
    mia = User(name, key, secret, "")
    assert gateway.client("sts", mia).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"

    page.click("text=I have it")
    assert secret not in page.content() and key in page.inner_text("main")


def test_a_key_is_deactivated_activated_and_deleted(visit, gateway, iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    signed = gateway.client("sts", User(user, made["AccessKeyId"], made["SecretAccessKey"], ""))
    visitor = visit(ALICE)
    page = visitor.page
    visitor.go(f"people/users/{user}?tab=keys")
    page.click("button:text-is('Deactivate')")
    assert "the next request signed with it is refused" in visitor.notice
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        signed.get_caller_identity()
    page.click("button:text-is('Activate')")
    signed.get_caller_identity()
    page.click("button:text-is('Deactivate')")
    page.click("button:text-is('Delete')")
    assert iam.list_access_keys(UserName=user)["AccessKeyMetadata"] == []


def test_a_user_is_deleted_only_when_nothing_is_in_the_way(visit, iam, user):
    group = unique("group")
    iam.create_group(GroupName=group)
    visitor = visit(ALICE)
    page = visitor.page
    visitor.go(f"people/users/{user}")
    page.fill("#other", group)
    page.click("text=Put into the group")
    assert iam.list_groups_for_user(UserName=user)["Groups"][0]["GroupName"] == group
    assert "First take it out of its group." in page.inner_text("main")
    assert page.is_disabled("button:text-is('Delete')")
    page.click("button:text-is('Take out')")
    page.fill("#confirm", "another")
    page.click("button:text-is('Delete')")
    assert visitor.notice == "The name that was typed is another one."
    page.fill("#confirm", user)
    page.click("button:text-is('Delete')")
    assert visitor.notice == f"The user {user} is deleted."
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName=user)


def test_a_group_gives_its_users_what_its_policies_allow(visit, gateway, iam, user, policy):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    s3 = gateway.client("s3", User(user, made["AccessKeyId"], made["SecretAccessKey"], ""))
    visitor, group = visit(ALICE), unique("group")
    page = visitor.page
    visitor.go("people/new/group")
    page.fill("#name", group)
    page.click("text=Create group")
    page.fill("#other", user)
    page.click("button:text-is('Add')")
    page.click(".tabs >> text=Policies")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()
    page.fill("#attach", policy)
    page.click("button:text-is('Attach')")
    s3.list_buckets()
    page.click("button:text-is('Detach')")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()


def test_a_role_is_made_with_its_trust_and_the_trust_is_edited(visit, gateway, iam):
    visitor, name = visit(ALICE), unique("role")
    page = visitor.page
    visitor.go("people/new/role")
    page.fill("#name", name)
    trust = json.loads(page.input_value("#document"))
    trust["Statement"][0]["Principal"] = {"AWS": BOB.arn}
    page.fill("#document", "{")
    page.click("text=Create role")
    assert "This is not JSON" in page.inner_text("#document-problem") and page.input_value("#name") == name
    page.fill("#document", json.dumps(trust))
    page.click("text=Read it in sentences")
    assert "bob" in page.inner_text(".sentences")
    page.click("text=Create role")
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == trust
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    gateway.client("sts", BOB).assume_role(RoleArn=arn, RoleSessionName="books")

    page.click("text=Edit the trust policy")
    page.fill("#document", page.input_value("#document").replace(BOB.arn, ALICE.arn))
    page.click("text=See what changes")
    assert BOB.arn in page.inner_text(".diff .minus") and ALICE.arn in page.inner_text(".diff .plus")
    page.click("button:text-is('Save')")
    with pytest.raises(ClientError, match="AccessDenied"):
        gateway.client("sts", BOB).assume_role(RoleArn=arn, RoleSessionName="books")


def test_an_inline_policy_is_written_compared_and_deleted(visit, iam, user):
    visitor = visit(ALICE)
    page = visitor.page
    visitor.go(f"people/users/{user}?tab=policies")
    page.click("text=New inline policy")
    page.fill("#name", "read buckets?")
    page.fill("#document", json.dumps(READ_BUCKETS))
    page.click("text=See what changes")
    page.click("button:text-is('Save')")
    assert "is invalid" in page.inner_text("[role=alert]") and page.input_value("#name") == "read buckets?"
    page.fill("#name", "read+buckets")
    page.click("button:text-is('Save')")
    assert iam.get_user_policy(UserName=user, PolicyName="read+buckets")["PolicyDocument"] == READ_BUCKETS
    page.click("a:text-is('read+buckets')")
    page.fill("#document", page.input_value("#document").replace("Allow", "Deny"))
    page.click("text=See what changes")
    assert "may not" in page.inner_text(".sentences")
    page.click("button:text-is('Save')")
    assert iam.get_user_policy(UserName=user, PolicyName="read+buckets")["PolicyDocument"]["Statement"][0]["Effect"] == "Deny"
    page.click("button:text-is('Delete')")
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []


def test_a_managed_policy_has_versions(visit, iam):
    visitor, name = visit(ALICE), unique("policy")
    page = visitor.page
    visitor.go("people/new/policy")
    page.fill("#name", name)
    page.fill("#document", json.dumps({**READ_BUCKETS, "Statement": [{"Effect": "Perhaps"}]}))
    page.click("text=Create policy")
    assert "This is not a policy" in page.inner_text("#document-problem")
    page.fill("#document", json.dumps(READ_BUCKETS))
    page.click("text=Create policy")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    page.click("a:text-is('Edit')")
    page.fill("#document", page.input_value("#document").replace("ListAllMyBuckets", "GetObject"))
    page.click("text=See what changes")
    page.click("button:text-is('Save')")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    page.click("[aria-label='Put v1 in force']")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    assert "delete the versions that are not in force" in page.inner_text("main")
    page.click("[aria-label='Delete v2']")
    page.click("button:text-is('Delete')")
    assert visitor.notice == "The policy is deleted."
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn=arn)


def test_a_boundary_is_set_and_removed(visit, iam, user, policy):
    visitor = visit(ALICE)
    page = visitor.page
    visitor.go(f"people/users/{user}?tab=policies")
    page.fill("#boundary", policy)
    page.click("button:text-is('Set')")
    assert iam.get_user(UserName=user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    page.click("text=Remove the boundary")
    assert "PermissionsBoundary" not in iam.get_user(UserName=user)["User"]


def test_tags_of_a_user_are_set_and_removed(visit, iam, user):
    visitor = visit(ALICE)
    page = visitor.page
    visitor.go(f"people/users/{user}")
    page.fill("#key", "cost <b>centre</b>")
    page.fill("#value", "&42")
    page.click("button:text-is('Set')")
    # Tags have fewer characters than forms; the API says so.
    assert "ag" in visitor.notice
    page.fill("#key", "cost centre")
    page.fill("#value", "42")
    page.click("button:text-is('Set')")
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "cost centre", "Value": "42"}]
    page.click("[aria-label='Remove the tag cost centre']")
    assert iam.list_user_tags(UserName=user)["Tags"] == []


def test_who_may_only_look_sees_why_and_cannot_act(visit, gateway, iam, user):
    viewer = unique("viewer")
    iam.create_user(UserName=viewer)
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"}}
    iam.put_user_policy(UserName=viewer, PolicyName="look", PolicyDocument=json.dumps(allow))
    made = iam.create_access_key(UserName=viewer)["AccessKey"]
    visitor = visit(User(viewer, made["AccessKeyId"], made["SecretAccessKey"], ""))
    page = visitor.page
    visitor.go("people")
    assert page.is_disabled("button:has-text('New user')")
    assert "is not authorized to perform: iam:CreateUser" in page.inner_text("#why-new")
    visitor.go(f"people/users/{user}?tab=keys")
    assert page.is_disabled("button:has-text('Create access key')")
    assert f"is not authorized to perform: iam:CreateAccessKey on resource: arn:aws:iam::{ACCOUNT}:user/{user}" in page.inner_text("main")
    token = page.get_attribute("input[name=form_token]", "value")
    answer = visitor.post(
        f"people/users/{user}/key-create", {"form_token": token}, Origin=visitor.url, **{"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status == 303
    assert iam.list_access_keys(UserName=user)["AccessKeyMetadata"] == []


def test_permission_for_one_user_is_permission_for_that_one_alone(visit, iam, user):
    manager = unique("manager")
    iam.create_user(UserName=manager)
    statements = [
        {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": f"arn:aws:iam::{ACCOUNT}:user/{user}"},
    ]
    iam.put_user_policy(UserName=manager, PolicyName="one", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    made = iam.create_access_key(UserName=manager)["AccessKey"]
    visitor = visit(User(manager, made["AccessKeyId"], made["SecretAccessKey"], ""))
    visitor.go(f"people/users/{user}?tab=keys")
    assert visitor.page.is_enabled("button:has-text('Create access key')")
    visitor.go("people/users/bob?tab=keys")
    assert visitor.page.is_disabled("button:has-text('Create access key')")


def test_a_key_form_sent_twice_makes_one_key(visit, iam, user):
    visitor = visit(ALICE)
    visitor.go(f"people/users/{user}?tab=keys")
    form = visitor.page.locator("form[action$='key-create']")
    fields = {name: form.locator(f"[name={name}]").get_attribute("value") for name in ("form_token", "once")}
    place = f"people/users/{user}/key-create"
    headers = {"Origin": visitor.url, "Sec-Fetch-Site": "same-origin"}
    first, second = visitor.post(place, fields, **headers), visitor.post(place, fields, **headers)
    assert first.status == 200 and "made-secret" in first.text()
    assert second.status == 303 and "made-secret" not in second.text()
    assert len(iam.list_access_keys(UserName=user)["AccessKeyMetadata"]) == 1


def test_the_account_gets_an_alias(visit, iam):
    visitor, alias = visit(ROOT_USER), unique("shop")
    page = visitor.page
    visitor.go("people/account")
    assert ACCOUNT in page.inner_text("main") and "sealgate account create" in page.inner_text("main")
    page.fill("#alias", alias)
    page.click("button:text-is('Set')")
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    page.click("text=Remove the alias")
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_more_users_than_a_page_has_are_on_the_next(visit, gateway, iam):
    for number in range(201):
        iam.create_user(UserName=f"zz-{number:03}")
    visitor = visit(ALICE)
    visitor.go("people?tab=users")
    assert visitor.page.locator("tbody tr").count() == 200
    visitor.page.click("text=Next users")
    assert visitor.page.locator("a:text-is('zz-200')").count() == 1
