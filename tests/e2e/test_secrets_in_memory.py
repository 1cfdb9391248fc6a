"""Secrets in the memory of the running gateway.

A core of the process, taken when the requests have ended and while their connections are still open, holds
nowhere the key that a customer sent, the plaintext that the KMS took or gave, or key material whose time in
the cache is over. The same search finds each of them where it has to be, so it can find them.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import raw
from conftest import noise, unique
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from gateway import Gateway
from modes import customer, customer_headers, customer_source

# Cores taken until key material has left its cache, which has a second for it and sweeps once a second.
ATTEMPTS = 20
PART = 5 << 20
BLOCK = 1 << 16


def forms(secret: bytes) -> dict[str, bytes]:
    """What a secret looks like in memory. Half of it is as bad as all of it."""
    text, digits = base64.b64encode(secret), secret.hex()
    half = len(secret) // 2
    return {
        "its first half": secret[:half],
        "its last half": secret[-half:],
        "base64": text[: len(text) // 2],
        "the end of base64": text[len(text) // 2 :],
        "hex": digits[:half].encode(),
        "HEX": digits[:half].upper().encode(),
    }


class Core:
    """The memory of a process."""

    def __init__(self, path: Path) -> None:
        memory = bytearray()
        with path.open("rb") as file:
            # Most of it is address space that was never touched.
            while block := file.read(BLOCK):
                if block.count(0) < len(block):
                    memory += block
        self.memory = bytes(memory)

    def has(self, text: bytes) -> bool:
        return self.memory.find(text) >= 0

    def forms(self, secret: bytes) -> set[str]:
        """The forms in which it holds a secret."""
        return {name for name, form in forms(secret).items() if self.has(form)}

    def around(self, secret: bytes) -> str:
        """What surrounds each occurrence, for whoever looks for the place that left it."""
        told = []
        for name, form in forms(secret).items():
            at = self.memory.find(form)
            while at >= 0 and len(told) < 20:
                told.append(f"{name} at {at:#x}: {self.memory[max(at - 96, 0) : at + 96]!r}")
                at = self.memory.find(form, at + 1)
        return "\n".join(told)


def core(gateway: Gateway, folder: Path) -> Core:
    """Takes a core of a running gateway."""
    if not shutil.which("gcore"):
        pytest.fail("gcore is missing: apt-get install gdb")
    name = folder / unique("core")
    done = subprocess.run(["gcore", "-o", str(name), str(gateway.pid)], capture_output=True, text=True, timeout=300)
    path = Path(f"{name}.{gateway.pid}")
    assert path.exists(), done.stdout + done.stderr
    try:
        memory = Core(path)
    finally:
        path.unlink()
    return memory


def assert_nowhere(gateway: Gateway, folder: Path, known: str, **secrets: bytes) -> None:
    """A core holds none of the secrets, but what is known to be in memory."""
    memory = core(gateway, folder)
    assert memory.has(known.encode()), "the search finds what is there"
    found = {name: memory.forms(secret) for name, secret in secrets.items()}
    left = {name: where for name, where in found.items() if where}
    assert not left, f"{left}\n" + "\n".join(memory.around(secrets[name]) for name in left)


# --- keys of customers


def test_a_customers_key_is_in_memory_while_it_is_needed_and_no_longer(new_gateway, tmp_path: Path, scheme: str) -> None:
    gateway = new_gateway()
    bucket = unique("secretive")
    gateway.client().create_bucket(Bucket=bucket)
    key, body = os.urandom(32), noise(100_000)
    headers = customer_headers(key)
    put = raw.sign(
        gateway, "PUT", f"/{bucket}/o", headers=headers | {"expect": "100-continue"}, body=body, scheme=scheme
    )
    get = raw.sign(gateway, "GET", f"/{bucket}/o", headers=headers, scheme=scheme)
    with raw.Connection(gateway, scheme) as connection:
        connection.send_head(put)
        assert connection.read_head()[0] == 100
        # The gateway waits for the body: it has the key, and has to.
        assert {"its first half", "its last half"} <= core(gateway, tmp_path).forms(key)
        connection.send(body)
        assert connection.answer("PUT").status == 200
        # The connection stays open, and is not used.
        assert_nowhere(gateway, tmp_path, bucket, key=key)
        connection.send_head(get)
        answer = connection.answer("GET")
        assert (answer.status, answer.body) == (200, body)
        assert "connection" not in answer.headers, "the client may go on"
        assert_nowhere(gateway, tmp_path, bucket, key=key)
        # It serves on, with and without a key.
        for request in (get, raw.sign(gateway, "HEAD", f"/{bucket}", scheme=scheme), get):
            connection.send_head(request)
            assert connection.answer(request.method).status == 200
    assert_nowhere(gateway, tmp_path, bucket, key=key)


def test_no_operation_leaves_the_key_of_a_customer(new_gateway, tmp_path: Path, scheme: str) -> None:
    gateway = new_gateway()
    s3, bucket = gateway.client(scheme=scheme), unique("secretive")
    s3.create_bucket(Bucket=bucket)
    names = ("put", "wrong", "upload", "copy", "large", "presigned")
    keys = {name: os.urandom(32) for name in names}

    s3.put_object(Bucket=bucket, Key="small", Body=b"small", **customer(keys["put"]))
    assert s3.get_object(Bucket=bucket, Key="small", **customer(keys["put"]))["Body"].read() == b"small"
    s3.head_object(Bucket=bucket, Key="small", **customer(keys["put"]))
    with pytest.raises(s3.exceptions.ClientError, match="403|AccessDenied|Forbidden"):
        s3.get_object(Bucket=bucket, Key="small", **customer(keys["wrong"]))

    large = noise(3 << 20)
    s3.put_object(Bucket=bucket, Key="large", Body=large, **customer(keys["large"]))
    got = s3.get_object(Bucket=bucket, Key="large", Range="bytes=70000-2000000", **customer(keys["large"]))
    assert got["Body"].read() == large[70000:2000001]

    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **customer(keys["upload"]))["UploadId"]
    parts = []
    for number in (1, 2):
        part = s3.upload_part(
            Bucket=bucket,
            Key="parts",
            UploadId=upload,
            PartNumber=number,
            Body=noise(PART, number),
            **customer(keys["upload"]),
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    copied = s3.upload_part_copy(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        PartNumber=3,
        CopySource=f"{bucket}/small",
        **customer(keys["upload"]),
        **customer_source(keys["put"]),
    )
    parts.append({"PartNumber": 3, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})

    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=f"{bucket}/small",
        **customer(keys["copy"]),
        **customer_source(keys["put"]),
    )
    assert s3.get_object(Bucket=bucket, Key="copy", **customer(keys["copy"]))["Body"].read() == b"small"

    headers = customer_headers(keys["presigned"])
    signed = raw.sign(
        gateway, "PUT", f"/{bucket}/presigned", headers=headers, body=b"by url", scheme=scheme, presign=300
    )
    assert raw.send(gateway, signed, scheme).status == 200

    assert_nowhere(gateway, tmp_path, bucket, **keys)


# --- key material and plaintexts of the KMS


def imported(gateway: Gateway, algorithm: str) -> tuple[str, bytes]:
    """A key whose material the test knows."""
    kms = gateway.client("kms", scheme="https")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    material = os.urandom(32)
    how = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    public = serialization.load_der_public_key(how["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    if algorithm == "RSAES_OAEP_SHA_256":
        wrapped = public.encrypt(material, oaep)
    else:
        kek = os.urandom(32)
        wrapped = public.encrypt(kek, oaep) + keywrap.aes_key_wrap_with_padding(kek, material)
    kms.import_key_material(
        KeyId=key,
        ImportToken=how["ImportToken"],
        EncryptedKeyMaterial=wrapped,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    return key, material


def use(gateway: Gateway, key: str, bucket: str) -> None:
    """Uses a key in each way, by the KMS and by S3."""
    kms, s3 = gateway.client("kms", scheme="https"), gateway.client()
    sealed = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"text"
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    s3.put_object(
        Bucket=bucket,
        Key="o",
        Body=b"body",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
        BucketKeyEnabled=True,
    )
    assert s3.get_object(Bucket=bucket, Key="o")["Body"].read() == b"body"


def test_key_material_is_in_memory_for_its_cache_time_and_no_longer(new_gateway, tmp_path: Path) -> None:
    long = new_gateway(arguments=("--key-cache-time", "1h"))
    short = new_gateway(env={"SEALGATE_KEY_CACHE_TIME": "1s"})
    for gateway in (long, short):
        gateway.client().create_bucket(Bucket="secretive")
    algorithms = ("RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256")

    keys = dict(imported(long, algorithm) for algorithm in algorithms)
    # Imported, and not used yet: nothing remains of how it came.
    assert_nowhere(long, tmp_path, "secretive", **dict(zip(algorithms, keys.values(), strict=True)))
    for key in keys:
        use(long, key, "secretive")
    memory = core(long, tmp_path)
    assert all(memory.forms(material) for material in keys.values()), "it is cached"

    keys = dict(imported(short, algorithm) for algorithm in algorithms)
    for key in keys:
        use(short, key, "secretive")
    for attempt in range(ATTEMPTS):
        memory = core(short, tmp_path)
        assert memory.has(b"secretive")
        left = {key: where for key, material in keys.items() if (where := memory.forms(material))}
        if not left:
            break
        told = "\n".join(memory.around(keys[key]) for key in left)
    else:
        pytest.fail(f"{left} after {attempt + 1} cores\n{told}")


def test_a_disabled_keys_material_is_nowhere_at_once(new_gateway, tmp_path: Path) -> None:
    gateway = new_gateway(arguments=("--key-cache-time", "1h"))
    gateway.client().create_bucket(Bucket="secretive")
    key, material = imported(gateway, "RSAES_OAEP_SHA_256")
    use(gateway, key, "secretive")
    gateway.client("kms", scheme="https").disable_key(KeyId=key)
    assert_nowhere(gateway, tmp_path, "secretive", material=material)


def test_plaintexts_that_the_kms_took_or_gave_are_nowhere(new_gateway, tmp_path: Path, scheme: str) -> None:
    gateway = new_gateway()
    kms = gateway.client("kms", scheme=scheme)
    key = gateway.key()
    secrets = {"encrypted": os.urandom(32)}
    sealed = kms.encrypt(KeyId=key, Plaintext=secrets["encrypted"])["CiphertextBlob"]
    moved = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=gateway.key("other"))["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved)["Plaintext"] == secrets["encrypted"]
    secrets["data_key"] = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    secrets["random"] = kms.generate_random(NumberOfBytes=32)["Plaintext"]
    pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")["PrivateKeyPlaintext"]
    scalar = serialization.load_der_private_key(pair, None).private_numbers().private_value
    secrets["private_key"] = scalar.to_bytes(32, "big")
    assert_nowhere(gateway, tmp_path, key, **secrets)
