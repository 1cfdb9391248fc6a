"""The AWS Encryption SDK and the Amazon S3 Encryption Client, unmodified, with keys of the gateway."""

from __future__ import annotations

import pytest
from gateway import BOB, ROOT_USER, Gateway
from test_identities import client

aws_encryption_sdk = pytest.importorskip("aws_encryption_sdk")

from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders  # noqa: E402
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig  # noqa: E402
from aws_cryptographic_material_providers.mpl.models import (  # noqa: E402
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateMultiKeyringInput,
    DiscoveryFilter,
)

CONTEXT = {"purpose": "test", "classification": "secret"}


@pytest.fixture(scope="module")
def providers() -> AwsCryptographicMaterialProviders:
    return AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


@pytest.fixture(scope="module")
def sdk() -> aws_encryption_sdk.EncryptionSDKClient:
    policy = aws_encryption_sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)


def keyring(providers, kms, arn: str):
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=kms))


@pytest.fixture
def kms(gateway: Gateway):
    return gateway.client("kms", scheme="https")


def test_the_kms_keyring(gateway: Gateway, kms, sdk, providers) -> None:
    ring = keyring(providers, kms, gateway.key())
    sealed, _ = sdk.encrypt(source=b"secret" * 1000, keyring=ring, encryption_context=CONTEXT)
    opened, header = sdk.decrypt(source=sealed, keyring=ring, encryption_context=CONTEXT)
    assert opened == b"secret" * 1000
    assert header.encryption_context.items() >= CONTEXT.items()
    # Another principal, or another context.
    stranger = keyring(providers, gateway.client("kms", user=BOB, scheme="https"), gateway.key())
    with pytest.raises(Exception):
        sdk.decrypt(source=sealed, keyring=stranger)
    with pytest.raises(Exception):
        sdk.decrypt(source=sealed, keyring=ring, encryption_context={"purpose": "other"})


def test_the_multi_keyring(gateway: Gateway, kms, sdk, providers) -> None:
    one, two = (keyring(providers, kms, gateway.key(name)) for name in ("one", "two"))
    both = providers.create_multi_keyring(CreateMultiKeyringInput(generator=one, child_keyrings=[two]))
    sealed, _ = sdk.encrypt(source=b"secret", keyring=both, encryption_context=CONTEXT)
    for ring in (one, two, both):
        assert sdk.decrypt(source=sealed, keyring=ring)[0] == b"secret"


def test_the_discovery_keyring(gateway: Gateway, kms, sdk, providers) -> None:
    sealed, _ = sdk.encrypt(source=b"secret", keyring=keyring(providers, kms, gateway.key()))

    def discover(account: str):
        found = DiscoveryFilter(account_ids=[account], partition="aws")
        return providers.create_aws_kms_discovery_keyring(
            CreateAwsKmsDiscoveryKeyringInput(kms_client=kms, discovery_filter=found)
        )

    assert sdk.decrypt(source=sealed, keyring=discover("111111111111"))[0] == b"secret"
    with pytest.raises(Exception):
        sdk.decrypt(source=sealed, keyring=discover("333333333333"))


def test_the_s3_encryption_client(gateway: Gateway, kms, s3, bucket: str) -> None:
    module = pytest.importorskip("s3_encryption")
    from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
    from s3_encryption.materials.kms_keyring import KmsKeyring

    assert module
    # A client of its own: the wrapper changes the one that it is given.
    root = {"AccessKeyId": ROOT_USER.access_key, "SecretAccessKey": ROOT_USER.secret_key}
    own = client(gateway, "s3", root)
    wrapped = S3EncryptionClient(own, S3EncryptionClientConfig(keyring=KmsKeyring(kms, gateway.key())))
    wrapped.put_object(Bucket=bucket, Key="k", Body=b"client side" * 1000)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() != b"client side" * 1000
    assert wrapped.get_object(Bucket=bucket, Key="k")["Body"].read() == b"client side" * 1000
