"""Every page: accessible, narrow and wide, light and dark, small, and where the settings say."""

from __future__ import annotations

import json
import socket

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from gateway import ALICE, BOB, ROOT_USER, Gateway
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def places(gateway: Gateway) -> list[str]:
    """Every page, with something on it."""
    s3, kms = gateway.client(), gateway.client("kms")
    key = kms.create_key(Description="A key", Tags=[{"TagKey": "team", "TagValue": "red"}])["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/a-key", TargetKeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=BOB.arn, Operations=["Decrypt"])
    kms.rotate_key_on_demand(KeyId=key)
    pending = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=pending, PendingWindowInDays=7)
    s3.create_bucket(Bucket="pages")
    s3.put_bucket_versioning(Bucket="pages", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="pages", Key="f/o.txt", Body=b"x", Metadata={"a": "b"}, Tagging="x=y", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket="pages", Key="o.txt", Body=b"x")
    pair = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    brought = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    event = gateway.client("cloudtrail").lookup_events(MaxResults=1)["Events"][0]["EventId"]
    tabs = [f"keys/{key}?tab={tab}" for tab in ("facts", "policy", "use", "dependents", "grants", "rotation", "tags")]
    tabs += [f"keys/{pair}?tab=public", f"keys/{brought}?tab=material", "key-stores", "key-stores/new"]
    iam = gateway.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    trust = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": "sts:AssumeRole"}})
    policy = iam.create_policy(PolicyName="pages", PolicyDocument=document, Tags=[{"Key": "a", "Value": "b"}])["Policy"]["Arn"]
    iam.create_group(GroupName="pages")
    iam.add_user_to_group(GroupName="pages", UserName="bob")
    iam.attach_group_policy(GroupName="pages", PolicyArn=policy)
    iam.create_role(RoleName="pages", AssumeRolePolicyDocument=trust, PermissionsBoundary=policy, Tags=[{"Key": "a", "Value": "b"}])
    iam.put_role_policy(RoleName="pages", PolicyName="inline", PolicyDocument=document)
    people = [
        "people", "people?tab=groups", "people?tab=roles", "people?tab=policies", "people/account", "people/users/bob",
        "people/users/bob?tab=policies", "people/users/bob?tab=keys", "people/users/bob?tab=sign-in", "security", "security/password", "people/groups/pages", "people/groups/pages?tab=policies",
        "people/roles/pages", "people/roles/pages?tab=policies", "people/roles/pages/trust", "people/roles/pages/inline",
        f"people/policy?arn={policy}", f"people/policy/edit?arn={policy}", "people/policy?arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
        *(f"people/new/{noun}" for noun in ("user", "group", "role", "policy")),
    ]  # fmt: skip
    return [
        "", "keys", "keys/new", *tabs, f"keys/{pending}", "buckets", "buckets/new", "buckets/pages", "buckets/pages?tab=settings",
        "buckets/pages/object?key=f%2Fo.txt", "buckets/pages/link?key=o.txt", "buckets/pages/link?method=PUT", "buckets/pages/documents/policy",
        "buckets/pages/documents/tags", *people, f"people/simulate?principal={BOB.arn}&action=s3%3AGetObject",
        "audit", f"audit/{event}", "nothing-here",
    ]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(visit, places, theme):
    visitor = visit(color_scheme=theme)
    axe = Axe()
    visitor.go()
    places_of_strangers = [(visitor.place.removeprefix("/console/"), axe.run(visitor.page))]
    visitor.sign_in(ALICE)
    found = places_of_strangers + [(place, visitor.go(place) and axe.run(visitor.page)) for place in places]
    for place, result in found:
        serious = [it for it in result.response["violations"] if it["impact"] in ("serious", "critical")]
        assert not serious, (place, [(it["id"], [node["html"] for node in it["nodes"]]) for it in serious])


def test_no_page_is_wider_than_a_telephone(visit, places):
    visitor = visit(ALICE, width=360, height=740)
    for place in places:
        visitor.go(place)
        wide = visitor.page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
            " && !e.closest('.tabs, .visually-hidden, thead')).map(e => e.outerHTML.slice(0, 120))"
        )
        assert not wide, (place, wide)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place


def test_the_theme_is_the_systems_until_somebody_switches(visit):
    visitor = visit(ALICE, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = visitor.page.evaluate(background)
    visitor.go("keys")
    visitor.page.click("[aria-label=Light]")
    assert visitor.place == "/console/keys"
    light = visitor.page.evaluate(background)
    assert light != dark and visitor.page.get_attribute("[aria-label=Light]", "aria-pressed") == "true"
    visitor.go()
    assert visitor.page.evaluate(background) == light
    visitor.page.click("[aria-label='As the system']")
    assert visitor.page.evaluate(background) == dark


def test_a_page_is_small(visit, places):
    visitor = visit()
    sizes: dict[str, int] = {}
    visitor.page.on("response", lambda answer: sizes.__setitem__(answer.url, len(answer.body()) if answer.status == 200 else 0))
    visitor.go()
    visitor.sign_in(ALICE)
    visitor.page.wait_for_load_state("networkidle")
    assert sum(sizes.values()) < 150 * 1024


def test_the_keyboard_reaches_the_content_first(visit):
    visitor = visit(ALICE)
    # A page that is there, and not the sign-in that is about to go.
    visitor.go()
    page = visitor.page
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_one_setting_switches_it_off(tmp_path):
    gateway = Gateway(tmp_path / "off", config="console = false\n").start()
    try:
        answer = requests.get(f"{gateway.http}/console/", timeout=10)
        assert answer.status_code == 404 and "Sign in" not in answer.text
        gateway.client().create_bucket(Bucket="plain")
        assert "content-security-policy" not in requests.get(f"{gateway.http}/plain", timeout=10).headers
    finally:
        gateway.kill()


def test_another_gives_it_an_address_of_its_own(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    gateway = Gateway(tmp_path / "alone", config=f'console_listen = "{address}"\n').start()
    try:
        url = f"https://{address}"
        assert requests.get(f"{gateway.http}/console/", timeout=10).status_code == 404
        alone = requests.Session()
        alone.trust_env = False
        alone.verify = gateway.ca
        assert alone.get(url, timeout=10, allow_redirects=False).headers["location"] == "/console/"
        assert "Sign in" in alone.get(f"{url}/console/", timeout=10).text
        # Nothing of the APIs is there.
        gateway.client().create_bucket(Bucket="plain")
        assert alone.get(f"{url}/plain", timeout=10).status_code == 404
        assert alone.get(f"{url}/health", timeout=10).status_code == 404
    finally:
        gateway.kill()


def test_no_bucket_is_hidden_by_it(gateway):
    s3 = gateway.client()
    with pytest.raises(s3.exceptions.ClientError, match="404"):
        s3.create_bucket(Bucket="console")
    s3.create_bucket(Bucket="consoles")
    s3.put_object(Bucket="consoles", Key="console/x", Body=b"x")
    assert s3.get_object(Bucket="consoles", Key="console/x")["Body"].read() == b"x"
    # As a virtual host the path is a key, whatever it is.
    answer = requests.get(f"{gateway.http}/console/x", headers={"host": "consoles.localhost"}, timeout=10)
    assert answer.status_code == 403 and "AccessDenied" in answer.text
    assert ROOT_USER.arn not in answer.text
