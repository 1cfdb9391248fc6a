"""What reaches storage tells nothing: known secrets are searched for in every byte of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from conftest import STORES, noise
from gateway import ALICE, BOB, ROOT_USER, Gateway
from modes import CUSTOMER_KEY, MODES, customer
from raw import request
from tokens import TEST_ROOT

PLAINTEXT = b"The quick brown fox jumps over the lazy dog of 1885."
KEY_NAME = "patients/smith-john/diagnosis-of-march.txt"
METADATA = "cardiology-ward-seven"
CONTEXT = '{"matter":"orange-folder-4711"}'


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """The ways in which a secret could lie around."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "upper-case hex", secret.hex().upper().encode()
    yield "reversed", secret[::-1]
    yield "UTF-16", secret.decode("latin-1").encode("utf-16-le")
    for shift in range(3):
        # The part of a base64 text that does not depend on what stands around the secret.
        text = base64.b64encode(bytes(shift) + secret + bytes((-shift - len(secret)) % 3))
        start, end = -(-shift * 8 // 6), (shift + len(secret)) * 8 // 6
        yield f"base64 at {shift}", text[start:end]
        yield f"URL base64 at {shift}", text[start:end].translate(bytes.maketrans(b"+/", b"-_"))


def fill(gateway: Gateway) -> dict[str, bytes]:
    """Writes secrets in every way there is, and says what they are."""
    s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    s3.create_bucket(Bucket="secret-bucket-of-ward-seven")
    where = {"Bucket": "secret-bucket-of-ward-seven"}
    bodies = (PLAINTEXT, PLAINTEXT * 2000, PLAINTEXT + noise(300_000))
    for mode in MODES:
        for number, body in enumerate(bodies):
            key = f"{KEY_NAME}/{mode.name}/{number}"
            more = {}
            if mode.write(gateway).get("ServerSideEncryption", "").startswith("aws:kms"):
                more["SSEKMSEncryptionContext"] = base64.b64encode(CONTEXT.encode()).decode()
            s3.put_object(**where, Key=key, Body=body, Metadata={"ward": METADATA}, **mode.write(gateway), **more)
            assert s3.get_object(**where, Key=key, **mode.read())["Body"].read() == body
        upload = s3.create_multipart_upload(
            **where, Key=KEY_NAME + "/parts", Metadata={"ward": METADATA}, **mode.write(gateway)
        )["UploadId"]
        part = s3.upload_part(
            **where, Key=KEY_NAME + "/parts", UploadId=upload, PartNumber=1, Body=PLAINTEXT * 500, **mode.read()
        )["ETag"]
        s3.complete_multipart_upload(
            **where,
            Key=KEY_NAME + "/parts",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]},
            **mode.read(),
        )
        s3.copy_object(
            **where,
            Key=KEY_NAME + "/copy",
            CopySource={**where, "Key": KEY_NAME + "/parts"},
            **mode.read_source(),
            **mode.write(gateway),
        )
    # What is refused is not kept either.
    request(
        gateway,
        "PUT",
        "/secret-bucket-of-ward-seven/x",
        headers={"x-amz-server-side-encryption": "zzz", "x-amz-meta-ward": METADATA},
        body=PLAINTEXT,
    )
    data_key = kms.generate_data_key(
        KeyId=gateway.key(), KeySpec="AES_256", EncryptionContext={"matter": "orange-folder-4711"}
    )
    kms.encrypt(KeyId=gateway.key(), Plaintext=PLAINTEXT)
    made = gateway.client("iam", scheme="https").create_access_key(UserName="alice")["AccessKey"]
    # On a token there is none to look for but inside the gateway.
    root_key = {} if TEST_ROOT else {"root key": bytes.fromhex((gateway.data / "root.key").read_text().split()[-1])}
    return root_key | {
        "plaintext": PLAINTEXT,
        "key name": KEY_NAME.encode(),
        "bucket name": b"secret-bucket-of-ward-seven",
        "user metadata": METADATA.encode(),
        "encryption context": b"orange-folder-4711",
        "customer key": CUSTOMER_KEY,
        "MD5 of the customer key": hashlib.md5(CUSTOMER_KEY).digest(),
        "data key": data_key["Plaintext"],
        "root's secret access key": ROOT_USER.secret_key.encode(),
        "alice's secret access key": ALICE.secret_key.encode(),
        "bob's secret access key": BOB.secret_key.encode(),
        "secret access key just made": made["SecretAccessKey"].encode(),
    }


