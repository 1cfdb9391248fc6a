"""Every operation of the KMS that takes a key, on a key in every state it can be in.

The source is the table of <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>; the numbers
below are those of its footnotes. Where it leaves two exceptions open, the one that AWS was seen to answer stands.
"""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gateway import ALICE
from test_key_lifecycle import state, wrap

OK = "OK"
# The footnotes of AWS's table: an exception, and what it says of the key.
DISABLED = ("DisabledException", "{arn} is disabled.")  # [1]
DELETION = ("KMSInvalidStateException", "{arn} is pending deletion.")  # [3]
NOT_DELETION = ("KMSInvalidStateException", "{arn} is not pending deletion.")  # [4]
IMPORT = ("KMSInvalidStateException", "{arn} is pending import.")  # [5]
EXTERNAL = ("UnsupportedOperationException", "{arn} origin is EXTERNAL which is not valid for this operation.")  # [6]
OWN = ("UnsupportedOperationException", "{arn} origin is AWS_KMS which is not valid for this operation.")  # [9]
# What on-demand rotation of imported material needs.
NOTHING_WAITS = ("KMSInvalidStateException", "{arn} has no imported key material that is pending rotation.")

OWN_STATES = ("Enabled", "Disabled", "PendingDeletion")
IMPORTED_STATES = ("Enabled", "Disabled", "PendingDeletion", "PendingImport", "Expired")

# Rows that many operations share: the outcomes for a key made here, and for one with imported material.
ALWAYS = ([OK] * 3, [OK] * 5)
USES = ([OK, DISABLED, DELETION], [OK, DISABLED, DELETION, IMPORT, IMPORT])
CHANGES = ([OK, OK, DELETION], [OK, OK, DELETION, OK, OK])
SWITCHES = ([OK, OK, DELETION], [OK, OK, DELETION, IMPORT, IMPORT])
ROTATES = ([OK, DISABLED, DELETION], [EXTERNAL, DISABLED, DELETION, EXTERNAL, EXTERNAL])
IMPORTS = ([OWN] * 3, [OK, OK, DELETION, OK, OK])

PEER = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)
RSA_WRAPPING = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
SPECS = {
    "symmetric": {},
    "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "agreement": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
}
NUMBERS = itertools.count(1)


@dataclass
class Key:
    """A key, with what was made of it while it was enabled."""

    kind: str
    arn: str
    material: bytes = b""
    parameters: dict = field(default_factory=dict)
    sealed: bytes = b""
    signature: bytes = b""
    mac: bytes = b""
    alias: str = ""
    others_alias: str = ""
    grants: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """An operation: what is called, and how it ends in each state."""

    call: Callable
    ends: tuple[list, list]
    kind: str = "symmetric"
    # It changes what others need, so that it has a key of its own.
    alone: bool = False


def sign(kms, key: Key) -> dict:
    return {"KeyId": key.arn, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}


def mac(kms, key: Key) -> dict:
    return {"KeyId": key.arn, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}


def re_encrypt_from(kms, key: Key) -> None:
    kms.re_encrypt(CiphertextBlob=key.sealed, DestinationKeyId=kms.spare)


def re_encrypt_to(kms, key: Key) -> None:
    sealed = kms.encrypt(KeyId=kms.spare, Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key.arn)


def put_key_policy(kms, key: Key) -> None:
    kms.put_key_policy(KeyId=key.arn, Policy=kms.get_key_policy(KeyId=key.arn)["Policy"])


def import_again(kms, key: Key, **more: object) -> None:
    kms.import_key_material(
        KeyId=key.arn,
        ImportToken=key.parameters.get("ImportToken", b"x"),
        EncryptedKeyMaterial=wrap(key.parameters, key.material, "RSAES_OAEP_SHA_256") if key.parameters else b"x",
        **({"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"} | more),
    )


