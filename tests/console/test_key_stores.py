"""External key stores: made, connected, used by the wizard, and what is wrong with one that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gateway import ALICE, BOB, REGION, Gateway
from xks_proxy import Proxy


@pytest.fixture(scope="module")
def proxy(tmp_path_factory) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path_factory.mktemp("proxy"), REGION).start()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory, proxy) -> Iterator[Gateway]:
    config = f"[xks]\nca_file = '{proxy.ca}'\ntimeout = '10s'\n"
    gateway = Gateway(tmp_path_factory.mktemp("home") / "gateway", config=config).start()
    yield gateway
    gateway.kill()


def test_a_key_store_is_made_connected_and_holds_a_key_of_the_wizard(visit, home, proxy):
    tenant = proxy.tenant("console")
    tenant.key("theirs")
    credential = tenant.credential.parameter()
    page = (visitor := visit(ALICE, at=home)).page
    visitor.go("keys")
    page.click("text=Key stores")
    assert "No key stores yet" in page.inner_text("main")
    page.click("main a:has-text('New key store')")
    page.fill("#store_name", "manager")
    page.click("text=Create the key store")
    assert page.inner_text("#endpoint-problem") and page.input_value("#store_name") == "manager"
    page.fill("#endpoint", proxy.endpoint)
    page.fill("#path", "/nonsense")
    page.fill("#access_key", credential["AccessKeyId"])
    page.fill("#secret", credential["RawSecretAccessKey"])
    page.click("text=Create the key store")
    assert "xksProxyUriPath" in page.inner_text("#path-problem")
    assert page.input_value("#secret") == "" and page.inner_text("#secret-problem")
    page.fill("#path", tenant.path)
    page.fill("#secret", credential["RawSecretAccessKey"])
    page.click("text=Create the key store")
    assert visitor.notice == "The key store is there. Connect it to use it."
    page.click("main button:has-text('Connect')")
    page.wait_for_function("document.querySelector('tbody .badge').textContent == 'Connected' || location.reload()")

    visitor.go("keys/new")
    page.check(".choice:has-text('In an external key store') input")
    page.click("text=Next")
    assert page.inner_text("#store-problem") == "Choose the key store, and say which of its keys it is."
    page.select_option("#store", label="manager")
    page.fill("#xks_key", "theirs")
    page.click("text=Next")
    page.fill("#alias", "outside")
    for _ in range(3):
        page.click("text=Next")
    page.click("text=Create key")
    assert "External key store" in page.inner_text("dl.facts") and "theirs" in page.inner_text("dl.facts")
    kms = home.client("kms")
    sealed = kms.encrypt(KeyId="alias/outside", Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"

    visitor.go("key-stores")
    page.click("main button:has-text('Disconnect')")
    assert visitor.notice.startswith("The key store is disconnected")


def test_what_is_wrong_with_a_key_store_is_said_in_words(visit, home, proxy):
    tenant = proxy.tenant("silent")
    store = home.client("kms").create_custom_key_store(
        CustomKeyStoreName="refusing",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyUriEndpoint=proxy.endpoint,
        XksProxyUriPath=tenant.path,
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyAuthenticationCredential=tenant.credential.parameter(),
    )["CustomKeyStoreId"]
    tenant.credential.secret = type(tenant.credential).new().secret
    page = (visitor := visit(ALICE, at=home)).page
    visitor.go("key-stores")
    row = page.locator(f"tr:has-text('{store}')")
    row.locator("button:has-text('Connect')").click()
    page.wait_for_function(
        "id => [...document.querySelectorAll('tr')].find(row => row.textContent.includes(id)).textContent.includes('Failed')"
        " || location.reload()",
        arg=store,
    )
    assert "does not accept the credential. (XKS_PROXY_ACCESS_DENIED)" in row.inner_text()


def test_who_may_not_see_key_stores_sees_why(visit, home):
    page = (visitor := visit(BOB, at=home)).page
    visitor.go("key-stores")
    assert "is not authorized to perform: kms:DescribeCustomKeyStores" in page.inner_text("main")
    assert page.is_disabled("main button:has-text('New key store')")
