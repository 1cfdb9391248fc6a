"""Multi-Region keys of the one Region that a gateway serves."""

from __future__ import annotations

import re

import pytest
from conftest import noise, unique
from gateway import ACCOUNT, REGION, Gateway
from test_key_kinds import refused
from test_key_lifecycle import import_material, state

UNSUPPORTED = "UnsupportedOperationException"


@pytest.fixture
def kms(gateway: Gateway):
    return gateway.client("kms", scheme="https")


@pytest.fixture
def made(kms) -> dict:
    return kms.create_key(MultiRegion=True)["KeyMetadata"]


def test_a_primary_key_says_what_it_is(kms, made: dict) -> None:
    assert re.fullmatch("mrk-[0-9a-f]{32}", made["KeyId"])
    assert made["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{made['KeyId']}"
    assert made["MultiRegion"] is True
    assert made["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": made["Arn"], "Region": REGION},
        "ReplicaKeys": [],
    }
    for name in (made["KeyId"], made["Arn"]):
        assert kms.describe_key(KeyId=name)["KeyMetadata"] == made
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    assert made["KeyId"] in [key["KeyId"] for page in pages for key in page["Keys"]]
    single = kms.create_key()["KeyMetadata"]
    assert single["MultiRegion"] is False and "MultiRegionConfiguration" not in single


@pytest.mark.parametrize(
    "spec,usage", [("RSA_2048", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC"), ("ECC_NIST_P256", "KEY_AGREEMENT")]
)
def test_keys_of_every_kind_can_be_multi_region_keys(kms, spec: str, usage: str) -> None:
    made = kms.create_key(MultiRegion=True, KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert made["KeyId"].startswith("mrk-") and made["KeySpec"] == spec


def test_it_encrypts_objects_like_any_other_key(gateway: Gateway, kms, made: dict) -> None:
    s3, bucket, body = gateway.client(scheme="https"), unique("bucket"), noise(70_000)
    s3.create_bucket(Bucket=bucket)
    for name in (made["KeyId"], made["Arn"]):
        s3.put_object(Bucket=bucket, Key="a", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
        found = s3.get_object(Bucket=bucket, Key="a")
        assert found["Body"].read() == body and found["SSEKMSKeyId"] == made["Arn"]
    kms.rotate_key_on_demand(KeyId=made["KeyId"])
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == body
    [rotation] = kms.list_key_rotations(KeyId=made["Arn"])["Rotations"]
    assert rotation["KeyId"] == made["KeyId"]
    kms.disable_key(KeyId=made["KeyId"])
    refused("KMS.DisabledException", s3.get_object, Bucket=bucket, Key="a")


def test_imported_material_of_a_primary_key_can_only_be_the_same_again(kms) -> None:
    arn = kms.create_key(MultiRegion=True, Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    assert state(kms, arn) == "PendingImport"
    material = noise(32)
    import_material(kms, arn, material)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=arn)
    assert state(kms, arn) == "PendingImport"
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
        import_material(kms, arn, noise(32, "other"))
    import_material(kms, arn, material)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_there_is_nowhere_to_replicate_to(kms, made: dict) -> None:
    key, replicate, update = made["KeyId"], kms.replicate_key, kms.update_primary_region
    refused(UNSUPPORTED, replicate, KeyId=key, ReplicaRegion="eu-west-1", Description="there")
    refused("AlreadyExistsException", replicate, KeyId=key, ReplicaRegion=REGION)
    refused("NotFoundException", update, KeyId=key, PrimaryRegion="eu-west-1")
    refused(UNSUPPORTED, update, KeyId=key, PrimaryRegion=REGION)
    refused("ValidationException", replicate, KeyId=key, ReplicaRegion="Europe")
    single = kms.create_key()["KeyMetadata"]["KeyId"]
    refused(UNSUPPORTED, replicate, KeyId=single, ReplicaRegion="eu-west-1")
    refused(UNSUPPORTED, update, KeyId=single, PrimaryRegion="eu-west-1")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    refused("KMSInvalidStateException", replicate, KeyId=key, ReplicaRegion="eu-west-1")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
