"""What the provocations of KMS use: keys of every kind and state, and the arguments of every operation on a key."""

from __future__ import annotations

import os
from collections.abc import Callable

from conftest import unique
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gateway import ACCOUNT, ALICE, Gateway
from test_key_lifecycle import wrap

MISSING = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
RSA_WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
KINDS = {
    "symmetric": {},
    "other": {},
    "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "external": {"Origin": "EXTERNAL"},
}
# The parameter that names the key, where it is not KeyId.
KEY_PARAMETER = {"CreateAlias": "TargetKeyId", "UpdateAlias": "TargetKeyId", "ReEncrypt": "DestinationKeyId"}


class World:
    """The keys that the provocations use, each in a state; and what was made with them."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.kms = gateway, gateway.client("kms", scheme="https")
        self.keys = {(kind, "Enabled"): self.key(kind) for kind in KINDS}
        symmetric = self.keys["symmetric", "Enabled"]
        self.sealed = self.encrypt(symmetric)
        self.signature = self.kms.sign(**self.signing(self.keys["signing", "Enabled"]))["Signature"]
        self.mac = self.kms.generate_mac(**self.authenticating(self.keys["mac", "Enabled"]))["Mac"]
        peer = ec.generate_private_key(ec.SECP256R1()).public_key()
        self.peer = peer.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.policy = self.kms.get_key_policy(KeyId=symmetric)["Policy"]
        self.alias = f"alias/{unique('errors')}"
        self.kms.create_alias(AliasName=self.alias, TargetKeyId=symmetric)
        for kind in KINDS:
            for state in ("Disabled", "PendingDeletion"):
                self.keys[kind, state] = self.key(kind)
                if kind in ("symmetric", "signing", "mac"):
                    self.note(kind, state)
                if kind == "external" and state == "Disabled":
                    continue
                if state == "Disabled":
                    self.kms.disable_key(KeyId=self.keys[kind, state])
                else:
                    self.kms.schedule_key_deletion(KeyId=self.keys[kind, state])

    def key(self, kind: str = "symmetric") -> str:
        return self.kms.create_key(**KINDS[kind])["KeyMetadata"]["Arn"]

    def note(self, kind: str, state: str) -> None:
        """Keeps what a key makes before it is put out of use."""
        arn = self.keys[kind, state]
        if kind == "symmetric":
            self.keys["sealed", state] = self.encrypt(arn)

    def encrypt(self, arn: str, **more: object) -> bytes:
        return self.kms.encrypt(KeyId=arn, Plaintext=b"secret", **more)["CiphertextBlob"]

    def signing(self, arn: str) -> dict:
        return {"KeyId": arn, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}

    def authenticating(self, arn: str) -> dict:
        return {"KeyId": arn, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}

    def grant(self, arn: str) -> dict:
        return {"KeyId": arn, "GranteePrincipal": ALICE.arn, "Operations": ["Encrypt"]}

    def parameters(self, arn: str) -> dict:
        """A token for import into the key, and material that is wrapped for it."""
        made = self.kms.get_parameters_for_import(KeyId=arn, **RSA_WRAPPING)
        return {
            "KeyId": arn,
            "ImportToken": made["ImportToken"],
            "EncryptedKeyMaterial": wrap(made, os.urandom(32), "RSAES_OAEP_SHA_256"),
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }


# For each operation on a key: the kind of key, and what it takes beside the key.
ON_KEYS: dict[str, tuple[str, Callable[[World, str], dict]]] = {
    "CancelKeyDeletion": ("symmetric", lambda w, k: {}),
    "CreateAlias": ("symmetric", lambda w, k: {"AliasName": f"alias/{unique('new')}"}),
    "CreateGrant": ("symmetric", lambda w, k: w.grant(k)),
    "Decrypt": ("symmetric", lambda w, k: {"CiphertextBlob": w.sealed}),
    "DeleteImportedKeyMaterial": ("external", lambda w, k: {}),
    "DeriveSharedSecret": ("agreement", lambda w, k: {"KeyAgreementAlgorithm": "ECDH", "PublicKey": w.peer}),
    "DescribeKey": ("symmetric", lambda w, k: {}),
    "DisableKey": ("symmetric", lambda w, k: {}),
    "DisableKeyRotation": ("symmetric", lambda w, k: {}),
    "EnableKey": ("symmetric", lambda w, k: {}),
    "EnableKeyRotation": ("symmetric", lambda w, k: {}),
    "Encrypt": ("symmetric", lambda w, k: {"Plaintext": b"x"}),
    "GenerateDataKey": ("symmetric", lambda w, k: {"KeySpec": "AES_256"}),
    "GenerateDataKeyPair": ("symmetric", lambda w, k: {"KeyPairSpec": "ECC_NIST_P256"}),
    "GenerateDataKeyPairWithoutPlaintext": ("symmetric", lambda w, k: {"KeyPairSpec": "ECC_NIST_P256"}),
    "GenerateDataKeyWithoutPlaintext": ("symmetric", lambda w, k: {"KeySpec": "AES_256"}),
    "GenerateMac": ("mac", lambda w, k: w.authenticating(k)),
    "GetKeyLastUsage": ("symmetric", lambda w, k: {}),
    "GetKeyPolicy": ("symmetric", lambda w, k: {}),
    "GetKeyRotationStatus": ("symmetric", lambda w, k: {}),
    "GetParametersForImport": ("external", lambda w, k: RSA_WRAPPING),
    "GetPublicKey": ("signing", lambda w, k: {}),
    "ImportKeyMaterial": ("external", lambda w, k: {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}),
    "ListAliases": ("symmetric", lambda w, k: {}),
    "ListGrants": ("symmetric", lambda w, k: {}),
    "ListKeyPolicies": ("symmetric", lambda w, k: {}),
    "ListKeyRotations": ("symmetric", lambda w, k: {}),
    "ListResourceTags": ("symmetric", lambda w, k: {}),
    "PutKeyPolicy": ("symmetric", lambda w, k: {"Policy": w.policy}),
    "ReEncrypt": ("symmetric", lambda w, k: {"CiphertextBlob": w.sealed}),
    "RetireGrant": ("symmetric", lambda w, k: {"GrantId": "0" * 64}),
    "RevokeGrant": ("symmetric", lambda w, k: {"GrantId": "0" * 64}),
    "RotateKeyOnDemand": ("symmetric", lambda w, k: {}),
    "ScheduleKeyDeletion": ("symmetric", lambda w, k: {}),
    "Sign": ("signing", lambda w, k: w.signing(k)),
    "TagResource": ("symmetric", lambda w, k: {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    "UntagResource": ("symmetric", lambda w, k: {"TagKeys": ["a"]}),
    "UpdateAlias": ("symmetric", lambda w, k: {"AliasName": w.alias}),
    "UpdateKeyDescription": ("symmetric", lambda w, k: {"Description": "new"}),
    "Verify": ("signing", lambda w, k: w.signing(k) | {"Signature": w.signature}),
    "VerifyMac": ("mac", lambda w, k: w.authenticating(k) | {"Mac": w.mac}),
}  # fmt: skip


def arguments(w: World, operation: str, key: str | None = None, **more: object) -> dict:
    kind, rest = ON_KEYS[operation]
    key = key or w.keys[kind, "Enabled"]
    return rest(w, key) | {KEY_PARAMETER.get(operation, "KeyId"): key} | more


def in_state(w: World, operation: str, state: str) -> dict:
    kind, _ = ON_KEYS[operation]
    asked = arguments(w, operation, w.keys[kind, state])
    if operation == "Decrypt":
        asked["CiphertextBlob"] = w.keys["sealed", state]
    return asked


def of_wrong_kind(w: World, operation: str) -> dict:
    """With a key of another usage."""
    if operation == "Decrypt":
        # A ciphertext of RSA does not say which key made it.
        return {
            "KeyId": w.keys["signing", "Enabled"],
            "CiphertextBlob": b"x" * 256,
            "EncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        }
    kind, _ = ON_KEYS[operation]
    return arguments(w, operation, w.keys["symmetric" if kind == "mac" else "mac", "Enabled"])


def tags(count: int) -> list[dict]:
    return [{"TagKey": f"tag-{number}", "TagValue": "x"} for number in range(count)]


def aliases_of_a_full_key(w: World) -> str:
    if ("full", "Enabled") not in w.keys:
        w.keys["full", "Enabled"] = w.key()
        for _ in range(50):
            w.kms.create_alias(AliasName=f"alias/{unique('full')}", TargetKeyId=w.keys["full", "Enabled"])
    return w.keys["full", "Enabled"]


def rotated_to_the_limit(w: World) -> dict:
    arn = w.key()
    for _ in range(25):
        w.kms.rotate_key_on_demand(KeyId=arn)
    return {"KeyId": arn}


def cut(blob: bytes) -> bytes:
    return blob[:-1]


def damaged(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])
