"""What somebody else's page, link, object or session must not be able to do."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest
from gateway import ALICE, BOB, CAROL, ROOT_USER

SCRIPTS = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=window.hit=1>",
    "'><svg onload=window.hit=1>",
    "javascript:window.hit=1//",
    "{{constructor.constructor('window.hit=1')()}}",
    "</textarea><script>window.hit=1</script>",
    "%3Cscript%3Ewindow.hit=1%3C/script%3E",
    "\u2028<iframe srcdoc='<script>parent.hit=1</script>'>",
]


@pytest.fixture(scope="module")
def hostile(gateway) -> str:
    """A bucket whose objects, metadata and tags, and a key whose texts, are scripts."""
    s3, kms = gateway.client(), gateway.client("kms")
    s3.create_bucket(Bucket="hostile")
    for number, text in enumerate(SCRIPTS):
        meta = {"note": text.encode("ascii", "ignore").decode()}
        s3.put_object(Bucket="hostile", Key=f"{text}/{text}", Body=b"", Metadata=meta, ContentType="text/html")
        kms.create_key(Description=text, Tags=[{"TagKey": f"t{number}", "TagValue": "x"}])
    policy = '{"Version":"2012-10-17","Statement":[{"Sid":"</textarea><script>window.hit=1</script>","Effect":"Allow","Principal":{"AWS":"%s"},"Action":"kms:*","Resource":"*"}]}'
    return kms.create_key(Policy=policy % ROOT_USER.arn, Description="hostile policy")["KeyMetadata"]["KeyId"]


def test_no_name_metadata_tag_or_policy_becomes_a_script(visit, gateway, hostile):
    page = (visitor := visit(ALICE, user_agent="<script>window.hit=1</script>")).page
    places = [f"keys/{hostile}?tab=policy", f"keys/{hostile}", "keys", "buckets/hostile", "audit", ""]
    places += [f"keys?q={text}" for text in SCRIPTS if "%" not in text]
    visitor.go("buckets/hostile")
    places += [link.removeprefix("/console/") for link in page.eval_on_selector_all("tbody a", "all => all.map(a => a.getAttribute('href'))")]
    assert len(places) > 14
    for place in places:
        visitor.go(place)
        assert page.evaluate("window.hit") is None, place
        assert page.locator("iframe, [onerror], [onload], main script").count() == 0, place
        if "prefix=" in place:
            link = page.get_attribute("tbody a >> nth=-1", "href")
            visitor.go(link.removeprefix("/console/"))
            assert page.evaluate("window.hit") is None, link
            if "/object?" not in link:
                continue
            page.click("text=Make a link…")
            page.click("main button:has-text('Make a link')")
            assert page.evaluate("window.hit") is None and page.locator("iframe, [onerror], [onload], main script").count() == 0, link


def test_every_page_says_what_a_browser_must_not_do(visit):
    visitor = visit(ALICE, scheme="https")
    for place in ("", "keys", "nothing-here", "sign-in"):
        answer = visitor.context.request.get(f"{visitor.url}/console/{place}")
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert re.fullmatch(r"'nonce-[\w-]{43}'", policy["script-src"])
        assert policy["style-src"] == policy["script-src"] and policy["base-uri"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in visit(ALICE).context.request.get(f"{visit().url}/console/").headers


def test_assets_are_kept_for_good_under_the_hash_of_their_content(visit):
    page = (visitor := visit()).page
    visitor.go()
    address = page.get_attribute("link[rel=stylesheet]", "href")
    answer = visitor.context.request.get(visitor.url + address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    old = visitor.context.request.get(visitor.url + re.sub(r"assets/\w+", "assets/0", address))
    assert old.status == 200 and old.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
        {"origin": "SELF", "sec-fetch-site": "cross-site"},
        {"origin": "SELF", "sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_form_of_another_page_does_nothing(visit, gateway, headers):
    visitor = visit(ALICE)
    key = gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]
    visitor.go(f"keys/{key}")
    token = visitor.page.input_value("[name=form_token] >> nth=0")
    headers = {name: value.replace("SELF", visitor.url) for name, value in headers.items()}
    answer = visitor.post(f"keys/{key}/disable", {"form_token": token}, **headers)
    assert answer.status == 403
    assert gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_form_without_the_token_of_its_session_does_nothing(visit, gateway):
    alice, bob = visit(ALICE), visit(BOB)
    key = gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]
    bob.go("buckets")
    stolen = bob.page.input_value("[name=form_token] >> nth=0")
    for token in ("", stolen, "x" * 43):
        answer = alice.post(f"keys/{key}/disable", {"form_token": token}, origin=alice.url)
        assert answer.status == 403
        upload = {"form_token": token, "key": "x", "file": {"name": "x", "mimeType": "text/plain", "buffer": b"x"}}
        answer = alice.context.request.post(
            f"{alice.url}/console/buckets/none/upload", multipart=upload, headers={"origin": alice.url}
        )
        assert answer.status == 403
    assert gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_form_of_the_sign_in_is_ours_too(visit):
    visitor = visit()
    visitor.go()
    sent = {"access_key_id": ALICE.access_key, "secret_access_key": ALICE.secret_key, "form_token": "x"}
    assert visitor.post("sign-in", sent, origin=visitor.url).status == 403
    assert visitor.post("sign-in", sent, origin="https://evil.example").status == 403


def test_a_session_has_a_new_name_after_each_sign_in(visit):
    visitor = visit()
    visitor.go()
    planted = {"name": "sealgate-session", "value": "a" * 43, "url": f"{visitor.url}/console/"}
    visitor.context.add_cookies([planted])
    visitor.sign_in(ALICE)
    first = visitor.cookie("sealgate-session")["value"]
    assert first != "a" * 43 and re.fullmatch(r"[\w-]{43}", first)
    other = visit(ALICE)
    assert other.cookie("sealgate-session")["value"] != first


def test_another_accounts_session_sees_nothing(visit, gateway):
    kms = gateway.client("kms")
    key = kms.create_key(Description="ours alone")["KeyMetadata"]
    gateway.client().create_bucket(Bucket="ours-alone")
    event = gateway.client("cloudtrail").lookup_events(MaxResults=1)["Events"][0]["EventId"]
    visitor = visit(CAROL)
    for place in (f"keys/{key['KeyId']}", f"keys/{key['Arn'].replace('/', '%2F')}", "buckets/ours-alone", f"audit/{event}", "people/users/bob"):
        status = visitor.go(place)
        text = visitor.page.inner_text("main")
        assert "ours alone" not in text, place
        assert status >= 400 or "not authorized" in text or "Access Denied" in text, place
    visitor.go("keys")
    assert "ours alone" not in visitor.page.inner_text("main")


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/console/", "/\\evil.example", "/console/../hostile/page.html", "javascript:alert(1)"]
)
def test_a_sign_in_leads_nowhere_else(visit, to):
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/console/sign-in?to={to}")
    visitor.sign_in(ALICE)
    assert visitor.place == "/console/"
    visitor.page.goto(f"{visitor.url}/console/sign-in?to={to}")
    assert visitor.place == "/console/"


def test_a_page_that_somebody_uploaded_cannot_act_as_who_opens_it(visit, gateway):
    s3 = gateway.client()
    s3.create_bucket(Bucket="uploads")
    page_of_somebody = b"""<script>
      document.title = 'ran';
      fetch('/console/keys', {credentials: 'include'}).then(a => a.text()).then(t => document.title = t.includes('Sign out') ? 'stolen' : 'empty', () => document.title = 'refused');
    </script>"""
    s3.put_object(Bucket="uploads", Key="page.html", Body=page_of_somebody, ContentType="text/html")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "uploads", "Key": "page.html"})
    visitor = visit(ALICE)
    visitor.page.goto(link)
    visitor.page.wait_for_function("!['', 'ran'].includes(document.title)")
    assert visitor.page.title() == "refused"
    visitor.faults.clear()  # The browser says that it refused.


def test_a_download_is_saved_and_never_shown(visit, gateway):
    s3 = gateway.client()
    s3.create_bucket(Bucket="shown-never")
    s3.put_object(Bucket="shown-never", Key='a"b\n.html', Body=b"<script>1</script>", ContentType="text/html")
    visitor = visit(ALICE)
    answer = visitor.context.request.get(f"{visitor.url}/console/buckets/shown-never/download?key=a%22b%0A.html")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22b%0A.html"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"] == "sandbox"


def test_a_form_sent_twice_acts_once(visit, gateway):
    visitor = visit(ALICE)
    visitor.go("keys/new")
    fields = {
        "form_token": visitor.page.input_value("[name=form_token] >> nth=0"),
        "once": visitor.page.input_value("main [name=once]"),
        "step": "4",
        "go": "create",
        "purpose": "encrypt",
        "alias": "only-once",
        "policy": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"kms:*","Resource":"*"}]}' % ROOT_USER.arn,
    }
    before = len(gateway.client("kms").list_keys()["Keys"])
    places = {visitor.post("keys/new", fields, origin=visitor.url).headers["location"] for _ in range(3)}
    assert len(places) == 1
    assert len(gateway.client("kms").list_keys()["Keys"]) == before + 1


def test_paths_and_forms_that_are_no_forms_are_refused(visit):
    visitor = visit(ALICE)
    get = visitor.context.request.get
    for place in ("%ff", "keys/%00", "buckets/..%2f..%2fetc", "buckets/hostile%2Fx", "buckets/a%3Fb", "keys/..%2f..%2fetc", "keys/new/x/y", "assets/0/none.css"):
        assert get(f"{visitor.url}/console/{place}").status in (400, 403, 404), place
    post = visitor.context.request.post
    headers = {"origin": visitor.url}
    for data, kind in ((b"a" * (1 << 20), "application/x-www-form-urlencoded"), (b"{}", "application/json"), (b"\xff=1", "application/x-www-form-urlencoded")):
        answer = post(f"{visitor.url}/console/keys/new", data=data, headers=headers | {"content-type": kind})
        assert answer.status in (400, 403, 413), kind
    for kind in ("multipart/form-data", "text/plain", "multipart/form-data; boundary=x"):
        answer = post(f"{visitor.url}/console/buckets/b/upload", data=b"--x\r\n", headers=headers | {"content-type": kind})
        assert answer.status in (400, 403), kind
    # With something that is no cookie of ours.
    assert get(f"{visitor.url}/console/keys", headers={"cookie": "sealgate-session=\"; =; a"}, max_redirects=0).status == 303


@pytest.mark.parametrize("place", ["sign-in", "keys/new"])
def test_the_rest_of_a_form_that_was_not_read_is_no_request(gateway, place):
    rest = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n" * 30_000
    host = gateway.url("http").removeprefix("http://")
    head = f"POST /console/{place} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {len(rest)}\r\n\r\n"
    for _ in range(10):
        answer = b""
        with socket.create_connection(tuple(host.split(":")), timeout=10) as client:
            # The gateway closes while much is still to come.
            with contextlib.suppress(ConnectionError):
                client.sendall(head.encode() + rest)
            with contextlib.suppress(ConnectionError):
                while some := client.recv(65536):
                    answer += some
        assert answer.count(b"HTTP/1.1 ") <= 1, answer[-300:]
