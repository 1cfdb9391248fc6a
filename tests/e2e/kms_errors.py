"""The errors of KMS in the model, and how a client provokes them: a table for test_errors.py.

What a client cannot provoke, or what AWS's model has and this KMS answers otherwise, is in REASONS.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from gateway import ALICE
from kms_world import (
    MISSING,
    ON_KEYS,
    World,
    aliases_of_a_full_key,
    arguments,
    cut,
    damaged,
    in_state,
    of_wrong_kind,
    rotated_to_the_limit,
    tags,
)
from provocations import Provocations, Reason

CONTEXT = {"a": "b"}
NOBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ALICE.arn}, "Action": "kms:Decrypt", "Resource": "*"}],
}
# What is no policy, and what would lock the caller out.
BAD_POLICIES = (
    "{",
    "[]",
    '{"Version":"2012-10-17"}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}',
    json.dumps(NOBODY),
)
LONG_POLICY = {"Policy": '{"Version":"2012-10-17","Statement":[]}' + " " * 32_768}

PROVOKED = Provocations()
provoke = PROVOKED.add

ENCRYPTING = (
    "Encrypt",
    "Decrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
)
CRYPTO = (*ENCRYPTING, "Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret")
ROTATING = ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand")
IMPORTING = ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")
PAGED = ("ListAliases", "ListGrants", "ListKeyRotations", "ListKeys", "ListResourceTags", "ListRetirableGrants")

provoke(
    tuple(ON_KEYS),
    "NotFoundException",
    lambda w, operation: arguments(w, operation, MISSING),
    lambda w, operation: arguments(w, operation, str(uuid.uuid4())),
    lambda w, operation: arguments(w, operation, "no key at all"),
    lambda w, operation: arguments(w, operation, MISSING.replace("us-east-1", "eu-west-1")),
)
provoke("DeleteAlias", "NotFoundException", lambda w: {"AliasName": "alias/nothing"})
provoke("UpdateAlias", "NotFoundException", lambda w: arguments(w, "UpdateAlias", AliasName="alias/nothing"))
provoke(
    ("RetireGrant", "RevokeGrant"),
    "NotFoundException",
    lambda w, operation: arguments(w, operation, GrantId="ab" * 32),
)
provoke(
    (*CRYPTO, *ROTATING, "CreateGrant", "GetPublicKey"),
    "DisabledException",
    lambda w, operation: in_state(w, operation, "Disabled"),
)
provoke(
    (
        *CRYPTO,
        *ROTATING,
        "CreateGrant",
        "GetPublicKey",
        "CreateAlias",
        "DisableKey",
        "EnableKey",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
        "GetParametersForImport",
        "ImportKeyMaterial",
    ),
    "KMSInvalidStateException",
    lambda w, operation: in_state(w, operation, "PendingDeletion"),
)
provoke("CancelKeyDeletion", "KMSInvalidStateException", lambda w: arguments(w, "CancelKeyDeletion"))
provoke("Encrypt", "KMSInvalidStateException", lambda w: {"KeyId": w.keys["external", "Enabled"], "Plaintext": b"x"})
provoke(CRYPTO, "InvalidKeyUsageException", lambda w, operation: of_wrong_kind(w, operation))
provoke(CRYPTO, "DryRunOperationException", lambda w, operation: arguments(w, operation, DryRun=True))
provoke("CreateGrant", "DryRunOperationException", lambda w: arguments(w, "CreateGrant", DryRun=True))
provoke(
    ("RetireGrant", "RevokeGrant"),
    "DryRunOperationException",
    lambda w, operation: arguments(
        w,
        operation,
        GrantId=w.kms.create_grant(**w.grant(w.keys["symmetric", "Enabled"]))["GrantId"],
        DryRun=True,
    ),
)
provoke(
    (*CRYPTO, "CreateGrant", "GetPublicKey"),
    "InvalidGrantTokenException",
    lambda w, operation: arguments(w, operation, GrantTokens=["not-a-token"]),
)
provoke("RetireGrant", "InvalidGrantTokenException", lambda w: {"GrantToken": "not-a-token"})
provoke(
    ("RetireGrant", "RevokeGrant"),
    "InvalidGrantIdException",
    lambda w, operation: arguments(w, operation, GrantId="nothing"),
)
provoke("ListGrants", "InvalidGrantIdException", lambda w: arguments(w, "ListGrants", GrantId="nothing"))
provoke(
    PAGED,
    "InvalidMarkerException",
    lambda w, operation: (
        {"Marker": "bogus"}
        | ({"RetiringPrincipal": ALICE.arn} if operation == "ListRetirableGrants" else {})
        | ({"KeyId": w.keys["symmetric", "Enabled"]} if operation in ON_KEYS and operation != "ListAliases" else {})
    ),
)
provoke(
    "CreateGrant",
    "InvalidArnException",
    lambda w: arguments(w, "CreateGrant", GranteePrincipal="arn:aws:iam::1:nothing"),
    lambda w: arguments(w, "CreateGrant", RetiringPrincipal="arn:aws:s3:::bucket"),
)
provoke(
    "ListGrants", "InvalidArnException", lambda w: arguments(w, "ListGrants", GranteePrincipal="arn:aws:s3:::bucket")
)
provoke("ListRetirableGrants", "InvalidArnException", lambda w: {"RetiringPrincipal": "arn:aws:s3:::bucket"})
provoke(
    ("Decrypt", "ReEncrypt"),
    "InvalidCiphertextException",
    lambda w, operation: arguments(w, operation, CiphertextBlob=b"nothing"),
    lambda w, operation: arguments(w, operation, CiphertextBlob=damaged(w.sealed)),
    lambda w, operation: arguments(w, operation, CiphertextBlob=cut(w.sealed)),
    lambda w, operation: arguments(w, operation, CiphertextBlob=w.sealed + b"x"),
    # Another context: one too many, one too few, other words.
    lambda w, operation: arguments(
        w, operation, **{"EncryptionContext" if operation == "Decrypt" else "SourceEncryptionContext": CONTEXT}
    ),
    lambda w, operation: arguments(
        w, operation, CiphertextBlob=w.encrypt(w.keys["symmetric", "Enabled"], EncryptionContext=CONTEXT)
    ),
    lambda w, operation: (
        arguments(w, operation, CiphertextBlob=w.encrypt(w.keys["symmetric", "Enabled"], EncryptionContext=CONTEXT))
        | {"EncryptionContext" if operation == "Decrypt" else "SourceEncryptionContext": {"a": "c"}}
    ),
)
provoke("Decrypt", "IncorrectKeyException", lambda w: arguments(w, "Decrypt", w.keys["other", "Enabled"]))
provoke(
    "ReEncrypt", "IncorrectKeyException", lambda w: arguments(w, "ReEncrypt", SourceKeyId=w.keys["other", "Enabled"])
)
provoke("Verify", "KMSInvalidSignatureException", lambda w: arguments(w, "Verify", Message=b"other"))
provoke("VerifyMac", "KMSInvalidMacException", lambda w: arguments(w, "VerifyMac", Message=b"other"))
provoke("CreateAlias", "AlreadyExistsException", lambda w: arguments(w, "CreateAlias", AliasName=w.alias))
provoke("CreateAlias", "InvalidAliasNameException", lambda w: arguments(w, "CreateAlias", AliasName="alias/"))
provoke("CreateAlias", "LimitExceededException", lambda w: arguments(w, "CreateAlias", aliases_of_a_full_key(w)))
provoke("UpdateAlias", "LimitExceededException", lambda w: arguments(w, "UpdateAlias", aliases_of_a_full_key(w)))
provoke("PutKeyPolicy", "LimitExceededException", lambda w: arguments(w, "PutKeyPolicy", **LONG_POLICY))
provoke("CreateKey", "LimitExceededException", lambda w: LONG_POLICY)
provoke(
    "TagResource",
    "LimitExceededException",
    lambda w: arguments(w, "TagResource", w.keys["other", "Enabled"], Tags=tags(51)),
)
provoke("RotateKeyOnDemand", "LimitExceededException", rotated_to_the_limit)
for bad in BAD_POLICIES:
    provoke(
        "PutKeyPolicy", "MalformedPolicyDocumentException", lambda w, bad=bad: arguments(w, "PutKeyPolicy", Policy=bad)
    )
    provoke("CreateKey", "MalformedPolicyDocumentException", lambda w, bad=bad: {"Policy": bad})
for reserved in (
    {"TagKey": "aws:a", "TagValue": "b"},
    {"TagKey": "k" * 129, "TagValue": "b"},
    {"TagKey": "k", "TagValue": "b" * 257},
):
    provoke("TagResource", "TagException", lambda w, tag=reserved: arguments(w, "TagResource", Tags=[tag]))
    provoke("CreateKey", "TagException", lambda w, tag=reserved: {"Tags": [tag]})
provoke("CreateKey", "TagException", lambda w: {"Tags": tags(1) * 2})
provoke("UntagResource", "TagException", lambda w: arguments(w, "UntagResource", TagKeys=["aws:a"]))
provoke("CreateKey", "UnsupportedOperationException", lambda w: {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"})
provoke(
    "CreateKey",
    "CustomKeyStoreNotFoundException",
    lambda w: {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1234567890abcdef0"},
)
provoke(
    ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
    "UnsupportedOperationException",
    lambda w, operation: arguments(w, operation, KeyPairSpec="SM2"),
)
provoke(
    (*ROTATING, "GetKeyRotationStatus", "ListKeyRotations"),
    "UnsupportedOperationException",
    lambda w, operation: arguments(w, operation, w.keys["mac", "Enabled"]),
)
provoke(
    IMPORTING,
    "UnsupportedOperationException",
    lambda w, operation: arguments(w, operation, w.keys["symmetric", "Enabled"]),
)
provoke(
    "GetPublicKey",
    "UnsupportedOperationException",
    lambda w: {"KeyId": w.keys["symmetric", "Enabled"]},
    lambda w: {"KeyId": w.keys["mac", "Enabled"]},
)
provoke(
    "ImportKeyMaterial",
    "InvalidImportTokenException",
    lambda w: arguments(w, "ImportKeyMaterial"),
    # Of another key.
    lambda w: w.parameters(w.keys["external", "Enabled"]) | {"KeyId": w.keys["external", "Disabled"]},
)
provoke(
    "ImportKeyMaterial",
    "InvalidCiphertextException",
    lambda w: w.parameters(w.keys["external", "Enabled"]) | {"EncryptedKeyMaterial": b"x" * 256},
)


def other_material(w: World) -> dict:
    """New material in the place of what was there before."""
    arn = w.key("external")
    w.kms.import_key_material(**w.parameters(arn))
    w.kms.delete_imported_key_material(KeyId=arn)
    return w.parameters(arn)


provoke("ImportKeyMaterial", "IncorrectKeyMaterialException", other_material)

# Errors beyond the operation's own list, that every operation or service may answer.
COMMON: list[tuple[str, str, Callable[[World], dict]]] = [
    ("CreateAlias", "NotAuthorizedException", lambda w: arguments(w, "CreateAlias", AliasName="alias/aws/mine")),
    ("DeleteAlias", "NotAuthorizedException", lambda w: {"AliasName": "alias/aws/s3"}),
    ("CreateAlias", "ValidationException", lambda w: arguments(w, "CreateAlias", AliasName="mine")),
    ("CreateAlias", "ValidationException", lambda w: arguments(w, "CreateAlias", AliasName="alias/a b")),
    ("Encrypt", "ValidationException", lambda w: arguments(w, "Encrypt", Plaintext=b"x" * 4097)),
    ("Encrypt", "ValidationException", lambda w: arguments(w, "Encrypt", EncryptionContext={"k": "v" * 10_000})),
    ("Encrypt", "ValidationException", lambda w: arguments(w, "Encrypt", GrantTokens=["x"] * 11)),
    ("Decrypt", "ValidationException", lambda w: arguments(w, "Decrypt", CiphertextBlob=b"x" * 6145)),
    ("GenerateDataKey", "ValidationException", lambda w: arguments(w, "GenerateDataKey", NumberOfBytes=32)),
    ("GenerateRandom", "ValidationException", lambda w: {"NumberOfBytes": 1025}),
    ("ScheduleKeyDeletion", "ValidationException", lambda w: arguments(w, "ScheduleKeyDeletion", PendingWindowInDays=6)),
    ("CreateGrant", "ValidationException", lambda w: arguments(w, "CreateGrant", Operations=["Everything"])),
    ("CreateGrant", "ValidationException", lambda w: arguments(w, "CreateGrant", Constraints={"EncryptionContextSubset": {f"{n}": "v" for n in range(9)}})),
    ("CreateGrant", "ValidationException", lambda w: arguments(w, "CreateGrant", Constraints={"EncryptionContextSubset": {"k": "v" * 385}})),
    ("Sign", "ValidationException", lambda w: arguments(w, "Sign", MessageType="DIGEST")),
    ("EnableKeyRotation", "ValidationException", lambda w: arguments(w, "EnableKeyRotation", RotationPeriodInDays=89)),
    ("CreateKey", "ValidationException", lambda w: {"KeySpec": "RSA_2048"}),
    ("CreateKey", "ValidationException", lambda w: {"KeySpec": "AES_128"}),
]  # fmt: skip

REASONS: list[Reason] = [
    (("*",), ("KMSInternalException",), "a failure of the KMS itself, which no client can bring about"),
    (("*",), ("DependencyTimeoutException",), "the index is part of the process: nothing that could time out"),
    (("*",), ("KeyUnavailableException",), "the root of trust is out of reach: test_roots.py pulls the token"),
    (
        (
            "CancelKeyDeletion",
            "DeleteImportedKeyMaterial",
            "DescribeKey",
            "DisableKey",
            "DisableKeyRotation",
            "EnableKey",
            "EnableKeyRotation",
            "GetKeyLastUsage",
            "GetKeyPolicy",
            "GetKeyRotationStatus",
            "GetParametersForImport",
            "GetPublicKey",
            "ImportKeyMaterial",
            "ListAliases",
            "ListKeyPolicies",
            "ListKeyRotations",
            "ListResourceTags",
            "PutKeyPolicy",
            "RetireGrant",
            "RevokeGrant",
            "RotateKeyOnDemand",
            "ScheduleKeyDeletion",
            "TagResource",
            "UntagResource",
            "UpdateKeyDescription",
        ),
        ("InvalidArnException",),
        "an ARN that is none of a key is not found, in AWS's recorded words: NotFoundException, Invalid keyId or Invalid arn",
    ),
    (("CreateKey",), ("InvalidArnException",), "it takes no ARN; AWS's model lists it without saying when"),
    (
        (
            "DeleteAlias",
            "DeleteImportedKeyMaterial",
            "GetKeyPolicy",
            "GetKeyRotationStatus",
            "ListGrants",
            "ListKeyPolicies",
            "ListKeyRotations",
            "PutKeyPolicy",
            "RetireGrant",
            "RevokeGrant",
        ),
        ("KMSInvalidStateException",),
        "succeeds in every state of the key: test_key_states.py",
    ),
    (("ListRetirableGrants",), ("NotFoundException",), "it takes no key, and finds nothing where nothing is"),
    (("CreateGrant",), ("LimitExceededException",), "50,000 grants of a key: crates/sealgate-kms/tests/kms/grants"),
    (("EnableKey",), ("LimitExceededException",), "there is no quota on the number of keys"),
    (("GetPublicKey",), ("InvalidKeyUsageException",), "a public key may be shown whatever its key is for"),
    (("PutKeyPolicy",), ("UnsupportedOperationException",), "AWS's model lists it without saying when"),
    (("RotateKeyOnDemand",), ("ConflictException",), "needs the clock moved: test_moved_clock"),
    (("ImportKeyMaterial",), ("ExpiredImportTokenException",), "needs the clock moved: test_moved_clock"),
    (
        ("CreateKey",),
        (
            "CustomKeyStoreInvalidStateException",
            "CloudHsmClusterInvalidConfigurationException",
            "XksKeyInvalidConfigurationException",
            "XksKeyAlreadyInUseException",
            "XksKeyNotFoundException",
        ),
        "custom key stores: see test_key_stores.py",
    ),
    (
        ("GenerateRandom",),
        ("UnsupportedOperationException", "CustomKeyStoreNotFoundException", "CustomKeyStoreInvalidStateException"),
        "random bytes of a custom key store: see test_key_stores.py",
    ),
    (
        (
            "ConnectCustomKeyStore",
            "CreateCustomKeyStore",
            "DeleteCustomKeyStore",
            "DescribeCustomKeyStores",
            "DisconnectCustomKeyStore",
            "ReplicateKey",
            "UpdateCustomKeyStore",
            "UpdatePrimaryRegion",
        ),
        ("*",),
        "see test_key_stores.py",
    ),
]
