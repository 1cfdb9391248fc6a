#!/usr/bin/env python3
"""An independent reader of Sealgate's sealed format, written from docs/format.md alone.

It shares no code with Sealgate and needs Python 3.10 and `cryptography`. It reads; it never writes
a sealed byte. Names are those of the specification.

    sealgate_reader.py open   --key HEX [--outer-key HEX] [--part N] [--range START:END] BLOB
    sealgate_reader.py unwrap --key HEX --purpose TEXT [--aad HEX] WRAPPED
    sealgate_reader.py info   BLOB

BLOB and WRAPPED are files, `-` is standard input; the result goes to standard output. Keys can be
given as `@FILE`, a file that holds the hex, so that they do not show in the list of processes.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"SEALGATE"
VERSION = 1
PREFIX = 12
SALT = 32
COMMITMENT = 32
SEGMENT = 65536
TAG = 16
MAX_PLAIN = 2**32 * SEGMENT
INFOS = (b"sealgate v1 body", b"sealgate v1 body outer")

WRAP_VERSION = 1
WRAP_INFO = b"sealgate v1 wrap "
WRAP_OVERHEAD = 1 + SALT + TAG


class Refused(Exception):
    """Why the bytes were refused; `reason` is a word of the specification."""

    def __init__(self, reason: str, segment: int | None = None) -> None:
        super().__init__(reason if segment is None else f"{reason}({segment})")
        self.reason = reason
        self.segment = segment


@dataclass(frozen=True)
class Suite:
    """The arithmetic of a suite; its number is its number of layers."""

    layers: int

    @property
    def overhead(self) -> int:
        return self.layers * TAG

    @property
    def header(self) -> int:
        return PREFIX + self.layers * (SALT + COMMITMENT)

    @property
    def sealed_segment(self) -> int:
        return SEGMENT + self.overhead

    def sealed_length(self, plain: int) -> int:
        return self.header + plain + segments(plain) * self.overhead

    def plain_length(self, sealed: int) -> int:
        body = sealed - self.header
        plain = body - -(-body // self.sealed_segment) * self.overhead
        if body < 0 or plain < 0 or self.sealed_length(plain) != sealed:
            raise Refused("BadLength")
        return plain

    def segments_of(self, plain: int, start: int, end: int) -> tuple[int, int]:
        """First and last segment (both included) of a range of the body."""
        first = min(start // SEGMENT, segments(plain) - 1)
        return first, (end - 1) // SEGMENT if end > start else first

    def sealed_range(self, plain: int, start: int, end: int) -> tuple[int, int]:
        """The bytes of the blob that hold a range of the body."""
        first, last = self.segments_of(plain, start, end)
        sealed_end = self.header + (last + 1) * self.sealed_segment
        return self.header + first * self.sealed_segment, min(sealed_end, self.sealed_length(plain))


def segments(plain: int) -> int:
    return max(1, -(-plain // SEGMENT))


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def open_header(blob: BinaryIO, keys: list[bytes], part: int) -> tuple[Suite, list[AESGCM], bytes]:
    """Checks the header; gives suite, ciphers (inner first) and the associated data."""
    prefix = blob.read(PREFIX)
    if prefix[:8] != MAGIC:
        raise Refused("NotSealed")
    if len(prefix) < PREFIX:
        raise Refused("Truncated")
    version, suite_number, reserved = prefix[8], prefix[9], prefix[10:]
    if version != VERSION or reserved != b"\0\0" or suite_number not in (1, 2):
        raise Refused("UnknownVersion")
    if suite_number != len(keys):
        raise Refused("WrongKey")
    suite = Suite(suite_number)
    layers = blob.read(suite.header - PREFIX)
    if len(layers) < suite.header - PREFIX:
        raise Refused("Truncated")
    ciphers = []
    for n, key in enumerate(keys):
        layer = layers[n * 64 : n * 64 + 64]
        okm = hkdf(key, layer[:SALT], INFOS[n] + part.to_bytes(4, "big"), 64)
        if not hmac.compare_digest(okm[32:], layer[SALT:]):
            raise Refused("WrongKey")
        ciphers.append(AESGCM(okm[:32]))
    return suite, ciphers, hashlib.sha256(prefix + layers).digest()


def open_blob(
    blob: BinaryIO,
    keys: list[bytes],
    part: int = 0,
    plain: int | None = None,
    start: int = 0,
    end: int | None = None,
) -> Iterator[bytes]:
    """The verified bytes `start` to `end` of the body in a seekable blob, by segments.

    `keys` are the data keys, inner layer first. `plain` is the length of the body as the index
    knows it; without it, it follows from the length of the blob.
    """
    blob.seek(0)
    suite, ciphers, aad = open_header(blob, keys, part)
    if plain is None:
        plain = suite.plain_length(blob.seek(0, os.SEEK_END))
    if end is None:
        end = plain
    if plain > MAX_PLAIN or not 0 <= start <= end <= plain:
        raise Refused("BadLength")
    first, last = suite.segments_of(plain, start, end)
    blob.seek(suite.sealed_range(plain, start, end)[0])
    for n in range(first, last + 1):
        at = n * SEGMENT
        wanted = min(SEGMENT, plain - at) + suite.overhead
        text = blob.read(wanted)
        if len(text) < wanted:
            raise Refused("Truncated")
        nonce = n.to_bytes(11, "big") + bytes([n == segments(plain) - 1])
        try:
            for cipher in reversed(ciphers):
                text = cipher.decrypt(nonce, text, aad)
        except InvalidTag:
            raise Refused("Damaged", n) from None
        yield text[max(0, start - at) : max(0, end - at)]


def unwrap(key: bytes, purpose: str, aad: bytes, wrapped: bytes) -> bytes:
    """The secret in a wrapping."""
    if not wrapped:
        raise Refused("Truncated")
    if wrapped[0] != WRAP_VERSION:
        raise Refused("UnknownVersion")
    if len(wrapped) < WRAP_OVERHEAD:
        raise Refused("Truncated")
    salt, text = wrapped[1 : 1 + SALT], wrapped[1 + SALT :]
    cipher = AESGCM(hkdf(key, salt, WRAP_INFO + purpose.encode(), 32))
    try:
        return cipher.decrypt(bytes(12), text, aad)
    except InvalidTag:
        raise Refused("WrongKey") from None


def key_argument(text: str) -> bytes:
    if text.startswith("@"):
        with open(text[1:], encoding="ascii") as file:
            text = file.read()
    key = bytes.fromhex(text)
    if len(key) != 32:
        raise argparse.ArgumentTypeError("a key has 32 bytes, as 64 hex digits")
    return key


def range_argument(text: str) -> tuple[int, int | None]:
    start, _, end = text.partition(":")
    return int(start or 0), int(end) if end else None


def read_argument(path: str) -> BinaryIO:
    # A blob is read out of order, which standard input does not allow.
    return io.BytesIO(sys.stdin.buffer.read()) if path == "-" else open(path, "rb")


def main() -> int:
    parser = argparse.ArgumentParser(description="Reads Sealgate's sealed format.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("open", help="write the body of a blob")
    command.add_argument("--key", type=key_argument, required=True, help="data key")
    command.add_argument("--outer-key", type=key_argument, help="data key of the outer layer")
    command.add_argument("--part", type=int, default=0)
    command.add_argument("--length", type=int, help="length of the body, if known")
    command.add_argument("--range", type=range_argument, default=(0, None), metavar="START:END")
    command.add_argument("blob")
    command = commands.add_parser("unwrap", help="write the secret in a wrapping")
    command.add_argument("--key", type=key_argument, required=True)
    command.add_argument("--purpose", required=True)
    command.add_argument("--aad", type=bytes.fromhex, default=b"")
    command.add_argument("wrapped")
    command = commands.add_parser("info", help="what a blob says of itself, without its key")
    command.add_argument("blob")
    args = parser.parse_args()

    try:
        if args.command == "open":
            keys = [args.key] if args.outer_key is None else [args.key, args.outer_key]
            with read_argument(args.blob) as blob:
                for text in open_blob(blob, keys, args.part, args.length, *args.range):
                    sys.stdout.buffer.write(text)
        elif args.command == "unwrap":
            with read_argument(args.wrapped) as wrapped:
                sys.stdout.buffer.write(unwrap(args.key, args.purpose, args.aad, wrapped.read()))
        else:
            with read_argument(args.blob) as blob:
                info(blob)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    return 0


def info(blob: BinaryIO) -> None:
    header = blob.read(PREFIX)
    if header[:8] != MAGIC:
        raise Refused("NotSealed")
    if len(header) < PREFIX:
        raise Refused("Truncated")
    if header[8] != VERSION or header[9] not in (1, 2) or header[10:] != b"\0\0":
        raise Refused("UnknownVersion")
    suite = Suite(header[9])
    plain = suite.plain_length(blob.seek(0, os.SEEK_END))
    print(f"version {VERSION}, layers {suite.layers}, body of {plain} bytes, {segments(plain)} segments")


if __name__ == "__main__":
    sys.exit(main())
