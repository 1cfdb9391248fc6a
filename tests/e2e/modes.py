"""The encryption modes, as the arguments that boto3 takes and the answers it gives."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from gateway import Gateway

CUSTOMER_KEY = bytes(range(100, 132))
OTHER_CUSTOMER_KEY = bytes(range(32))


def customer(key: bytes = CUSTOMER_KEY) -> dict[str, str]:
    """SSE-C arguments; boto3 itself encodes the key and adds its MD5."""
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def customer_source(key: bytes = CUSTOMER_KEY) -> dict[str, str]:
    return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}


def customer_headers(key: bytes = CUSTOMER_KEY, prefix: str = "x-amz-") -> dict[str, str]:
    """SSE-C headers of a raw request."""
    name = f"{prefix}server-side-encryption-customer-"
    return {
        name + "algorithm": "AES256",
        name + "key": base64.b64encode(key).decode(),
        name + "key-md5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


@dataclass(frozen=True)
class Mode:
    """A way to be encrypted."""

    name: str
    write: Callable[[Gateway], dict]
    answer: Callable[[Gateway], dict]
    customer: bool = False
    md5_etag: bool = False

    def read(self) -> dict:
        return customer() if self.customer else {}

    def read_source(self) -> dict:
        return customer_source() if self.customer else {}

    def check(self, gateway: Gateway, response: dict) -> None:
        """The answer says how the object is encrypted, and nothing else."""
        names = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "SSECustomerAlgorithm", "SSECustomerKeyMD5")
        found = {name: response[name] for name in names if name in response}
        expected = self.answer(gateway)
        if expected.get("SSEKMSKeyId") == "aws/s3":
            expected = expected | {"SSEKMSKeyId": managed_key(gateway)}
        assert found == expected, self.name


def managed_key(gateway: Gateway) -> str:
    aliases = gateway.client("kms", scheme="https").list_aliases()["Aliases"]
    key = next(alias["TargetKeyId"] for alias in aliases if alias["AliasName"] == "alias/aws/s3")
    return f"arn:aws:kms:us-east-1:111111111111:key/{key}"


SSE_S3 = Mode(
    "SSE-S3", lambda g: {"ServerSideEncryption": "AES256"}, lambda g: {"ServerSideEncryption": "AES256"}, md5_etag=True
)
DEFAULT = Mode("default", lambda g: {}, lambda g: {"ServerSideEncryption": "AES256"}, md5_etag=True)
KMS_DEFAULT = Mode(
    "SSE-KMS default key",
    lambda g: {"ServerSideEncryption": "aws:kms"},
    lambda g: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "aws/s3"},
)
KMS_OWN = Mode(
    "SSE-KMS own key",
    lambda g: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": g.key()},
    lambda g: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": g.key()},
)
KMS_BUCKET_KEY = Mode(
    "SSE-KMS Bucket Key",
    lambda g: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": g.key().split("/")[1], "BucketKeyEnabled": True},
    lambda g: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": g.key(), "BucketKeyEnabled": True},
)
DSSE = Mode(
    "DSSE-KMS",
    lambda g: {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": g.key()},
    lambda g: {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": g.key()},
)
SSE_C = Mode(
    "SSE-C",
    lambda g: customer(),
    lambda g: {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(CUSTOMER_KEY).digest()).decode(),
    },
    customer=True,
)
MODES = (SSE_S3, KMS_DEFAULT, KMS_OWN, KMS_BUCKET_KEY, DSSE, SSE_C)
