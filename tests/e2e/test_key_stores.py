"""External key stores: keys of which half is held by somebody else, behind a proxy that this test runs."""

from __future__ import annotations

import base64
import itertools
import json
import struct

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from gateway import ALICE, BOB, CAROL, REGION, Gateway
from test_key_kinds import refused
from xks_proxy import Credential, Proxy, Tenant

NUMBERS = itertools.count(1)
CONTEXT = {"purpose": "test"}
INVALID = "KMSInvalidStateException"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    proxy = Proxy(tmp_path_factory.mktemp("proxy"), REGION).start()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def home(new_gateway, proxy: Proxy) -> Gateway:
    return new_gateway(config=f"[xks]\nca_file = '{proxy.ca}'\ntimeout = '10s'\n")


@pytest.fixture
def kms(home: Gateway):
    return home.client("kms", scheme="https")


@pytest.fixture
def tenant(proxy: Proxy) -> Tenant:
    return proxy.tenant(f"t{next(NUMBERS)}")


def settings(proxy: Proxy, tenant: Tenant, **other: object) -> dict:
    return {
        "CustomKeyStoreName": tenant.path,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyUriEndpoint": proxy.endpoint,
        "XksProxyUriPath": tenant.path,
        "XksProxyConnectivity": "PUBLIC_ENDPOINT",
        "XksProxyAuthenticationCredential": tenant.credential.parameter(),
    } | other


def described(kms, store: str) -> dict:
    [found] = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
    return found


def discard(kms, store: str) -> None:
    if described(kms, store)["ConnectionState"] != "DISCONNECTED":
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    kms.delete_custom_key_store(CustomKeyStoreId=store)


@pytest.fixture
def key_store(kms, proxy: Proxy, tenant: Tenant):
    """A store that is not connected, and has no keys at the end."""
    made = kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"]
    yield made
    proxy.tenants[tenant.path] = tenant
    discard(kms, made)


class Vault:
    """A connected store that stays: keys are not deleted within a test."""

    def __init__(self, home: Gateway, proxy: Proxy) -> None:
        self.kms = home.client("kms", scheme="https")
        self.tenant = proxy.tenant("vault")
        made = self.kms.create_custom_key_store(**settings(proxy, self.tenant))
        self.store = made["CustomKeyStoreId"]
        self.connect()

    def connect(self) -> None:
        self.kms.connect_custom_key_store(CustomKeyStoreId=self.store)
        assert described(self.kms, self.store)["ConnectionState"] == "CONNECTED"

    def disconnect(self) -> None:
        self.kms.disconnect_custom_key_store(CustomKeyStoreId=self.store)

    def key(self, **more: object) -> dict:
        name = self.tenant.key(f"key-{next(NUMBERS)}")
        return self.kms.create_key(
            Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=self.store, XksKeyId=name, **more
        )["KeyMetadata"]


@pytest.fixture(scope="module")
def shared(home: Gateway, proxy: Proxy) -> Vault:
    return Vault(home, proxy)


@pytest.fixture
def vault(shared: Vault):
    yield shared
    shared.tenant.faults.clear()


# --- stores