TABLE: dict[str, Row] = {
    "CancelKeyDeletion": Row(
        lambda kms, key: kms.cancel_key_deletion(KeyId=key.arn),
        ([NOT_DELETION, NOT_DELETION, OK], [NOT_DELETION, NOT_DELETION, OK, NOT_DELETION, NOT_DELETION]),
        alone=True,
    ),
    "CreateAlias": Row(
        lambda kms, key: kms.create_alias(AliasName=f"alias/{unique('new')}", TargetKeyId=key.arn), CHANGES
    ),
    "CreateGrant": Row(
        lambda kms, key: kms.create_grant(KeyId=key.arn, GranteePrincipal=ALICE.arn, Operations=["Decrypt"]), USES
    ),
    "Decrypt": Row(lambda kms, key: kms.decrypt(KeyId=key.arn, CiphertextBlob=key.sealed), USES),
    "Decrypt unnamed": Row(lambda kms, key: kms.decrypt(CiphertextBlob=key.sealed), USES),
    "DeleteAlias": Row(lambda kms, key: kms.delete_alias(AliasName=key.alias), ALWAYS),
    # Footnote [9] says nothing of imported material whose key is pending deletion; API_DeleteImportedKeyMaterial
    # does: the state does not change.
    "DeleteImportedKeyMaterial": Row(
        lambda kms, key: kms.delete_imported_key_material(KeyId=key.arn), ([OWN] * 3, [OK] * 5), alone=True
    ),
    "DeriveSharedSecret": Row(
        lambda kms, key: kms.derive_shared_secret(KeyId=key.arn, PublicKey=PEER, KeyAgreementAlgorithm="ECDH"),
        USES,
        "agreement",
    ),
    "DescribeKey": Row(lambda kms, key: kms.describe_key(KeyId=key.arn), ALWAYS),
    "DisableKey": Row(lambda kms, key: kms.disable_key(KeyId=key.arn), SWITCHES, alone=True),
    "DisableKeyRotation": Row(lambda kms, key: kms.disable_key_rotation(KeyId=key.arn), ROTATES),
    "EnableKey": Row(lambda kms, key: kms.enable_key(KeyId=key.arn), SWITCHES, alone=True),
    "EnableKeyRotation": Row(lambda kms, key: kms.enable_key_rotation(KeyId=key.arn), ROTATES),
    "Encrypt": Row(lambda kms, key: kms.encrypt(KeyId=key.arn, Plaintext=b"x"), USES),
    "Encrypt by alias": Row(lambda kms, key: kms.encrypt(KeyId=key.alias, Plaintext=b"x"), USES, alone=True),
    "GenerateDataKey": Row(lambda kms, key: kms.generate_data_key(KeyId=key.arn, KeySpec="AES_256"), USES),
    "GenerateDataKeyPair": Row(
        lambda kms, key: kms.generate_data_key_pair(KeyId=key.arn, KeyPairSpec="ECC_NIST_P256"), USES
    ),
    "GenerateDataKeyPairWithoutPlaintext": Row(
        lambda kms, key: kms.generate_data_key_pair_without_plaintext(KeyId=key.arn, KeyPairSpec="ECC_NIST_P256"), USES
    ),
    "GenerateDataKeyWithoutPlaintext": Row(
        lambda kms, key: kms.generate_data_key_without_plaintext(KeyId=key.arn, KeySpec="AES_256"), USES
    ),
    "GenerateMac": Row(lambda kms, key: kms.generate_mac(**mac(kms, key)), USES, "mac"),
    "GetKeyLastUsage": Row(lambda kms, key: kms.get_key_last_usage(KeyId=key.arn), ALWAYS),
    "GetKeyPolicy": Row(lambda kms, key: kms.get_key_policy(KeyId=key.arn), ALWAYS),
    # Of imported material it tells the rotation on demand, which there is since 2025.
    "GetKeyRotationStatus": Row(lambda kms, key: kms.get_key_rotation_status(KeyId=key.arn), ALWAYS),
    "GetParametersForImport": Row(
        lambda kms, key: kms.get_parameters_for_import(KeyId=key.arn, **RSA_WRAPPING), IMPORTS
    ),
    "GetPublicKey": Row(lambda kms, key: kms.get_public_key(KeyId=key.arn), USES, "signing"),
    "ImportKeyMaterial": Row(import_again, IMPORTS, alone=True),
    "ListAliases": Row(lambda kms, key: kms.list_aliases(KeyId=key.arn), ALWAYS),
    "ListGrants": Row(lambda kms, key: kms.list_grants(KeyId=key.arn), ALWAYS),
    "ListKeyPolicies": Row(lambda kms, key: kms.list_key_policies(KeyId=key.arn), ALWAYS),
    "ListKeyRotations": Row(lambda kms, key: kms.list_key_rotations(KeyId=key.arn), ALWAYS),
    "ListResourceTags": Row(lambda kms, key: kms.list_resource_tags(KeyId=key.arn), ALWAYS),
    "PutKeyPolicy": Row(put_key_policy, ALWAYS),
    "ReEncrypt from": Row(re_encrypt_from, USES),
    "ReEncrypt to": Row(re_encrypt_to, USES),
    "RetireGrant": Row(lambda kms, key: kms.retire_grant(KeyId=key.arn, GrantId=key.grants[0]["GrantId"]), ALWAYS),
    "RevokeGrant": Row(lambda kms, key: kms.revoke_grant(KeyId=key.arn, GrantId=key.grants[1]["GrantId"]), ALWAYS),
    "RotateKeyOnDemand": Row(
        lambda kms, key: kms.rotate_key_on_demand(KeyId=key.arn),
        ([OK, DISABLED, DELETION], [NOTHING_WAITS, DISABLED, DELETION, IMPORT, IMPORT]),
    ),
    "ScheduleKeyDeletion": Row(
        lambda kms, key: kms.schedule_key_deletion(KeyId=key.arn, PendingWindowInDays=7), CHANGES, alone=True
    ),
    "Sign": Row(lambda kms, key: kms.sign(**sign(kms, key)), USES, "signing"),
    "TagResource": Row(
        lambda kms, key: kms.tag_resource(KeyId=key.arn, Tags=[{"TagKey": "a", "TagValue": "b"}]), CHANGES
    ),
    "UntagResource": Row(lambda kms, key: kms.untag_resource(KeyId=key.arn, TagKeys=["a"]), CHANGES),
    # The state of the key that the alias leaves does not count [10]; that of its new one does.
    "UpdateAlias to": Row(lambda kms, key: kms.update_alias(AliasName=key.others_alias, TargetKeyId=key.arn), CHANGES),
    "UpdateAlias from": Row(
        lambda kms, key: kms.update_alias(AliasName=key.alias, TargetKeyId=kms.spare), ALWAYS, alone=True
    ),
    "UpdateKeyDescription": Row(lambda kms, key: kms.update_key_description(KeyId=key.arn, Description="new"), CHANGES),
    "Verify": Row(lambda kms, key: kms.verify(**sign(kms, key), Signature=key.signature), USES, "signing"),
    "VerifyMac": Row(lambda kms, key: kms.verify_mac(**mac(kms, key), Mac=key.mac), USES, "mac"),
}
# Operations on a key of their own elsewhere.
ELSEWHERE = {
    "ReplicateKey": "keys of several Regions: test_key_stores.py",
    "UpdatePrimaryRegion": "keys of several Regions: test_key_stores.py",
}


