"""The codes of an authenticator app: RFC 6238, so that tests do not lean on what they test."""

from __future__ import annotations

import base64
import hmac
import struct
import time

STEP = 30


def step_now() -> int:
    return int(time.time()) // STEP


def code(seed: bytes | str, step: int) -> str:
    digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def two_codes(seed: bytes | str) -> tuple[str, str]:
    """Codes in a row that are good now: the one before, and its own. The next stays unused for a sign-in."""
    step = step_now()
    return code(seed, step - 1), code(seed, step)