def search(places: dict[str, bytes], secrets: dict[str, bytes]) -> None:
    assert places
    found = [
        f"{what} as {form} in {place}"
        for what, secret in secrets.items()
        for form, needle in forms(secret)
        for place, content in places.items()
        if needle in content or needle in place.encode()
    ]
    assert not found, found


def test_the_search_would_find_what_is_there() -> None:
    for secret in (PLAINTEXT, CUSTOMER_KEY, b"odd"):
        for around in (b"", b"a", b"ab"):
            for encode in (bytes, lambda b: b.hex().encode(), base64.b64encode, base64.urlsafe_b64encode):
                with pytest.raises(AssertionError):
                    search({"file": encode(around + secret + b"z")}, {"secret": secret})


def files(gateway: Gateway) -> dict[str, bytes]:
    """Every file of the data folder but the two that are there to hold keys."""
    keepers = {"root.key", "credentials"}
    return {
        str(path.relative_to(gateway.data)): path.read_bytes()
        for path in gateway.data.rglob("*")
        if path.is_file() and path.name not in keepers
    }


@pytest.mark.parametrize("kind", STORES)
def test_nothing_known_is_found_in_storage(new_gateway, backend, kind: str) -> None:
    store = backend(kind)
    gateway = new_gateway(**(store.options() if store else {}))
    secrets = fill(gateway)
    places = files(gateway)
    assert any("index.db" in name for name in places)
    search(places, secrets)
    if store:
        objects = store.objects()
        assert len(objects) >= len(MODES) * 3
        search(objects, secrets)
        for name, content in objects.items():
            assert content.startswith(b"SEALGATE"), name
        # Neither do names and metadata there say anything.
        search(
            {name: repr(store.s3.head_object(Bucket=store.bucket, Key=name)).encode() for name in list(objects)[:5]},
            secrets,
        )
    else:
        assert all(path.read_bytes().startswith(b"SEALGATE") for path in gateway.blobs()) and gateway.blobs()
    # Once more when all that was in memory is written down.
    gateway.stop()
    search(files(gateway), secrets)
    # The log may name buckets, and nothing else of these.
    search(
        {"log": gateway.log_path.read_bytes()},
        {what: secret for what, secret in secrets.items() if what != "bucket name"},
    )


def test_equal_objects_do_not_look_equal(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="twins")
    for name in ("a", "b"):
        s3.put_object(Bucket="twins", Key=name, Body=bytes(200_000), **customer())
        s3.put_object(Bucket="twins", Key=name + "s3", Body=bytes(200_000))
    blobs = [path.read_bytes() for path in gateway.blobs()]
    assert len(blobs) == 4
    # No 16-byte block stands in two of them, or twice in one, but for what every header has.
    seen: set[bytes] = set()
    for blob in blobs:
        for at in range(16, len(blob) - 16, 16):
            block = blob[at : at + 16]
            assert block not in seen
            seen.add(block)


def test_files_are_private(new_gateway) -> None:
    gateway = new_gateway()
    assert gateway.data.stat().st_mode & 0o077 == 0
    for path in gateway.data.rglob("*"):
        if path.name != "ca.pem" and path.is_file():
            assert (
                path.stat().st_mode & 0o077 == 0 or path.parent.name == "tls" and not path.name.endswith("key.pem")
            ), path