def test_the_life_of_a_store(kms, proxy: Proxy, tenant: Tenant) -> None:
    store = kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"]
    assert store.startswith("cks-") and len(store) == 21
    found = described(kms, store)
    found.pop("CreationDate")
    assert found == {
        "CustomKeyStoreId": store,
        "CustomKeyStoreName": tenant.path,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "ConnectionState": "DISCONNECTED",
        "XksProxyConfiguration": {
            "Connectivity": "PUBLIC_ENDPOINT",
            "AccessKeyId": tenant.credential.access_key_id,
            "UriEndpoint": proxy.endpoint,
            "UriPath": tenant.path,
        },
    }
    refused("CustomKeyStoreInvalidStateException", kms.disconnect_custom_key_store, CustomKeyStoreId=store)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    assert described(kms, store)["ConnectionState"] == "CONNECTED"
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    assert [operation for operation, _ in tenant.asked] == ["health", "health"]
    assert tenant.asked[0][1]["requestMetadata"]["kmsOperation"] == "CreateCustomKeyStore"

    kms.update_custom_key_store(CustomKeyStoreId=store, NewCustomKeyStoreName="another")
    [named] = kms.describe_custom_key_stores(CustomKeyStoreName="another")["CustomKeyStores"]
    assert named["CustomKeyStoreId"] == store
    refused("CustomKeyStoreNotFoundException", kms.describe_custom_key_stores, CustomKeyStoreName=tenant.path)
    refused("CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    kms.delete_custom_key_store(CustomKeyStoreId=store)
    for call in (
        kms.describe_custom_key_stores,
        kms.connect_custom_key_store,
        kms.disconnect_custom_key_store,
        kms.update_custom_key_store,
        kms.delete_custom_key_store,
    ):
        refused("CustomKeyStoreNotFoundException", call, CustomKeyStoreId=store)
    # Its name and address are free again.
    discard(kms, kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"])


WITHOUT = ("XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyConnectivity", "XksProxyAuthenticationCredential")


@pytest.mark.parametrize("missing", WITHOUT)
def test_an_external_store_needs_all_of_its_proxy(kms, proxy: Proxy, tenant: Tenant, missing: str) -> None:
    request = settings(proxy, tenant)
    del request[missing]
    refused("ValidationException", kms.create_custom_key_store, **request)


CREDENTIAL = Credential.new()
MALFORMED = [
    {"CustomKeyStoreType": "SAFE"},
    {"XksProxyUriEndpoint": "http://127.0.0.1:1"},
    {"XksProxyUriEndpoint": "https://127.0.0.1/path"},
    {"XksProxyUriPath": "/team/kms/xks/v2"},
    {"XksProxyUriPath": "/../kms/xks/v1"},
    {"XksProxyConnectivity": "PIGEON"},
    {"XksProxyAuthenticationCredential": {"AccessKeyId": "a" * 20, "RawSecretAccessKey": CREDENTIAL.secret}},
    {"XksProxyAuthenticationCredential": {"AccessKeyId": "A" * 20, "RawSecretAccessKey": "-" * 43}},
    {"CloudHsmClusterId": "cluster-1234567890a"},
]


@pytest.mark.parametrize("other", MALFORMED, ids=str)
def test_what_is_not_of_valid_form_is_refused(kms, proxy: Proxy, tenant: Tenant, other: dict) -> None:
    refused("ValidationException", kms.create_custom_key_store, **settings(proxy, tenant, **other))
    assert not tenant.asked


def test_a_store_has_a_name_and_a_proxy_of_its_own(kms, proxy: Proxy, key_store: str, tenant: Tenant) -> None:
    other = proxy.tenant(f"t{next(NUMBERS)}")
    request = settings(proxy, other, CustomKeyStoreName=tenant.path)
    refused("CustomKeyStoreNameInUseException", kms.create_custom_key_store, **request)
    request = settings(proxy, tenant, CustomKeyStoreName="free")
    refused("XksProxyUriInUseException", kms.create_custom_key_store, **request)
    second = kms.create_custom_key_store(**settings(proxy, other))["CustomKeyStoreId"]
    update = kms.update_custom_key_store
    refused("CustomKeyStoreNameInUseException", update, CustomKeyStoreId=second, NewCustomKeyStoreName=tenant.path)
    refused("XksProxyUriInUseException", update, CustomKeyStoreId=second, XksProxyUriPath=tenant.path)
    discard(kms, second)


def test_there_is_no_cluster_and_no_vpc_here(kms, proxy: Proxy, key_store: str) -> None:
    hsm = {
        "CustomKeyStoreName": "hsm",
        "CloudHsmClusterId": "cluster-1234567890a",
        "TrustAnchorCertificate": "-----BEGIN CERTIFICATE-----",
        "KeyStorePassword": "a password",
    }
    refused("CloudHsmClusterNotFoundException", kms.create_custom_key_store, **hsm)
    refused("ValidationException", kms.create_custom_key_store, CustomKeyStoreName="hsm")
    vpc = {
        "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
        "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-example",
    }
    request = settings(proxy, proxy.tenant("vpc"), **vpc)
    refused("XksProxyVpcEndpointServiceNotFoundException", kms.create_custom_key_store, **request)
    update = kms.update_custom_key_store
    refused("XksProxyVpcEndpointServiceNotFoundException", update, CustomKeyStoreId=key_store, **vpc)
    refused("ValidationException", update, CustomKeyStoreId=key_store, KeyStorePassword="a password")
    refused("ValidationException", update, CustomKeyStoreId=key_store)


# What the proxy does at a health check, what CreateCustomKeyStore says of it, and what a failed connection does.
HEALTH = [
    ("AuthenticationFailedException", "XksProxyIncorrectAuthenticationCredentialException", "XKS_PROXY_ACCESS_DENIED"),
    ("AccessDeniedException", "XksProxyInvalidConfigurationException", "XKS_PROXY_ACCESS_DENIED"),
    ("InvalidUriPathException", "XksProxyUriUnreachableException", "XKS_PROXY_INVALID_CONFIGURATION"),
    ("UnsupportedOperationException", "XksProxyInvalidConfigurationException", "XKS_PROXY_INVALID_CONFIGURATION"),
    ("ValidationException", "XksProxyInvalidConfigurationException", "XKS_PROXY_INVALID_CONFIGURATION"),
    ("InternalException", "XksProxyUriUnreachableException", "XKS_PROXY_NOT_REACHABLE"),
    ("ThrottlingException", "XksProxyUriUnreachableException", "XKS_PROXY_NOT_REACHABLE"),
    ("DependencyTimeoutException", "XksProxyUriUnreachableException", "XKS_PROXY_TIMED_OUT"),
    ("garbage", "XksProxyInvalidResponseException", "XKS_PROXY_INVALID_RESPONSE"),
]


@pytest.mark.parametrize("fault,created,connected", HEALTH)
def test_a_proxy_that_is_not_well_is_told_by_name(
    kms, proxy: Proxy, key_store: str, tenant: Tenant, fault: str, created: str, connected: str
) -> None:
    other = proxy.tenant(f"t{next(NUMBERS)}")
    other.credential, other.faults["health"] = tenant.credential, fault
    refused(created, kms.create_custom_key_store, **settings(proxy, other))
    refused(created, kms.update_custom_key_store, CustomKeyStoreId=key_store, XksProxyUriPath=other.path)

    tenant.faults["health"] = fault
    kms.connect_custom_key_store(CustomKeyStoreId=key_store)
    found = described(kms, key_store)
    assert (found["ConnectionState"], found["ConnectionErrorCode"]) == ("FAILED", connected)
    refused("CustomKeyStoreInvalidStateException", kms.connect_custom_key_store, CustomKeyStoreId=key_store)
    kms.disconnect_custom_key_store(CustomKeyStoreId=key_store)
    assert "ConnectionErrorCode" not in described(kms, key_store)
    tenant.faults.clear()
    kms.connect_custom_key_store(CustomKeyStoreId=key_store)
    assert described(kms, key_store)["ConnectionState"] == "CONNECTED"


def test_one_key_manager_that_works_is_enough(kms, proxy: Proxy, tenant: Tenant) -> None:
    tenant.managers = ["UNAVAILABLE", "UNAVAILABLE"]
    refused("XksProxyUriUnreachableException", kms.create_custom_key_store, **settings(proxy, tenant))
    tenant.managers = ["UNAVAILABLE", "DEGRADED"]
    store = kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"]
    tenant.managers = ["UNAVAILABLE"]
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    assert described(kms, store)["ConnectionErrorCode"] == "XKS_PROXY_NOT_REACHABLE"
    discard(kms, store)


def test_the_wrong_credential_is_refused_by_the_proxy_itself(kms, proxy: Proxy, tenant: Tenant) -> None:
    for wrong in (
        Credential(tenant.credential.access_key_id, CREDENTIAL.secret),
        Credential(CREDENTIAL.access_key_id, tenant.credential.secret),
    ):
        request = settings(proxy, tenant, XksProxyAuthenticationCredential=wrong.parameter())
        refused("XksProxyIncorrectAuthenticationCredentialException", kms.create_custom_key_store, **request)


def test_the_proxy_must_be_there_and_prove_that_it_is(kms, home: Gateway, tmp_path) -> None:
    own = Proxy(tmp_path / "own", REGION).start("stranger")
    tenant = own.tenant("own")
    # Its authority is not the one that the gateway trusts.
    request = settings(own, tenant, CustomKeyStoreName="own")
    refused("XksProxyInvalidConfigurationException", kms.create_custom_key_store, **request)
    own.stop()
    refused("XksProxyUriUnreachableException", kms.create_custom_key_store, **request)
    assert not tenant.asked


def test_a_store_whose_proxy_is_silent_gone_or_a_stranger_is_not_connected(new_gateway, tmp_path) -> None:
    proxy = Proxy(tmp_path / "proxy", REGION).start()
    tenant = proxy.tenant("t")
    gateway = new_gateway(config=f"[xks]\nca_file = '{proxy.ca}'\ntimeout = '3s'\n")
    kms = gateway.client("kms", scheme="https")
    store = kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"]

    def failure() -> str:
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        found = described(kms, store)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        return found.get("ConnectionErrorCode", found["ConnectionState"])

    tenant.faults["health"] = "silence"
    assert failure() == "XKS_PROXY_TIMED_OUT"
    tenant.faults.clear()
    proxy.stop()
    assert failure() == "XKS_PROXY_NOT_REACHABLE"
    proxy.start("stranger")
    assert failure() == "XKS_PROXY_INVALID_TLS_CONFIGURATION"
    proxy.stop()
    proxy.start()
    assert failure() == "CONNECTED"
    proxy.stop()


def test_what_may_change_while_a_store_is_connected(kms, proxy: Proxy, key_store: str, tenant: Tenant) -> None:
    kms.connect_custom_key_store(CustomKeyStoreId=key_store)
    update = kms.update_custom_key_store
    for change in ({"XksProxyUriEndpoint": proxy.endpoint}, {"XksProxyConnectivity": "PUBLIC_ENDPOINT"}):
        refused("CustomKeyStoreInvalidStateException", update, CustomKeyStoreId=key_store, **change)
    moved = proxy.tenant(f"t{next(NUMBERS)}")
    moved.credential = tenant.credential
    update(CustomKeyStoreId=key_store, XksProxyUriPath=moved.path)
    assert described(kms, key_store)["XksProxyConfiguration"]["UriPath"] == moved.path
    assert described(kms, key_store)["ConnectionState"] == "CONNECTED"
    kms.disconnect_custom_key_store(CustomKeyStoreId=key_store)
    update(CustomKeyStoreId=key_store, XksProxyUriEndpoint=proxy.endpoint, XksProxyUriPath=tenant.path)


def test_stores_are_listed_page_by_page_and_to_their_account_alone(home: Gateway, proxy: Proxy) -> None:
    carol, alice = (home.client("kms", user, scheme="https") for user in (CAROL, ALICE))
    tenants = [proxy.tenant(f"t{next(NUMBERS)}") for _ in range(10)]
    made = [carol.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"] for tenant in tenants]
    refused("LimitExceededException", carol.create_custom_key_store, **settings(proxy, proxy.tenant("eleventh")))
    pages = carol.get_paginator("describe_custom_key_stores").paginate(PaginationConfig={"PageSize": 3})
    found = [store["CustomKeyStoreId"] for page in pages for store in page["CustomKeyStores"]]
    assert sorted(found) == sorted(made)
    own = [store["CustomKeyStoreId"] for store in alice.describe_custom_key_stores()["CustomKeyStores"]]
    assert not set(own) & set(made)
    refused("CustomKeyStoreNotFoundException", alice.describe_custom_key_stores, CustomKeyStoreId=made[0])
    refused("CustomKeyStoreNotFoundException", alice.connect_custom_key_store, CustomKeyStoreId=made[0])
    refused("InvalidMarkerException", carol.describe_custom_key_stores, Marker="%")
    both = {"CustomKeyStoreId": made[0], "CustomKeyStoreName": tenants[0].path}
    refused("ValidationException", carol.describe_custom_key_stores, **both)
    for store in made:
        carol.delete_custom_key_store(CustomKeyStoreId=store)


def test_only_who_may_manage_stores_does(home: Gateway, proxy: Proxy, key_store: str, tenant: Tenant) -> None:
    bob = home.client("kms", BOB, scheme="https")
    for call, arguments in (
        (bob.create_custom_key_store, settings(proxy, proxy.tenant("bob"))),
        (bob.describe_custom_key_stores, {}),
        (bob.connect_custom_key_store, {"CustomKeyStoreId": key_store}),
        (bob.disconnect_custom_key_store, {"CustomKeyStoreId": key_store}),
        (bob.update_custom_key_store, {"CustomKeyStoreId": key_store, "NewCustomKeyStoreName": "x"}),
        (bob.delete_custom_key_store, {"CustomKeyStoreId": key_store}),
    ):
        assert "kms:" in refused("AccessDeniedException", call, **arguments)
    assert len(tenant.asked) == 1


# --- keys


def test_a_key_shows_where_its_other_half_is(vault: Vault) -> None:
    made = vault.key(Description="outside")
    found = vault.kms.describe_key(KeyId=made["Arn"])["KeyMetadata"]
    assert found == made
    assert found["Origin"] == "EXTERNAL_KEY_STORE" and found["KeyState"] == "Enabled"
    assert found["CustomKeyStoreId"] == vault.store and found["MultiRegion"] is False
    assert found["XksKeyConfiguration"]["Id"] in vault.tenant.keys
    assert "CurrentKeyMaterialId" not in found
    operation, request = vault.tenant.asked[-1]
    assert operation == "metadata"
    assert request["requestMetadata"]["kmsOperation"] == "CreateKey"
    assert "kmsKeyArn" not in request["requestMetadata"]
    # A store with keys in it stays.
    vault.disconnect()
    refused("CustomKeyStoreHasCMKsException", vault.kms.delete_custom_key_store, CustomKeyStoreId=vault.store)
    vault.connect()


UNFIT = [
    {"spec": "AES_128"},
    {"spec": "RSA_2048"},
    {"usage": ["ENCRYPT"]},
    {"usage": ["DECRYPT"]},
    {"status": "DISABLED"},
]


@pytest.mark.parametrize("what", UNFIT, ids=str)
def test_only_an_enabled_aes_256_key_will_do(vault: Vault, what: dict) -> None:
    name = vault.tenant.key(f"key-{next(NUMBERS)}", **what)
    request = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": vault.store, "XksKeyId": name}
    refused("XksKeyInvalidConfigurationException", vault.kms.create_key, **request)


METADATA = [
    ("KeyNotFoundException", "XksKeyNotFoundException", 400),
    ("InvalidStateException", "XksKeyInvalidConfigurationException", 400),
    ("InvalidKeyUsageException", "XksKeyInvalidConfigurationException", 400),
    ("AccessDeniedException", "CustomKeyStoreInvalidStateException", 400),
    ("AuthenticationFailedException", "CustomKeyStoreInvalidStateException", 400),
    ("InternalException", "CustomKeyStoreInvalidStateException", 400),
    ("garbage", "CustomKeyStoreInvalidStateException", 400),
]


@pytest.mark.parametrize("fault,code,status", METADATA)
def test_a_key_is_not_made_where_the_proxy_refuses(vault: Vault, fault: str, code: str, status: int) -> None:
    vault.tenant.faults["metadata"] = fault
    with pytest.raises(ClientError) as error:
        vault.key()
    answer = error.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_what_a_key_in_a_store_cannot_be(vault: Vault, key_store: str) -> None:
    create, made = vault.kms.create_key, vault.key()
    request = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": vault.store, "XksKeyId": "none"}
    refused("XksKeyNotFoundException", create, **request)
    taken = made["XksKeyConfiguration"]["Id"]
    refused("XksKeyAlreadyInUseException", create, **request | {"XksKeyId": taken})
    refused("CustomKeyStoreInvalidStateException", create, **request | {"CustomKeyStoreId": key_store})
    refused("CustomKeyStoreNotFoundException", create, **request | {"CustomKeyStoreId": "cks-00000000000000000"})
    for bad in ("..", "a/b", "-a"):
        refused("ValidationException", create, **request | {"XksKeyId": bad})
    for missing in ("CustomKeyStoreId", "XksKeyId"):
        refused("ValidationException", create, **{k: v for k, v in request.items() if k != missing})
    refused("UnsupportedOperationException", create, MultiRegion=True, **request)
    refused("UnsupportedOperationException", create, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", **request)
    refused("UnsupportedOperationException", create, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", **request)
    refused("ValidationException", create, XksKeyId="x")
    random = vault.kms.generate_random
    refused("UnsupportedOperationException", random, NumberOfBytes=8, CustomKeyStoreId=vault.store)


def test_what_keys_in_stores_cannot_do(vault: Vault) -> None:
    kms, arn = vault.kms, vault.key()["Arn"]
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    unsupported = "UnsupportedOperationException"
    for call, more in (
        (kms.enable_key_rotation, {}),
        (kms.disable_key_rotation, {}),
        (kms.get_key_rotation_status, {}),
        (kms.rotate_key_on_demand, {}),
        (kms.list_key_rotations, {}),
        (kms.get_parameters_for_import, wrapping),
        (kms.delete_imported_key_material, {}),
        (kms.replicate_key, {"ReplicaRegion": "eu-west-1"}),
        (kms.update_primary_region, {"PrimaryRegion": "eu-west-1"}),
        (kms.generate_data_key_pair, {"KeyPairSpec": "ECC_NIST_P256"}),
        (kms.generate_data_key_pair_without_plaintext, {"KeyPairSpec": "RSA_2048"}),
        (kms.get_public_key, {}),
    ):
        refused(unsupported, call, KeyId=arn, **more)
    for call, more in (
        (kms.sign, {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
        (kms.generate_mac, {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}),
    ):
        refused("InvalidKeyUsageException", call, KeyId=arn, **more)


def parts(blob: bytes) -> tuple[bytes, dict[str, bytes]]:
    """A ciphertext of a key in a store, as docs/format.md says: the header, and what the proxy made."""
    header, rest = blob[:29], blob[29:]
    metadata, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    iv, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    return header, {"metadata": metadata, "iv": iv, "tag": rest[:16], "ciphertext": rest[16:]}


def test_both_halves_are_needed(vault: Vault) -> None:
    kms, made = vault.kms, vault.key()
    arn, name = made["Arn"], made["XksKeyConfiguration"]["Id"]
    plaintext = noise(4096)
    sealed = kms.encrypt(KeyId=arn, Plaintext=plaintext, EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == arn and len(sealed["CiphertextBlob"]) <= 6144
    operation, request = vault.tenant.asked[-1]
    told = request["requestMetadata"]
    assert (operation, told["kmsOperation"], told["kmsKeyArn"]) == ("encrypt", "Encrypt", arn)
    assert told["awsPrincipalArn"].endswith(":root")
    assert told["kmsRequestId"] == sealed["ResponseMetadata"]["RequestId"]
    assert "purpose" not in json.dumps(request)

    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == plaintext and opened["KeyId"] == arn
    assert "KeyMaterialId" not in opened
    # The key manager alone gets what is still under the key of the KMS.
    header, outer = parts(sealed["CiphertextBlob"])
    assert header[0] == 2 and struct.unpack(">I", header[25:29]) == (1,)
    inner = vault.tenant.open(outer, name, base64.b64decode(request["additionalAuthenticatedData"]))
    assert inner == base64.b64decode(request["plaintext"])
    assert plaintext[:32] not in inner
    # And the KMS alone gets nothing: the material at the manager is another one now.
    held = vault.tenant.keys[name]
    lost, held.material = held.material, noise(32)
    blob = {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": CONTEXT}
    refused("InvalidCiphertextException", kms.decrypt, **blob)
    held.material = lost
    assert kms.decrypt(**blob)["Plaintext"] == plaintext


def test_a_changed_ciphertext_or_context_opens_nothing(vault: Vault) -> None:
    kms, arn = vault.kms, vault.key()["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
    for at in (0, 28, 29, 30, 39, 40, 60, len(blob) - 1):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=changed, EncryptionContext=CONTEXT)
    for length in (29, 30, 45, len(blob) - 1):
        cut = {"CiphertextBlob": blob[:length], "EncryptionContext": CONTEXT}
        refused("InvalidCiphertextException", kms.decrypt, **cut)
    other = vault.key()["Arn"]
    named = {"KeyId": other, "CiphertextBlob": blob, "EncryptionContext": CONTEXT}
    refused("IncorrectKeyException", kms.decrypt, **named)


def test_data_keys_and_reencryption_in_and_out_of_a_store(vault: Vault, home: Gateway) -> None:
    kms, outside, inside = vault.kms, vault.key()["Arn"], home.key()
    data = kms.generate_data_key(KeyId=outside, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert "KeyMaterialId" not in data
    bare = kms.generate_data_key_without_plaintext(KeyId=outside, NumberOfBytes=32)
    assert len(kms.decrypt(CiphertextBlob=bare["CiphertextBlob"])["Plaintext"]) == 32
    moved = kms.re_encrypt(
        CiphertextBlob=data["CiphertextBlob"], SourceEncryptionContext=CONTEXT, DestinationKeyId=inside
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (outside, inside)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    back = kms.re_encrypt(CiphertextBlob=moved["CiphertextBlob"], DestinationKeyId=outside)
    assert kms.decrypt(CiphertextBlob=back["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    assert vault.tenant.asked[-2][1]["requestMetadata"]["kmsOperation"] == "ReEncrypt"
    refused("DryRunOperationException", kms.encrypt, KeyId=outside, Plaintext=b"x", DryRun=True)


USES = [
    "AccessDeniedException",
    "AuthenticationFailedException",
    "DependencyTimeoutException",
    "InternalException",
    "InvalidKeyUsageException",
    "InvalidStateException",
    "InvalidUriPathException",
    "KeyNotFoundException",
    "ThrottlingException",
    "UnsupportedOperationException",
    "ValidationException",
    "garbage",
]


@pytest.mark.parametrize("fault", USES)
def test_a_use_that_the_proxy_refuses_is_an_invalid_state(vault: Vault, fault: str) -> None:
    kms, arn = vault.kms, vault.key()["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    vault.tenant.faults = {"encrypt": fault, "decrypt": fault}
    said = {
        refused(INVALID, kms.encrypt, KeyId=arn, Plaintext=b"x"),
        refused(INVALID, kms.generate_data_key, KeyId=arn, KeySpec="AES_256"),
        refused(INVALID, kms.decrypt, CiphertextBlob=blob),
    }
    assert len(said) == 1 and "external key" in said.pop()
    vault.tenant.faults.clear()
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_proxy_that_lies_about_what_it_encrypted_is_not_believed(vault: Vault) -> None:
    arn = vault.key()["Arn"]
    vault.tenant.faults["encrypt"] = "lie"
    refused(INVALID, vault.kms.encrypt, KeyId=arn, Plaintext=b"x")


# --- S3, and proxies that come and go


def test_s3_stores_under_an_external_key_while_the_proxy_is_there(vault: Vault, home: Gateway, proxy: Proxy) -> None:
    s3, arn, body = home.client(scheme="https"), vault.key()["Arn"], noise(100_000)
    s3.create_bucket(Bucket="outside")
    sse = {"Bucket": "outside", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
    s3.put_object(Key="a", Body=body, **sse)
    found = s3.get_object(Bucket="outside", Key="a")
    assert found["Body"].read() == body and found["SSEKMSKeyId"] == arn
    told = vault.tenant.asked[-1][1]["requestMetadata"]
    assert told["kmsViaService"] == f"s3.{REGION}.amazonaws.com" and told["kmsOperation"] == "Decrypt"

    proxy.stop()
    assert "proxy" in refused("KMS.KMSInvalidStateException", s3.get_object, Bucket="outside", Key="a")
    refused("KMS.KMSInvalidStateException", s3.put_object, Key="b", Body=body, **sse)
    refused(INVALID, vault.kms.encrypt, KeyId=arn, Plaintext=b"x")
    # The store counts as connected all the while, and the key as enabled.
    assert described(vault.kms, vault.store)["ConnectionState"] == "CONNECTED"
    assert vault.kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Enabled"
    proxy.start()
    assert s3.get_object(Bucket="outside", Key="a")["Body"].read() == body
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="outside")["Contents"]] == ["a"]


def test_keys_of_a_disconnected_store_are_unavailable(vault: Vault, home: Gateway) -> None:
    kms, s3, arn = vault.kms, home.client(scheme="https"), vault.key()["Arn"]
    disabled, leaving = vault.key()["Arn"], vault.key()["Arn"]
    kms.disable_key(KeyId=disabled)
    kms.schedule_key_deletion(KeyId=leaving, PendingWindowInDays=7)
    s3.create_bucket(Bucket="gone")
    sse = {"Bucket": "gone", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
    # With a Bucket Key, the data key stays in memory; the judgement does not.
    s3.put_object(Key="a", Body=b"a", BucketKeyEnabled=True, **sse)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    vault.disconnect()

    def state(key: str) -> str:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
        assert found["Enabled"] == (found["KeyState"] == "Enabled")
        return found["KeyState"]

    assert [state(key) for key in (arn, disabled, leaving)] == ["Unavailable", "Unavailable", "PendingDeletion"]
    asked = len(vault.tenant.asked)
    refused(INVALID, kms.encrypt, KeyId=arn, Plaintext=b"x")
    refused(INVALID, kms.decrypt, CiphertextBlob=blob)
    refused(INVALID, kms.generate_data_key, KeyId=arn, KeySpec="AES_256")
    refused("KMS.KMSInvalidStateException", s3.get_object, Bucket="gone", Key="a")
    refused("KMS.KMSInvalidStateException", s3.put_object, Key="b", Body=b"b", **sse)
    with pytest.raises(ClientError) as error:
        vault.key()
    assert error.value.response["Error"]["Code"] == "CustomKeyStoreInvalidStateException"
    assert len(vault.tenant.asked) == asked
    # What needs no key material works, and leaves the state alone.
    kms.update_key_description(KeyId=arn, Description="away")
    kms.create_alias(AliasName="alias/away", TargetKeyId=arn)
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.create_grant(KeyId=arn, GranteePrincipal=ALICE.arn, Operations=["Decrypt"])
    kms.enable_key(KeyId=disabled)
    assert [state(key) for key in (arn, disabled)] == ["Unavailable", "Unavailable"]

    vault.connect()
    assert [state(key) for key in (arn, disabled, leaving)] == ["Enabled", "Enabled", "PendingDeletion"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert s3.get_object(Bucket="gone", Key="a")["Body"].read() == b"a"


def test_the_credential_is_rotated_while_the_store_is_in_use(vault: Vault) -> None:
    kms, arn, tenant = vault.kms, vault.key()["Arn"], vault.tenant
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    tenant.credential = Credential.new()
    assert "credential" in refused(INVALID, kms.decrypt, CiphertextBlob=blob)
    wrong = Credential.new().parameter()
    update = kms.update_custom_key_store
    code = "XksProxyIncorrectAuthenticationCredentialException"
    refused(code, update, CustomKeyStoreId=vault.store, XksProxyAuthenticationCredential=wrong)
    right = tenant.credential.parameter()
    update(CustomKeyStoreId=vault.store, XksProxyAuthenticationCredential=right)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    shown = described(kms, vault.store)["XksProxyConfiguration"]
    assert shown["AccessKeyId"] == tenant.credential.access_key_id
    assert tenant.credential.secret not in json.dumps(shown)


def test_the_trail_knows_everything_but_the_secret(vault: Vault, home: Gateway) -> None:
    vault.kms.update_custom_key_store(
        CustomKeyStoreId=vault.store, XksProxyAuthenticationCredential=vault.tenant.credential.parameter()
    )
    trail = home.client("cloudtrail", scheme="https")
    names = ("CreateCustomKeyStore", "UpdateCustomKeyStore", "ConnectCustomKeyStore", "DescribeCustomKeyStores")
    for name in names:
        attributes = [{"AttributeKey": "EventName", "AttributeValue": name}]
        found = trail.lookup_events(LookupAttributes=attributes)["Events"]
        records = [json.loads(event["CloudTrailEvent"]) for event in found]
        assert any(record.get("errorCode") is None for record in records), name
        assert vault.tenant.credential.secret not in json.dumps(records)
        assert not any("redential" in json.dumps(record["requestParameters"]) for record in records)


def test_the_secret_is_at_rest_under_the_root_and_nowhere_else(new_gateway, proxy: Proxy) -> None:
    gateway = new_gateway(config=f"index_encryption = false\n[xks]\nca_file = '{proxy.ca}'\ntimeout = '10s'\n")
    tenant = proxy.tenant(f"t{next(NUMBERS)}")
    kms = gateway.client("kms", scheme="https")
    store = kms.create_custom_key_store(**settings(proxy, tenant))["CustomKeyStoreId"]
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    made = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId=tenant.key("k"))
    arn = made["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    gateway.restart()
    # The store is still connected, and the secret is found again.
    kms = gateway.client("kms", scheme="https")
    assert described(kms, store)["ConnectionState"] == "CONNECTED"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    gateway.stop()
    files = [path.read_bytes() for path in gateway.data.rglob("*") if path.is_file()]
    assert any(store.encode() in content for content in files)
    assert not any(tenant.credential.secret.encode() in content for content in files)
    assert tenant.credential.secret not in gateway.log()
