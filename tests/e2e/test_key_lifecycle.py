"""Material that rotates and material that is imported: what was encrypted once opens for ever, or exactly as long
as its material is there."""

from __future__ import annotations

import datetime
import os
import subprocess
import time

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from gateway import Gateway
from test_key_kinds import refused

SIZES = ("RSA_2048", "RSA_3072", "RSA_4096")
WRAPPINGS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")


@pytest.fixture
def kms(gateway: Gateway):
    return gateway.client("kms", scheme="https")


def wrap(parameters: dict, material: bytes, algorithm: str) -> bytes:
    public = serialization.load_der_public_key(parameters["PublicKey"])
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    key = os.urandom(32)
    return public.encrypt(key, oaep) + keywrap.aes_key_wrap_with_padding(key, material)


def import_material(kms, arn: str, material: bytes, algorithm="RSAES_OAEP_SHA_256", size="RSA_2048", **more) -> dict:
    parameters = kms.get_parameters_for_import(KeyId=arn, WrappingAlgorithm=algorithm, WrappingKeySpec=size)
    more.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return kms.import_key_material(
        KeyId=arn,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(parameters, material, algorithm),
        **more,
    )


def state(kms, arn: str) -> str:
    return kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]


# --- rotation


def test_old_versions_decrypt_for_ever(kms) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = []
    for round in range(4):
        sealed.append(kms.encrypt(KeyId=arn, Plaintext=f"{round}".encode()))
        kms.rotate_key_on_demand(KeyId=arn)
    ids = set()
    for round, made in enumerate(sealed):
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
        assert opened["Plaintext"] == f"{round}".encode()
        ids.add(opened["KeyMaterialId"])
    assert len(ids) == 4
    rotations = kms.list_key_rotations(KeyId=arn)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"] * 4
    current = kms.describe_key(KeyId=arn)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert current not in ids


def test_automatic_rotation_is_switched_and_shown(kms) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=arn, RotationPeriodInDays=100)
    status = kms.get_key_rotation_status(KeyId=arn)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 100
    days = (status["NextRotationDate"] - datetime.datetime.now(datetime.timezone.utc)).days
    assert 98 <= days <= 100
    kms.disable_key_rotation(KeyId=arn)
    assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is False
    other = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    refused("UnsupportedOperationException", kms.enable_key_rotation, KeyId=other)


def test_objects_are_read_after_rotations(gateway: Gateway, kms, s3, bucket: str) -> None:
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    for round in range(3):
        s3.put_object(
            Bucket=bucket, Key=f"{round}", Body=noise(50_000, round), ServerSideEncryption="aws:kms", SSEKMSKeyId=arn
        )
        kms.rotate_key_on_demand(KeyId=arn)
    for round in range(3):
        assert s3.get_object(Bucket=bucket, Key=f"{round}")["Body"].read() == noise(50_000, round)


# --- import


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", WRAPPINGS)
def test_material_wrapped_elsewhere_is_imported(kms, algorithm: str, size: str) -> None:
    arn = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    assert state(kms, arn) == "PendingImport"
    refused("KMSInvalidStateException", kms.encrypt, KeyId=arn, Plaintext=b"x")
    import_material(kms, arn, os.urandom(32), algorithm, size)
    assert state(kms, arn) == "Enabled"
    sealed = kms.encrypt(KeyId=arn, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"


def test_openssl_wraps_too(kms, tmp_path) -> None:
    arn = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    parameters = kms.get_parameters_for_import(
        KeyId=arn, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096"
    )
    (tmp_path / "public.der").write_bytes(parameters["PublicKey"])
    (tmp_path / "material").write_bytes(os.urandom(32))
    options = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256")
    command = ["openssl", "pkeyutl", "-encrypt", "-in", "material", "-out", "wrapped", "-inkey", "public.der"]
    command += ["-keyform", "DER", "-pubin", *(word for option in options for word in ("-pkeyopt", option))]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    kms.import_key_material(
        KeyId=arn,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=(tmp_path / "wrapped").read_bytes(),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    assert state(kms, arn) == "Enabled"


def test_deleted_material_comes_back_only_as_it_was(kms) -> None:
    arn, material = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"], os.urandom(32)
    import_material(kms, arn, material)
    sealed = kms.encrypt(KeyId=arn, Plaintext=b"secret")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=arn)
    assert state(kms, arn) == "PendingImport"
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
    refused("IncorrectKeyMaterialException", import_material, kms=kms, arn=arn, material=os.urandom(32))
    import_material(kms, arn, material)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"


def test_expiry_takes_effect_on_time(kms) -> None:
    arn, material = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"], os.urandom(32)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    import_material(kms, arn, material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
    sealed = kms.encrypt(KeyId=arn, Plaintext=b"secret")["CiphertextBlob"]
    while datetime.datetime.now(datetime.timezone.utc) < until + datetime.timedelta(milliseconds=200):
        time.sleep(0.1)
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
    assert state(kms, arn) == "PendingImport"
    import_material(kms, arn, material)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"


def test_tokens_and_material_that_do_not_fit_are_refused(kms) -> None:
    arn, other = (kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"] for _ in range(2))
    algorithm = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    parameters = kms.get_parameters_for_import(KeyId=arn, **algorithm)
    wrapped = wrap(parameters, os.urandom(32), "RSAES_OAEP_SHA_256")
    material = {"EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    token = parameters["ImportToken"]
    refused("InvalidImportTokenException", kms.import_key_material, KeyId=other, ImportToken=token, **material)
    broken = token[:-1] + bytes([token[-1] ^ 1])
    refused("InvalidImportTokenException", kms.import_key_material, KeyId=arn, ImportToken=broken, **material)
    damaged = {**material, "EncryptedKeyMaterial": wrapped[:-1] + bytes([wrapped[-1] ^ 1])}
    refused("InvalidCiphertextException", kms.import_key_material, KeyId=arn, ImportToken=token, **damaged)
    short = {**material, "EncryptedKeyMaterial": wrap(parameters, os.urandom(16), "RSAES_OAEP_SHA_256")}
    with pytest.raises(ClientError):
        kms.import_key_material(KeyId=arn, ImportToken=token, **short)
    own = kms.create_key()["KeyMetadata"]["Arn"]
    refused("UnsupportedOperationException", kms.get_parameters_for_import, KeyId=own, **algorithm)
    kms.import_key_material(KeyId=arn, ImportToken=token, **material)
