"""Uploads in parts: large, broken off, gone on with; and under keys that the gateway does not keep."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import random
from pathlib import Path

import pytest
from gateway import ALICE, CAROL, Gateway
from playwright.sync_api import Page

NUMBERS = itertools.count(1)
MIB = 1 << 20
PART = 8 * MIB


@pytest.fixture
def bucket(gateway) -> str:
    name = f"uploads-{os.getpid()}-{next(NUMBERS)}"
    gateway.client().create_bucket(Bucket=name)
    return name


def made_file(path: Path, size: int) -> str:
    """A file that cannot be compressed and whose parts differ; its SHA-256."""
    block, digest = random.Random(size).randbytes(4 * MIB), hashlib.sha256()
    with path.open("wb") as file:
        for number in range(0, size, len(block)):
            piece = (number.to_bytes(8) + block[8:])[: size - number]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload(page: Page) -> None:
    page.click("main button:has-text('Upload')")


def test_a_file_of_200_mib_goes_up_with_progress_and_comes_down_the_same(visit, gateway, bucket, tmp_path):
    expected = made_file(file := tmp_path / "large.bin", 200 * MIB)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    progress: list[float] = []
    page.expose_function("progressed", lambda value: progress.append(value))
    page.evaluate(
        "new MutationObserver(() => { const bar = document.querySelector('.transfers progress'); if (bar) progressed(bar.value); })"
        ".observe(document.querySelector('.transfers'), { subtree: true, childList: true, characterData: true, attributes: true })"
    )
    page.set_input_files("#file", file)
    upload(page)
    page.wait_for_selector(".notice.good", timeout=120_000)
    assert visitor.notice == "large.bin is stored, sealed."
    assert len({value for value in progress if 0 < value < 1}) > 10 and progress[-1] == 1
    head = gateway.client().head_object(Bucket=bucket, Key="large.bin")
    assert head["ContentLength"] == 200 * MIB and head["ETag"].endswith('-25"')
    page.click("tbody a:has-text('large.bin')")
    with page.expect_download(timeout=120_000) as download:
        page.click("text=Download")
    assert sha256(download.value.path()) == expected
    download.value.delete()


def begin_and_lose(visitor, file: Path, parts: int) -> None:
    """Uploads until `parts` parts are there; then no request for a part gets through."""
    page = visitor.page
    sent = itertools.count()
    lost = lambda route: route.abort() if next(sent) >= parts else route.continue_()  # noqa: E731
    page.route("**/upload/part", lost)
    page.set_input_files("#file", file)
    upload(page)
    page.wait_for_selector("[data-status]:has-text('connection was lost')")


def parts_there(gateway: Gateway, bucket: str) -> set[int]:
    s3 = gateway.client()
    (found,) = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    parts = s3.list_parts(Bucket=bucket, Key=found["Key"], UploadId=found["UploadId"])
    return {part["PartNumber"] for part in parts.get("Parts", [])}


def sent_parts(visitor) -> list[str]:
    sent: list[str] = []
    visitor.page.on("requestfinished", lambda request: sent.append(request.url) if request.url.endswith("/upload/part") else None)
    return sent


def test_a_lost_connection_is_waited_for_and_only_what_is_missing_is_sent(visit, gateway, bucket, tmp_path):
    expected = made_file(file := tmp_path / "a <b> & ü.bin", 5 * PART + 5)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?prefix=in%2F")
    begin_and_lose(visitor, file, 2)
    there = parts_there(gateway, bucket)
    sent = sent_parts(visitor)
    page.unroute("**/upload/part")
    page.wait_for_selector(".notice.good")
    assert visitor.notice == f"in/{file.name} is stored, sealed."
    assert len(sent) == 6 - len(there)
    body = gateway.client().get_object(Bucket=bucket, Key=f"in/{file.name}")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == expected
    visitor.faults.clear()  # The browser says that it had no connection.


def test_after_a_reload_the_same_file_goes_on_where_it_was(visit, gateway, bucket, tmp_path):
    expected = made_file(file := tmp_path / "again.bin", 4 * PART)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    begin_and_lose(visitor, file, 2)
    there = parts_there(gateway, bucket)
    page.unroute("**/upload/part")
    visitor.go(f"buckets/{bucket}")
    assert "again.bin" in page.inner_text("[data-unfinished]")
    sent = sent_parts(visitor)
    page.set_input_files("#file", file)
    upload(page)
    page.wait_for_selector(".notice.good")
    assert len(sent) == 4 - len(there)
    body = gateway.client().get_object(Bucket=bucket, Key="again.bin")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == expected
    assert page.inner_text("[data-unfinished]") == ""
    visitor.faults.clear()


def test_an_upload_is_paused_and_cancelled(visit, gateway, bucket, tmp_path):
    made_file(file := tmp_path / "never.bin", 3 * PART)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    begin_and_lose(visitor, file, 1)
    page.click("button:has-text('Pause')")
    assert page.inner_text("[data-status]") == "Paused. What was sent is kept."
    with page.expect_response("**/upload/abort"):
        page.click("button:has-text('Cancel')")
    assert page.locator(".transfers li").count() == 0
    assert not gateway.client().list_multipart_uploads(Bucket=bucket).get("Uploads")
    visitor.faults.clear()


def test_several_files_are_dropped_and_go_one_after_the_other(visit, gateway, bucket):
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?prefix=in%2F")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          for (const name of ['one.txt', 'two.txt', 'three.txt']) data.items.add(new File([name], name, { type: 'text/plain' }));
          document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    assert page.input_value("#key") == "in/"
    upload(page)
    page.wait_for_selector(".notice.good")
    assert visitor.notice == "3 files are stored, sealed."
    s3 = gateway.client()
    for name in ("one.txt", "two.txt", "three.txt"):
        got = s3.get_object(Bucket=bucket, Key=f"in/{name}")
        assert (got["Body"].read().decode(), got["ContentType"]) == (name, "text/plain")


def test_without_scripts_the_form_is_enough(visit, gateway, bucket, tmp_path):
    expected = made_file(file := tmp_path / "plain.bin", PART + 5)
    visitor = visit(ALICE, java_script_enabled=False)
    visitor.go(f"buckets/{bucket}")
    visitor.page.fill("#key", "folder/")
    visitor.page.set_input_files("#file", file)
    upload(visitor.page)
    assert visitor.notice == "folder/plain.bin is stored, sealed."
    body = gateway.client().get_object(Bucket=bucket, Key="folder/plain.bin")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == expected


def test_a_part_needs_the_token_of_the_session_and_the_right_of_the_upload(visit, gateway, bucket):
    s3 = gateway.client()
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    alice = visit(ALICE)
    alice.go(f"buckets/{bucket}")
    token = alice.page.input_value("main [name=form_token] >> nth=0")
    fields = {"key": "k", "upload": begun, "number": "1", "length": "5", "file": {"name": "k", "mimeType": "a/b", "buffer": b"12345"}}

    def send(visitor, **more):
        url = f"{visitor.url}/console/buckets/{bucket}/upload/part"
        return visitor.context.request.post(url, multipart={**more, **fields}, headers={"origin": visitor.url}).status

    assert send(alice) == send(alice, form_token="x") == 403
    stranger = visit(CAROL)
    stranger.go("buckets")
    assert send(stranger, form_token=stranger.page.input_value("[name=form_token] >> nth=0")) == 403
    for wrong in ({"length": "4"}, {"length": "6"}, {"length": "x"}, {"number": "0"}, {"number": "10001"}, {"upload": "none"}):
        fields.update({"length": "5", "number": "1", "upload": begun} | wrong)
        assert 400 <= send(alice, form_token=token) < 500, wrong
    assert not s3.list_parts(Bucket=bucket, Key="k", UploadId=begun).get("Parts")
    # And what is not the whole file is not made one.
    fields.update({"length": "5", "number": "1", "upload": begun})
    assert send(alice, form_token=token) == 200
    form = {"form_token": token, "key": "k", "upload": begun, "once": "1"}
    assert alice.post(f"buckets/{bucket}/upload/complete", form | {"size": "6"}, origin=alice.url).status == 409
    assert alice.post(f"buckets/{bucket}/upload/complete", form | {"size": "5"}, origin=alice.url).status == 303
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"12345"


@pytest.mark.parametrize("size", [11, PART + 3], ids=["at once", "in parts"])
def test_a_customers_key_is_used_and_kept_nowhere(visit, gateway, bucket, tmp_path, size):
    expected = made_file(file := tmp_path / "sealed.bin", size)
    page = (visitor := visit(ALICE, scheme="https")).page
    asked: list[str] = []
    visitor.context.on("request", lambda request: asked.append(request.url))
    visitor.go(f"buckets/{bucket}")
    assert not page.is_visible("#customer_key")
    page.select_option("#mode", "customer")
    page.click("text=Make one")
    assert page.is_visible("text=Save this key now")
    key = page.input_value("#customer_key")
    assert len(base64.b64decode(key)) == 32 and page.get_attribute("#customer_key", "autocomplete") == "off"
    page.set_input_files("#file", file)
    upload(page)
    page.wait_for_selector(".notice.good")
    s3 = gateway.client(scheme="https")
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64decode(key)}
    assert hashlib.sha256(s3.get_object(Bucket=bucket, Key="sealed.bin", **customer)["Body"].read()).hexdigest() == expected
    page.click("tbody a:has-text('sealed.bin')")
    assert "only its owner has" in page.inner_text("main")
    page.fill("#customer_key", "not a key")
    page.click("text=Show what is known of it")
    assert "256 bits" in page.inner_text("#key-problem") and page.input_value("#customer_key") == ""
    page.fill("#customer_key", base64.b64encode(bytes(32)).decode())
    page.click("text=Show what is known of it")
    assert "not the key" in page.inner_text("#key-problem")
    page.fill("#customer_key", key)
    page.click("text=Show what is known of it")
    assert "SSE-C" in page.inner_text("main") and "ETag" in page.inner_text("main")
    pages = page.content()
    page.fill("#customer_key", base64.b64decode(key).hex())
    with page.expect_download() as download:
        page.click("text=Download")
    assert sha256(download.value.path()) == expected
    kept = [pages, *asked, page.evaluate("JSON.stringify([localStorage, sessionStorage, history.state])"), gateway.log()]
    trail = gateway.client("cloudtrail").lookup_events(MaxResults=50)["Events"]
    kept += [event["CloudTrailEvent"] for event in trail]
    secrets = [key, base64.b64decode(key).hex(), key.replace("=", "%3D"), key.replace("+", "%2B").replace("/", "%2F")]
    assert all(secret not in text for text in kept for secret in secrets)


def test_a_customers_key_does_not_travel_in_the_clear(visit, gateway, bucket):
    key = bytes(range(32))
    s3 = gateway.client(scheme="https")
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    assert page.locator("#mode option[value=customer]").is_disabled() and page.locator("#customer_key").count() == 0
    visitor.go(f"buckets/{bucket}/object?key=sealed")
    assert page.is_disabled("#customer_key") and page.is_disabled("main button:has-text('Download')")
    assert "https" in page.inner_text(".why >> nth=0")
    form = {"form_token": page.input_value("[name=form_token] >> nth=0"), "key": "sealed", "customer_key": base64.b64encode(key).decode()}
    for place in ("download", "object"):
        assert visitor.post(f"buckets/{bucket}/{place}", form, origin=visitor.url).status == 403
