"""The root of trust on a token and in another KMS: SSE and KMS work, and stop and start with their root."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError
from conftest import noise, unique
from gateway import ROOT_USER, StartRefused
from tokens import Token

FAST = 'root_check_interval = "200ms"\nroot_grace = "1s"\n'


def eventually(check, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fails(code: str, call, **arguments) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return True
    return False


def use(gateway, bucket: str) -> None:
    """Writes and reads in every mode that needs a key of the gateway, and uses the KMS."""
    s3, kms, key = gateway.client(), gateway.client("kms", scheme="https"), gateway.key()
    modes = ({}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}, {"ServerSideEncryption": "aws:kms:dsse"})
    for number, mode in enumerate(modes):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=noise(70_000, number), **mode)
        assert s3.get_object(Bucket=bucket, Key=f"{number}")["Body"].read() == noise(70_000, number)
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_a_token_holds_the_root_and_is_pulled_and_put_back(new_gateway, workshop) -> None:
    token = Token(workshop / unique("token"))
    gateway = new_gateway(config=FAST, env=token.env, arguments=token.arguments)
    gateway.client().create_bucket(Bucket="token")
    use(gateway, "token")
    assert not (gateway.data / "root.key").exists()
    gateway.restart()
    use(gateway, "token")
    s3, kms, key = gateway.client(), gateway.client("kms", scheme="https"), gateway.key()

    token.pull()
    eventually(lambda: fails("ServiceUnavailable", s3.get_object, Bucket="token", Key="0"))
    assert fails("ServiceUnavailable", s3.put_object, Bucket="token", Key="new", Body=b"x")
    assert fails("KeyUnavailableException", kms.encrypt, KeyId=key, Plaintext=b"x")
    assert "the root of trust is lost" in gateway.log()
    token.put_back()
    eventually(lambda: not fails("ServiceUnavailable", s3.get_object, Bucket="token", Key="0"))
    use(gateway, "token")

    # Not there at the start: a sentence, and nothing is overwritten.
    gateway.stop()
    sealed = (gateway.data / "root.sealed").read_bytes()
    token.pull()
    with pytest.raises(StartRefused) as error:
        gateway.start()
    assert "token" in error.value.sentence and "sealgate" in error.value.sentence
    assert (gateway.data / "root.sealed").read_bytes() == sealed
    token.put_back()
    gateway.start()
    use(gateway, "token")


def test_another_kms_holds_the_root(new_gateway) -> None:
    other = new_gateway()
    key = other.key("root")
    root = f"kms:{key}?endpoint={other.https}&ca-file={other.ca}"
    env = {"SEALGATE_ROOT_ACCESS_KEY_ID": ROOT_USER.access_key, "SEALGATE_ROOT_SECRET_ACCESS_KEY": ROOT_USER.secret_key}
    gateway = new_gateway(config=FAST, env=env, arguments=("--root", root))
    gateway.client().create_bucket(Bucket="other-kms")
    use(gateway, "other-kms")
    kms = other.client("kms", scheme="https")
    kms.disable_key(KeyId=key)
    s3 = gateway.client()
    eventually(lambda: fails("ServiceUnavailable", s3.get_object, Bucket="other-kms", Key="0"))
    kms.enable_key(KeyId=key)
    eventually(lambda: not fails("ServiceUnavailable", s3.get_object, Bucket="other-kms", Key="0"))
    use(gateway, "other-kms")