class Keys:
    """The keys of the table: one for each kind, origin and state, and one more where an operation changes it."""

    def __init__(self, kms) -> None:
        self.kms = kms
        self.made: dict[tuple, Key] = {}
        cells = {
            (row.kind, imported, state, name if row.alone else "")
            for name, row in TABLE.items()
            for imported, states in ((False, OWN_STATES), (True, IMPORTED_STATES))
            for state in states
        }
        with ThreadPoolExecutor(4) as workers:
            for cell, key in zip(cells, workers.map(lambda cell: self.make(*cell[:3]), cells), strict=True):
                self.made[cell] = key
        deadline = time.monotonic() + 30
        for (_, _, wanted, _), key in self.made.items():
            while state(kms, key.arn) != (wanted if wanted != "Expired" else "PendingImport"):
                assert wanted == "Expired" and time.monotonic() < deadline, (wanted, key)
                time.sleep(0.1)

    def make(self, kind: str, imported: bool, wanted: str) -> Key:
        kms = self.kms
        origin = {"Origin": "EXTERNAL"} if imported else {}
        key = Key(kind, kms.create_key(**SPECS[kind], **origin)["KeyMetadata"]["Arn"])
        if imported:
            key.material = os.urandom(32)
            if kind in ("signing", "agreement"):
                key.material = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            key.parameters = kms.get_parameters_for_import(KeyId=key.arn, **RSA_WRAPPING)
            import_again(kms, key)
        self.prepare(key)
        match wanted:
            case "Disabled":
                kms.disable_key(KeyId=key.arn)
            case "PendingDeletion":
                kms.schedule_key_deletion(KeyId=key.arn, PendingWindowInDays=7)
            case "PendingImport":
                kms.delete_imported_key_material(KeyId=key.arn)
            case "Expired":
                until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
                import_again(kms, key, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
        return key

    def prepare(self, key: Key) -> None:
        kms = self.kms
        match key.kind:
            case "symmetric":
                key.sealed = kms.encrypt(KeyId=key.arn, Plaintext=b"x")["CiphertextBlob"]
            case "signing":
                key.signature = kms.sign(**sign(kms, key))["Signature"]
            case "mac":
                key.mac = kms.generate_mac(**mac(kms, key))["Mac"]
        if key.kind == "symmetric":
            key.alias, key.others_alias = (f"alias/{unique('state')}-{next(NUMBERS)}" for _ in range(2))
            kms.create_alias(AliasName=key.alias, TargetKeyId=key.arn)
            # A key has 50 aliases at most.
            other = kms.create_key()["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName=key.others_alias, TargetKeyId=other)
            for name in ("retired", "revoked"):
                grant = {"GranteePrincipal": ALICE.arn, "Operations": ["Encrypt"], "Name": name}
                key.grants.append(kms.create_grant(KeyId=key.arn, **grant))


@pytest.fixture(scope="module")
def keys(new_gateway) -> Keys:
    gateway = new_gateway()
    kms = gateway.client("kms", scheme="https")
    kms.spare = kms.create_key()["KeyMetadata"]["Arn"]
    return Keys(kms)


@pytest.mark.parametrize("operation", TABLE)
def test_an_operation_ends_as_the_state_of_the_key_demands(keys: Keys, operation: str) -> None:
    row, wrong = TABLE[operation], []
    for imported, states in ((False, OWN_STATES), (True, IMPORTED_STATES)):
        assert len(row.ends[imported]) == len(states)
        for name, expected in zip(states, row.ends[imported], strict=True):
            key = keys.made[row.kind, imported, name, operation if row.alone else ""]
            if expected != OK:
                expected = (expected[0], expected[1].format(arn=key.arn))
            before = state(keys.kms, key.arn)
            try:
                row.call(keys.kms, key)
                found = OK
            except ClientError as error:
                found = (error.response["Error"]["Code"], error.response["Error"]["Message"])
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            if found != expected:
                wrong.append(f"{'imported' if imported else 'own'} {name}: {found} instead of {expected}")
            # What was refused, and what is said to change nothing, changed nothing.
            if found != OK or not row.alone:
                assert state(keys.kms, key.arn) == before, (operation, name)
    assert not wrong, "\n".join(wrong)


def test_the_table_has_every_operation_that_takes_a_key(keys: Keys) -> None:
    model = keys.kms.meta.service_model
    named = {name.split()[0] for name in TABLE}
    takes = set()
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        if shape and {"KeyId", "TargetKeyId", "DestinationKeyId", "AliasName"} & set(shape.members):
            takes.add(name)
    assert takes - named == set(ELSEWHERE)
    assert named <= takes


def test_the_states_that_operations_lead_to(keys: Keys) -> None:
    kms = keys.kms
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=arn)
    kms.disable_key(KeyId=arn)
    assert state(kms, arn) == "Disabled"
    kms.schedule_key_deletion(KeyId=arn)
    assert state(kms, arn) == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=arn)
    assert state(kms, arn) == "Disabled"
    kms.enable_key(KeyId=arn)
    assert state(kms, arn) == "Enabled"
    kms.schedule_key_deletion(KeyId=arn)
    kms.cancel_key_deletion(KeyId=arn)
    assert state(kms, arn) == "Disabled"
    # Without its material a key that is to be deleted still is.
    imported = keys.make("symmetric", True, "PendingDeletion")
    kms.delete_imported_key_material(KeyId=imported.arn)
    assert state(kms, imported.arn) == "PendingDeletion"
