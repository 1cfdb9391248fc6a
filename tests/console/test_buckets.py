"""Buckets and objects: made, filled, read, sealed anew."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

import pytest
from gateway import ALICE, BOB

NUMBERS = itertools.count(1)
MIB = 1 << 20


@pytest.fixture
def bucket(gateway) -> str:
    name = f"console-{os.getpid()}-{next(NUMBERS)}"
    gateway.client().create_bucket(Bucket=name)
    return name


def test_a_bucket_is_made_with_the_encryption_that_was_chosen(visit, gateway):
    kms, s3 = gateway.client("kms"), gateway.client()
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/invoices", TargetKeyId=arn)
    page = (visitor := visit(ALICE)).page
    visitor.go("buckets/new")
    page.fill("#name", "Not A Name")
    page.click("text=Create bucket")
    assert page.inner_text("#name-problem") and page.input_value("#name") == "Not A Name"
    page.fill("#name", "invoices")
    page.check(".choice:has-text('SSE-KMS')")
    page.fill("#key", "alias/nothing-like-it")
    page.click("text=Create bucket")
    assert "alias/nothing-like-it" in page.inner_text("[role=alert]")
    page.fill("#key", "alias/invoices")
    page.check("text=Keep older versions")
    page.click("text=Create bucket")
    assert visitor.notice == "The bucket invoices is there."
    rule = s3.get_bucket_encryption(Bucket="invoices")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    assert rule["BucketKeyEnabled"]
    assert s3.get_bucket_versioning(Bucket="invoices")["Status"] == "Enabled"
    visitor.go("buckets/new")
    page.fill("#name", "invoices")
    page.click("text=Create bucket")
    assert page.inner_text("#name-problem")


@pytest.mark.parametrize("size", [0, 5, 8 * MIB, 24 * MIB + 7], ids=lambda size: f"{size}B")
def test_what_is_uploaded_is_what_is_downloaded(visit, gateway, bucket, tmp_path, size):
    content = random.Random(size).randbytes(size)
    file = tmp_path / "größe & <b>.bin"
    file.write_bytes(content)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?prefix=deep%2Ffolder%2F")
    page.set_input_files("#file", str(file))
    assert page.input_value("#key") == f"deep/folder/{file.name}"
    page.click("main button:has-text('Upload')")
    page.wait_for_selector(".notice.good")
    assert visitor.notice == f"deep/folder/{file.name} is stored, sealed."
    assert visitor.place == f"/console/buckets/{bucket}?prefix=deep%2Ffolder%2F"
    page.click(f"tbody a:has-text('{file.name}')")
    with page.expect_download() as download:
        page.click("text=Download")
    assert Path(download.value.path()).read_bytes() == content
    assert download.value.suggested_filename.startswith("größe & ")


def test_an_upload_may_ask_for_a_key(visit, gateway, bucket):
    kms = gateway.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"secret"}
    page.set_input_files("#file", file)
    page.select_option("#mode", "aws:kms:dsse")
    page.fill("#kms_key", arn)
    page.click("main button:has-text('Upload')")
    page.wait_for_selector(".notice.good")
    head = gateway.client().head_object(Bucket=bucket, Key="a.txt")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms:dsse", arn)
    page.click("tbody a:has-text('a.txt')")
    assert "DSSE-KMS" in page.inner_text("main") and arn.split("/")[1] in page.inner_text("main")
    kms.disable_key(KeyId=arn)
    visitor.go(f"buckets/{bucket}")
    page.set_input_files("#file", file | {"name": "b.txt"})
    page.select_option("#mode", "aws:kms")
    page.fill("#kms_key", arn)
    page.click("main button:has-text('Upload')")
    page.wait_for_selector("[data-status]:has-text('disabled')")
    assert "b.txt" not in [it["Key"] for it in gateway.client().list_objects_v2(Bucket=bucket)["Contents"]]


def test_an_object_goes_under_another_key_where_it_is(visit, gateway, bucket):
    s3, kms = gateway.client(), gateway.client("kms")
    etag = s3.put_object(Bucket=bucket, Key="a/b.txt", Body=b"content")["ETag"]
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/other", TargetKeyId=arn)
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}/object?key=a%2Fb.txt")
    page.click("text=Put it under another key…")
    page.fill("#kms_key", "alias/other")
    page.click("text=Change the key")
    assert "under that key now" in visitor.notice
    head = s3.head_object(Bucket=bucket, Key="a/b.txt")
    assert (head["SSEKMSKeyId"], head["ETag"]) == (arn, etag)


def test_who_may_not_use_the_key_sees_why_there_is_no_download(visit, gateway, bucket):
    s3 = gateway.client()
    arn = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    s3.put_object(Bucket=bucket, Key="open", Body=b"x")
    page = (visitor := visit(BOB)).page
    visitor.go(f"buckets/{bucket}/object?key=open")
    assert page.locator("a:has-text('Download')").count() == 1
    visitor.go(f"buckets/{bucket}/object?key=sealed")
    assert page.is_disabled("button:has-text('Download')")
    assert "is not authorized to perform: kms:Decrypt" in page.inner_text("#why-read")
    assert visitor.go(f"buckets/{bucket}/download?key=sealed") == 403
    assert "kms:Decrypt" in page.inner_text("main")


def test_objects_and_buckets_are_deleted(visit, gateway, bucket):
    s3 = gateway.client()
    s3.put_object(Bucket=bucket, Key="folder/x", Body=b"x")
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}?tab=settings")
    page.fill("#confirm", bucket)
    page.click("main button:has-text('Delete')")
    assert "not empty" in visitor.notice
    visitor.go(f"buckets/{bucket}/object?key=folder%2Fx")
    page.click("text=Delete the object")
    assert visitor.notice == "folder/x is deleted."
    visitor.go(f"buckets/{bucket}?tab=settings")
    page.fill("#confirm", "another")
    page.click("main button:has-text('Delete')")
    assert "not that of the bucket" in visitor.notice
    page.fill("#confirm", bucket)
    page.click("main button:has-text('Delete')")
    assert visitor.place == "/console/buckets" and visitor.notice == f"The bucket {bucket} is gone."


def test_folders_are_paged(visit, gateway, bucket):
    s3 = gateway.client()
    for number in range(101):
        s3.put_object(Bucket=bucket, Key=f"many/{number:03}", Body=b"")
    page = (visitor := visit(ALICE)).page
    visitor.go(f"buckets/{bucket}")
    page.click("tbody a:has-text('many/')")
    assert page.locator("tbody tr").count() == 100
    page.click("text=Next objects")
    assert page.locator("tbody tr").count() == 1 and "100" in page.inner_text("tbody")
