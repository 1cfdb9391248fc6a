"""Imported material: the commands that the page shows are run as they are, and what they print is brought back."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from gateway import ALICE
from playwright.sync_api import expect


def run(commands: str, folder) -> str:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def get_wrapping_key(page) -> None:
    """One that is made quickly."""
    page.select_option("#wrapping_spec", "RSA_2048")
    page.click("text=Get a wrapping key")


def wrap(page, folder, make: bool = True) -> str:
    """What the commands of the page print."""
    if make:
        run(page.inner_text("[aria-label='Commands that make material']"), folder)
    return run(page.inner_text("[aria-label='Commands that wrap it']"), folder)


@pytest.mark.parametrize(
    ("spec", "usage", "algorithm"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256"),
        ("HMAC_384", "GENERATE_VERIFY_MAC", "RSA_AES_KEY_WRAP_SHA_1"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "RSAES_OAEP_SHA_1"),
        # RSA_AES_KEY_WRAP_SHA_256, which is what suits it.
        ("RSA_2048", "SIGN_VERIFY", None),
    ],
)
def test_material_is_imported_by_the_commands_on_the_page(visit, gateway, tmp_path, spec, usage, algorithm):
    kms = gateway.client("kms")
    key = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}")
    page.click(".notice >> text=import")
    if algorithm:
        page.select_option("#algorithm", algorithm)
    get_wrapping_key(page)
    page.fill("#wrapped", wrap(page, tmp_path))
    page.click("button[value=import]")
    assert visitor.notice == "The material is in."
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    if usage == "SIGN_VERIFY":
        name = "ECDSA_SHA_256" if spec.startswith("ECC") else "RSASSA_PSS_SHA_256"
        signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm=name)["Signature"]
        assert kms.verify(KeyId=key, Message=b"m", Signature=signature, SigningAlgorithm=name)["SignatureValid"]
    elif usage == "ENCRYPT_DECRYPT":
        sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    else:
        assert kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_384")["Mac"]


def test_material_expires_is_deleted_and_comes_back(visit, gateway, tmp_path):
    kms = gateway.client("kms")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    state = lambda: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]  # noqa: E731
    page = (visitor := visit(ALICE)).page
    visitor.go(f"keys/{key}?tab=material")
    assert "No material yet" in page.inner_text("main")
    get_wrapping_key(page)
    good = wrap(page, tmp_path)
    page.fill("#wrapped", "AAAA")
    page.check(".choice:has-text('Until a date') input")
    page.click("button[value=import]")
    assert page.inner_text("#valid-to-problem") == "This is not a date with a time."
    page.fill("#valid_to", "2020-01-01T00:00")
    page.click("button[value=import]")
    assert "in the future" in page.inner_text("#valid-to-problem")
    day = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT12:00")
    page.fill("#valid_to", day)
    page.click("button[value=import]")
    assert "does not open with this wrapping key" in page.inner_text("#wrapped-problem")
    assert page.input_value("#wrapped") == "AAAA" and page.input_value("#valid_to") == day
    with page.expect_download() as saved:
        page.click("text=Files for the AWS CLI")
        page.click("text=Download the wrapping key")
    assert saved.value.path().read_bytes() == (tmp_path / "wrapping-key.der").read_bytes()
    # The file does as well as the text.
    page.set_input_files("[data-base64-into]", tmp_path / "wrapped.bin")
    expect(page.locator("#wrapped")).to_have_value(good.strip())
    page.click("button[value=import]")
    assert visitor.notice == "The material is in." and state() == "Enabled"
    assert day[:10] in page.inner_text("tbody tr")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    page.click("text=Delete the material")
    assert state() == "PendingImport" and "not here" in page.inner_text("tbody tr")
    get_wrapping_key(page)
    page.fill("#wrapped", wrap(page, tmp_path, make=False))
    page.click("button[value=import]")
    assert state() == "Enabled" and kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"

    get_wrapping_key(page)
    page.fill("#wrapped", wrap(page, tmp_path))
    page.check(".choice:has-text('New material') input")
    page.click("button[value=import]")
    assert "waits for a rotation" in page.inner_text("main table")
    page.click("text=Rotate to it")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert kms.list_key_rotations(KeyId=key)["Rotations"]
