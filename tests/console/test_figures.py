"""Figures over time: the overview's charts and tables, a key's use, and that every page is small."""

from __future__ import annotations

import json

import pytest
from gateway import ALICE, BOB, Gateway
from playwright.sync_api import expect

MOST = 150 * 1024


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    """A key that was used, and refused to somebody."""
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for _ in range(3):
        kms.decrypt(CiphertextBlob=blob)
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Deny", "Principal": {"AWS": BOB.arn}, "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    with pytest.raises(kms.exceptions.ClientError):
        gateway.client("kms", BOB).decrypt(CiphertextBlob=blob)
    return key


def test_the_overview_draws_what_the_gateway_did(gateway, visit):
    gateway.client().create_bucket(Bucket="figures")
    gateway.client().put_object(Bucket="figures", Key="o", Body=bytes(5000))
    visitor = visit(ALICE)
    page = visitor.page
    # The first figures come with the second reading of the metrics.
    page.evaluate(
        """async () => {
          for (;;) {
            const lines = await (await fetch('/console/series?window=15m')).json();
            if (lines.times.length) return;
            await new Promise((again) => setTimeout(again, 200));
          }
        }"""
    )
    visitor.go("?window=15m")
    expect(page.locator(".charts canvas")).to_have_count(4)
    page.click("text=Latest figures as a table")
    expect(page.locator("[data-latest] tr")).to_have_count(12)
    assert "figures" in page.inner_text("section:has(#storage)")
    assert "well" in page.inner_text("section:has-text('Root of trust')")
    # What a script fetches later takes the place of what came with the page.
    page.evaluate("document.querySelector('[data-url]').dispatchEvent(new Event('charts:refresh'))")
    expect(page.locator("[data-updated]")).to_have_count(1)
    expect(page.locator(".charts canvas")).to_have_count(4)
    assert page.get_attribute(".segmented [aria-current]", "href") == "/console/?window=15m"


def test_figures_of_all_accounts_are_for_whom_policies_let_see_them(gateway, visit):
    visitor = visit(BOB)
    visitor.go()
    assert "cloudwatch:GetMetricData" in visitor.page.inner_text("section:has(#traffic)")
    assert visitor.page.locator(".charts, #storage").count() == 0
    answer = visitor.context.request.get(f"{visitor.url}/console/series")
    assert answer.status == 403 and "times" not in answer.text()
    stranger = visit().context.request.get(f"{visitor.url}/console/series", max_redirects=0)
    assert stranger.status == 303 and "sign-in" in stranger.headers["location"]


def test_a_key_shows_who_used_it_and_who_was_refused(visit, key):
    visitor = visit(ALICE)
    visitor.go(f"keys/{key}?tab=use")
    page = visitor.page
    expect(page.locator(".charts canvas")).to_have_count(1)
    rows = [row.split("\t") for row in page.locator("section:has-text('Use over time') tbody tr").all_inner_texts()]
    assert ["Decrypt", "3", "1"] in rows and ["Encrypt", "1", "0"] in rows and ["bob", "0", "1"] in rows


def test_without_scripts_the_figures_are_in_tables(visit, key):
    visitor = visit(ALICE, java_script_enabled=False)
    visitor.go("?window=15m")
    page = visitor.page
    assert page.locator(".plot").first.is_hidden()
    page.click("text=Latest figures as a table")
    assert "Requests done" in page.inner_text("[data-latest]") or "first figures" in page.inner_text("main")
    visitor.go(f"keys/{key}?tab=use")
    assert "Decrypt" in page.inner_text("section:has-text('Use over time')")


def test_every_page_is_small_for_a_browser_that_has_nothing(gateway, visit, browser, key):
    visitor = visit(ALICE)
    state = visitor.context.storage_state()
    gateway.client().create_bucket(Bucket="small-pages")
    for number in range(60):
        gateway.client().put_object(Bucket="small-pages", Key=f"a/long/enough/name/of/an/object-{number:04}", Body=b"x")
    tabs = [f"keys/{key}?tab={tab}" for tab in ("facts", "policy", "grants", "tags", "rotation", "use")]
    places = [
        "", "keys", "keys/new", *tabs, "buckets", "buckets/new", "buckets/small-pages", "buckets/small-pages?tab=settings",
        "buckets/small-pages?prefix=a/long/enough/name/of/an/", "people", "people/users/bob", "audit",
    ]  # fmt: skip
    for place in places:
        context = browser.new_context(storage_state=state)
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        sizes: list[int] = []
        wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        answer = page.goto(f"{visitor.url}/console/{place}", wait_until="networkidle")
        assert answer and answer.status == 200, place
        assert len(sizes) > 3 and sum(sizes) < MOST, (place, sum(sizes))
        context.close()
