"""What is done to objects from their page, and folders as archives."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import zipfile
from pathlib import Path

import pytest
from gateway import ALICE, BOB
from playwright.sync_api import Error

NUMBERS = itertools.count(1)
SCRIPT = "<script>window.hit=1</script>"


@pytest.fixture
def bucket(gateway) -> str:
    name = f"objects-{os.getpid()}-{next(NUMBERS)}"
    gateway.client().create_bucket(Bucket=name)
    return name


def test_an_older_version_is_brought_back_as_it_was_sealed(visit, gateway, bucket):
    s3, kms = gateway.client(), gateway.client("kms")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    old = s3.put_object(Bucket=bucket, Key="a b", Body=b"old", Metadata={"m": "1"}, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)["VersionId"]
    new = s3.put_object(Bucket=bucket, Key="a b", Body=b"new")["VersionId"]
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/object?key=a%20b")
    page.click(f"[aria-label='Bring back the version {old}']")
    assert "is the current one" in visitor.notice
    got = s3.get_object(Bucket=bucket, Key="a b")
    assert (got["Body"].read(), got["Metadata"], got["SSEKMSKeyId"]) == (b"old", {"m": "1"}, arn)
    page.click(f"[aria-label='Delete the version {new} for good']")
    left = {version["VersionId"] for version in s3.list_object_versions(Bucket=bucket)["Versions"]}
    assert left == {old, got["VersionId"]}


def test_tags_and_metadata_are_changed(visit, gateway, bucket):
    s3 = gateway.client()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"old": "1"}, Tagging="old=1", ContentType="text/plain", ServerSideEncryption="aws:kms")
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/object?key=k")
    page.click("text=Change the tags…")
    assert page.input_value("#tags") == "old=1"
    page.fill("#tags", f"team=red\nnote={SCRIPT.replace('<', '').replace('>', '')}")
    page.click("text=Set the tags")
    assert visitor.notice == "The tags are set."
    assert {tag["Key"] for tag in s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]} == {"team", "note"}
    page.click("text=Change the tags…")
    page.fill("#tags", "no sign")
    page.click("text=Set the tags")
    assert "not of the form name=value" in visitor.notice
    page.click("text=Change the metadata…")
    page.fill("#metadata", f"note={SCRIPT}\nb=2")
    page.fill("#content_type", "image/png")
    page.fill("#cache_control", "no-cache")
    page.click("text=Save as a new version")
    assert "copied over itself" in visitor.notice
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {"note": SCRIPT, "b": "2"}
    assert (head["ContentType"], head["CacheControl"], head["ServerSideEncryption"]) == ("image/png", "no-cache", "aws:kms")
    assert page.evaluate("window.hit") is None and SCRIPT in page.inner_text("main")


def test_versions_are_held_and_retained(visit, gateway):
    s3 = gateway.client()
    s3.create_bucket(Bucket=(bucket := f"held-{os.getpid()}"), ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/object?key=k")
    page.click("text=Put a legal hold on it")
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"] == {"Status": "ON"}
    page.click(f"[aria-label='Delete the version {version} for good']")
    assert page.locator(".notice.bad").count() == 1
    visitor.go(f"buckets/{bucket}/object?key=k")
    page.click("text=Take the hold off")
    assert s3.get_object_legal_hold(Bucket=bucket, Key="k")["LegalHold"] == {"Status": "OFF"}
    page.select_option("#lock_mode", "GOVERNANCE")
    page.fill("#until", "2099-12-31T12:30")
    page.click("text=Set the retention")
    retention = s3.get_object_retention(Bucket=bucket, Key="k")["Retention"]
    assert (retention["Mode"], retention["RetainUntilDate"].isoformat()) == ("GOVERNANCE", "2099-12-31T12:30:00+00:00")
    assert page.input_value("#until") == "2099-12-31T12:30"
    page.select_option("#lock_mode", "")
    page.click("text=Set the retention")
    assert page.locator(".notice.bad").count() == 1
    page.select_option("#lock_mode", "")
    page.check("text=Bypass governance")
    page.click("text=Set the retention")
    assert visitor.notice == "The retention is set."
    page.click(f"[aria-label='Delete the version {version} for good']")
    assert not s3.list_object_versions(Bucket=bucket).get("Versions")


def archive(page) -> Path:
    with page.expect_download() as download:
        page.click("text=as zip")
    assert download.value.suggested_filename.endswith(".zip")
    return Path(download.value.path())


def test_a_folder_is_downloaded_as_an_archive(visit, gateway, bucket):
    s3 = gateway.client()
    arn = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    large = random.Random(1).randbytes(9 << 20)
    contents = {"a.txt": b"a", "deep/ä <b>.bin": large, "deep/empty": b"", "../up": b"u", "x//y": b"y"}
    for name, body in contents.items():
        s3.put_object(Bucket=bucket, Key=f"in/{name}", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    s3.put_object(Bucket=bucket, Key="in/folder/", Body=b"")
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"not this")
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?prefix=in%2F")
    with zipfile.ZipFile(archive(page)) as got:
        assert got.testzip() is None
        found = {name: got.read(name) for name in got.namelist()}
    renamed = {"../up": "%2E%2E/up", "x//y": "x/%/y"}
    assert found == {renamed.get(name, name): body for name, body in contents.items()} | {"folder/": b""}
    assert hashlib.sha256(found["deep/ä <b>.bin"]).digest() == hashlib.sha256(large).digest()


def test_an_archive_breaks_off_at_what_may_not_be_read(visit, gateway, bucket):
    s3 = gateway.client()
    arn = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="in/a", Body=bytes(1 << 20))
    s3.put_object(Bucket=bucket, Key="in/b", Body=b"b", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    page = (visitor := visit(BOB)).page
    visitor.go(f"buckets/{bucket}?prefix=in%2F")
    with page.expect_download() as download:
        page.click("text=as zip")
    assert download.value.failure()
    with pytest.raises(Error):
        download.value.path()
    visitor.go(f"buckets/{bucket}")
    assert "broke off at in/b" in visitor.notice and "kms:Decrypt" in visitor.notice
    assert visitor.go(f"buckets/{bucket}/archive?prefix=none%2F") == 404
