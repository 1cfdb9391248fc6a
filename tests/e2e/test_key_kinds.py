"""Keys of every kind: their signatures verify, and their ciphertexts open, with an independent library."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from gateway import ACCOUNT, BOB, Gateway, fips

RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
CURVES = {
    "ECC_NIST_P256": (ec.SECP256R1, hashes.SHA256),
    "ECC_NIST_P384": (ec.SECP384R1, hashes.SHA384),
    "ECC_NIST_P521": (ec.SECP521R1, hashes.SHA512),
    "ECC_SECG_P256K1": (ec.SECP256K1, hashes.SHA256),
}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
RSA_SIGNING = [f"RSASSA_{kind}_SHA_{bits}" for kind in ("PKCS1_V1_5", "PSS") for bits in HASHES]
ML_DSA = ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87")
USAGES = ("ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT")
# What the documentation lists: spec, usage, algorithms.
TABLE = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": ["SYMMETRIC_DEFAULT"]},
    **{
        spec: {"ENCRYPT_DECRYPT": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"], "SIGN_VERIFY": RSA_SIGNING}
        for spec in RSA
    },
    "ECC_NIST_P256": {"SIGN_VERIFY": ["ECDSA_SHA_256"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P384": {"SIGN_VERIFY": ["ECDSA_SHA_384"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P521": {"SIGN_VERIFY": ["ECDSA_SHA_512"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_SECG_P256K1": {"SIGN_VERIFY": ["ECDSA_SHA_256"]},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": ["ED25519_PH_SHA_512", "ED25519_SHA_512"]},
    **{f"HMAC_{bits}": {"GENERATE_VERIFY_MAC": [f"HMAC_SHA_{bits}"]} for bits in (224, 256, 384, 512)},
    **{spec: {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]} for spec in ML_DSA},
}
# What a FIPS build refuses.
NOT_APPROVED = "ECC_SECG_P256K1"
MEMBERS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
}


@pytest.fixture
def kms(gateway: Gateway):
    return gateway.client("kms", scheme="https")


@pytest.fixture(scope="module")
def keys() -> dict:
    return {}


def key(kms, keys: dict, spec: str, usage: str) -> str:
    """A key of this kind, made once: those of RSA take their time."""
    if (spec, usage) not in keys:
        keys[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    return keys[spec, usage]


def refused(code: str, call, **arguments) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    response = error.value.response
    assert response["Error"]["Code"] == code, response["Error"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Message"]


def public(kms, arn: str):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])


@pytest.mark.parametrize("usage", USAGES)
@pytest.mark.parametrize("spec", TABLE)
def test_spec_and_usage_go_together_as_documented(kms, keys, spec: str, usage: str) -> None:
    if usage not in TABLE[spec]:
        refused("ValidationException", kms.create_key, KeySpec=spec, KeyUsage=usage)
        return
    if spec == NOT_APPROVED and fips():
        refused("UnsupportedOperationException", kms.create_key, KeySpec=spec, KeyUsage=usage)
        return
    metadata = kms.describe_key(KeyId=key(kms, keys, spec, usage))["KeyMetadata"]
    assert (metadata["KeySpec"], metadata["KeyUsage"], metadata["KeyState"]) == (spec, usage, "Enabled")
    assert sorted(metadata[MEMBERS[usage]]) == sorted(TABLE[spec][usage])
    assert [member for member in MEMBERS.values() if member in metadata] == [MEMBERS[usage]]


@pytest.mark.parametrize("algorithm", RSA_SIGNING)
@pytest.mark.parametrize("spec", RSA)
def test_rsa_signatures_verify_elsewhere(kms, keys, spec: str, algorithm: str) -> None:
    arn, message = key(kms, keys, spec, "SIGN_VERIFY"), b"signed " * 100
    digest = HASHES[algorithm[-3:]]()
    scheme = (
        padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH) if "PSS" in algorithm else padding.PKCS1v15()
    )
    hashed = hashlib.new(digest.name, message).digest()
    key_of = public(kms, arn)
    for kind, sent in (("RAW", message), ("DIGEST", hashed)):
        made = kms.sign(KeyId=arn, Message=sent, MessageType=kind, SigningAlgorithm=algorithm)
        assert (made["KeyId"], made["SigningAlgorithm"]) == (arn, algorithm)
        key_of.verify(made["Signature"], message, scheme, digest)
        arguments = {"KeyId": arn, "MessageType": kind, "SigningAlgorithm": algorithm}
        assert kms.verify(Message=sent, Signature=made["Signature"], **arguments)["SignatureValid"]
        wrong = bytes([made["Signature"][0] ^ 1]) + made["Signature"][1:]
        refused("KMSInvalidSignatureException", kms.verify, Message=sent, Signature=wrong, **arguments)
    refused(
        "ValidationException",
        kms.sign,
        KeyId=arn,
        Message=hashed[:-1],
        MessageType="DIGEST",
        SigningAlgorithm=algorithm,
    )


@pytest.mark.parametrize("spec", CURVES)
def test_ecdsa_signatures_verify_elsewhere(kms, keys, spec: str) -> None:
    if spec == NOT_APPROVED and fips():
        pytest.skip("not in a FIPS build")
    arn, message = key(kms, keys, spec, "SIGN_VERIFY"), b"message"
    _, digest = CURVES[spec]
    algorithm = TABLE[spec]["SIGN_VERIFY"][0]
    hashed = hashlib.new(digest().name, message).digest()
    for kind, sent in (("RAW", message), ("DIGEST", hashed)):
        signature = kms.sign(KeyId=arn, Message=sent, MessageType=kind, SigningAlgorithm=algorithm)["Signature"]
        public(kms, arn).verify(signature, hashed, ec.ECDSA(utils.Prehashed(digest())))
    other = next(name for name in ("ECDSA_SHA_256", "ECDSA_SHA_384") if name != algorithm)
    refused("InvalidKeyUsageException", kms.sign, KeyId=arn, Message=message, SigningAlgorithm=other)


def test_ed25519_signatures_verify_elsewhere(kms, keys) -> None:
    arn = key(kms, keys, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    signature = kms.sign(KeyId=arn, Message=b"message", SigningAlgorithm="ED25519_SHA_512")["Signature"]
    verifier = public(kms, arn)
    assert isinstance(verifier, ed25519.Ed25519PublicKey)
    verifier.verify(signature, b"message")
    digest = hashlib.sha512(b"message").digest()
    arguments = {"KeyId": arn, "Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": "ED25519_PH_SHA_512"}
    if fips():
        refused("UnsupportedOperationException", kms.sign, **arguments)
        refused("UnsupportedOperationException", kms.verify, Signature=bytes(64), **arguments)
        return
    signature = kms.sign(**arguments)["Signature"]
    assert kms.verify(Signature=signature, **arguments)["SignatureValid"]


@pytest.mark.parametrize("spec", ML_DSA)
def test_ml_dsa_signs_and_verifies(kms, keys, spec: str) -> None:
    arn = key(kms, keys, spec, "SIGN_VERIFY")
    arguments = {"KeyId": arn, "Message": b"message", "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    signature = kms.sign(**arguments)["Signature"]
    assert kms.verify(Signature=signature, **arguments)["SignatureValid"]
    refused("KMSInvalidSignatureException", kms.verify, **arguments | {"Message": b"other", "Signature": signature})
    arguments |= {"Message": bytes(64), "MessageType": "EXTERNAL_MU"}
    if fips():
        refused("UnsupportedOperationException", kms.sign, **arguments)
        refused("UnsupportedOperationException", kms.verify, Signature=signature, **arguments)
        return
    assert kms.verify(Signature=kms.sign(**arguments)["Signature"], **arguments)["SignatureValid"]


@pytest.mark.parametrize("bits", (224, 256, 384, 512))
def test_macs(kms, keys, bits: int) -> None:
    arn = key(kms, keys, f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
    arguments = {"KeyId": arn, "Message": b"message", "MacAlgorithm": f"HMAC_SHA_{bits}"}
    mac = kms.generate_mac(**arguments)["Mac"]
    assert len(mac) == bits // 8
    assert kms.verify_mac(Mac=mac, **arguments)["MacValid"]
    refused("KMSInvalidMacException", kms.verify_mac, Mac=mac[:-1] + bytes([mac[-1] ^ 1]), **arguments)
    refused("KMSInvalidMacException", kms.verify_mac, **arguments | {"Mac": mac, "Message": b"other"})


@pytest.mark.parametrize("algorithm", ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"))
@pytest.mark.parametrize("spec", RSA)
def test_what_was_encrypted_elsewhere_opens(kms, keys, spec: str, algorithm: str) -> None:
    arn = key(kms, keys, spec, "ENCRYPT_DECRYPT")
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    sealed = public(kms, arn).encrypt(b"secret", oaep)
    arguments = {"KeyId": arn, "EncryptionAlgorithm": algorithm}
    assert kms.decrypt(CiphertextBlob=sealed, **arguments)["Plaintext"] == b"secret"
    own = kms.encrypt(Plaintext=b"own", **arguments)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=own, **arguments)["Plaintext"] == b"own"
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed[:-1] + bytes([sealed[-1] ^ 1]), **arguments)
    most = int(spec[4:]) // 8 - 2 - 2 * digest.digest_size
    kms.encrypt(Plaintext=bytes(most), **arguments)
    refused("ValidationException", kms.encrypt, Plaintext=bytes(most + 1), **arguments)


@pytest.mark.parametrize("spec", ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"))
def test_shared_secrets_agree_with_another_library(kms, keys, spec: str) -> None:
    arn = key(kms, keys, spec, "KEY_AGREEMENT")
    curve, _ = CURVES[spec]
    own = ec.generate_private_key(curve())
    encoded = own.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    arguments = {"KeyId": arn, "KeyAgreementAlgorithm": "ECDH"}
    shared = kms.derive_shared_secret(PublicKey=encoded, **arguments)["SharedSecret"]
    assert shared == own.exchange(ec.ECDH(), public(kms, arn))
    other = ec.generate_private_key(ec.SECP384R1() if spec == "ECC_NIST_P256" else ec.SECP256R1()).public_key()
    wrong = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ClientError):
        kms.derive_shared_secret(PublicKey=wrong, **arguments)


@pytest.mark.parametrize("spec", ("RSA_2048", *CURVES, "ECC_NIST_EDWARDS25519"))
def test_data_key_pairs(kms, keys, spec: str) -> None:
    wrapping = key(kms, keys, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    context = {"for": "pairs"}
    if spec == NOT_APPROVED and fips():
        refused("UnsupportedOperationException", kms.generate_data_key_pair, KeyId=wrapping, KeyPairSpec=spec)
        return
    pair = kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec=spec, EncryptionContext=context)
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    encoded = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert encoded == pair["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext=context)["Plaintext"]
    assert opened == pair["PrivateKeyPlaintext"]
    hidden = kms.generate_data_key_pair_without_plaintext(KeyId=wrapping, KeyPairSpec=spec)
    assert "PrivateKeyPlaintext" not in hidden and hidden["KeyPairSpec"] == spec


def test_re_encrypt_between_kinds_and_contexts(kms, keys) -> None:
    symmetric = key(kms, keys, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    asymmetric = key(kms, keys, "RSA_2048", "ENCRYPT_DECRYPT")
    sealed = kms.encrypt(KeyId=symmetric, Plaintext=b"secret", EncryptionContext={"a": "1"})["CiphertextBlob"]
    there = kms.re_encrypt(
        CiphertextBlob=sealed,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=asymmetric,
        DestinationEncryptionAlgorithm="RSAES_OAEP_SHA_256",
    )
    back = kms.re_encrypt(
        CiphertextBlob=there["CiphertextBlob"],
        SourceKeyId=asymmetric,
        SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256",
        DestinationKeyId=symmetric,
        DestinationEncryptionContext={"b": "2"},
    )
    opened = kms.decrypt(CiphertextBlob=back["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"secret"
    refused(
        "InvalidCiphertextException",
        kms.decrypt,
        CiphertextBlob=back["CiphertextBlob"],
        EncryptionContext={"a": "1"},
    )


@pytest.mark.parametrize(
    "operation,spec,usage,arguments",
    (
        ("sign", "ECC_NIST_P256", "SIGN_VERIFY", {"Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}),
        ("generate_mac", "HMAC_256", "GENERATE_VERIFY_MAC", {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}),
        ("encrypt", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", {"Plaintext": b"m"}),
        ("get_public_key", "ECC_NIST_P256", "SIGN_VERIFY", {}),
        ("generate_data_key_pair", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", {"KeyPairSpec": "ECC_NIST_P256"}),
    ),
)
def test_permission_and_state_decide(gateway: Gateway, kms, operation, spec, usage, arguments) -> None:
    arn = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    bob = gateway.client("kms", user=BOB, scheme="https")
    refused("AccessDeniedException", getattr(bob, operation), KeyId=arn, **arguments)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": what, "Resource": "*"}
            for who, what in ((f"arn:aws:iam::{ACCOUNT}:root", "kms:*"), (BOB.arn, "kms:" + "".join(
                part.title() for part in operation.split("_"))))
        ],
    }
    kms.put_key_policy(KeyId=arn, Policy=json.dumps(policy))
    getattr(bob, operation)(KeyId=arn, **arguments)
    if operation != "get_public_key":
        refused("DryRunOperationException", getattr(bob, operation), KeyId=arn, DryRun=True, **arguments)
    kms.disable_key(KeyId=arn)
    refused("DisabledException", getattr(bob, operation), KeyId=arn, **arguments)
    kms.schedule_key_deletion(KeyId=arn)
    refused("KMSInvalidStateException", getattr(bob, operation), KeyId=arn, **arguments)


def test_hmac_is_that_of_the_standard(kms) -> None:
    """Of imported material everybody knows what its MACs are."""
    from test_key_lifecycle import import_material

    arn = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    material = bytes(range(32))
    import_material(kms, arn, material)
    mac = kms.generate_mac(KeyId=arn, Message=b"message", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert mac == hmac.new(material, b"message", hashlib.sha256).digest()


def test_imported_rsa_keys_sign(kms) -> None:
    from test_key_lifecycle import import_material

    own = rsa.generate_private_key(65537, 2048)
    arn = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    encoded = own.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    import_material(kms, arn, encoded, algorithm="RSA_AES_KEY_WRAP_SHA_256")
    signature = kms.sign(KeyId=arn, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    own.public_key().verify(signature, b"m", padding.PKCS1v15(), hashes.SHA256())
