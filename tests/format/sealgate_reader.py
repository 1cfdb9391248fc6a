#!/usr/bin/env python3
"""An independent reader of Sealgate's sealed format, written from docs/format.md alone.

It shares no code with Sealgate and needs Python 3.10 and `cryptography`; for a data folder, also an
SQLCipher binding (`sqlcipher3`, from `sqlcipher3-wheels`). It reads; it never writes a sealed byte.
Names are those of the specification.

    sealgate_reader.py open   --key HEX [--outer-key HEX] [--part N] [--range START:END] BLOB
    sealgate_reader.py unwrap --key HEX --purpose TEXT [--aad HEX] WRAPPED
    sealgate_reader.py info   BLOB
    sealgate_reader.py folder [--root-key FILE] [--blobs DIR] [--class NAME=DIR] DATA
    sealgate_reader.py folder [--root-key FILE] [--blobs DIR] [--class NAME=DIR] [--customer-key HEX] DATA BUCKET/KEY

BLOB and WRAPPED are files, `-` is standard input; the result goes to standard output. Keys can be
given as `@FILE`, a file that holds the hex, so that they do not show in the list of processes.
`folder` lists the objects of a data folder, or writes the body of one. It works on a copy of the
index, so that the folder stays as it is; stop the gateway first.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import io
import json
import os
import shutil
import struct
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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

ROOT_HEADER = "sealgate root key v1"
ROOT_INFO = b"sealgate v1 root "
INDEX_APPLICATION = 0x53474958
# What this reader reads is the same in both.
INDEX_FORMATS = (1, 2, 3, 4)
PLAIN_SQLITE = b"SQLite format 3\0"
KMS_HEADER = 1 + 8 + 16 + 4


class Refused(Exception):
    """Why the bytes were refused; `reason` is a word of the specification, or a sentence where it
    is about a data folder."""

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
    header_hash: bytes | None = None,
) -> Iterator[bytes]:
    """The verified bytes `start` to `end` of the body in a seekable blob, by segments.

    `keys` are the data keys, inner layer first. `plain` is the length of the body as the index
    knows it; without it, it follows from the length of the blob. `header_hash` says which blob this
    must be, where the index knows that.
    """
    blob.seek(0)
    if header_hash is not None:
        header = blob.read(Suite(len(keys)).header)
        if len(header) < Suite(len(keys)).header:
            raise Refused("Truncated")
        if hashlib.sha256(header).digest() != header_hash:
            raise Refused("WrongBlob")
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


def root_key(path: Path) -> bytes:
    lines = path.read_text(encoding="ascii").splitlines()
    if len(lines) != 2 or lines[0] != ROOT_HEADER or len(lines[1]) != 64:
        raise Refused(f"{path} is not a root key file")
    return bytes.fromhex(lines[1])


def canonical(context: dict[str, str]) -> bytes:
    """The bytes of an encryption context that are authenticated."""

    def counted(text: bytes) -> bytes:
        return len(text).to_bytes(4, "big") + text

    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    return len(pairs).to_bytes(4, "big") + b"".join(counted(k) + counted(v) for k, v in pairs)


@dataclass(frozen=True)
class Object:
    """An object as the index has it."""

    account: str
    bucket: str
    key: str
    seq: int
    size: int
    etag: str
    envelope: dict[str, Any]
    meta: dict[str, Any]

    @property
    def place(self) -> bytes:
        return f"{self.account}/{self.bucket}/{self.key}".encode()


class Folder:
    """A data folder, opened with its root key."""

    def __init__(
        self, index: Any, root: bytes, blobs: Path, classes: dict[str, Path] | None = None
    ) -> None:
        self.index = index
        self.root = root
        self.blobs = blobs
        # The stores of other storage classes.
        self.classes = classes or {}

    @classmethod
    @contextmanager
    def open(
        cls,
        data: Path,
        root_file: Path | None = None,
        blobs: Path | None = None,
        classes: dict[str, Path] | None = None,
    ) -> Iterator[Folder]:
        # For reading blobs nobody needs an SQLCipher binding.
        import sqlcipher3

        root = root_key(root_file or data / "root.key")
        with tempfile.TemporaryDirectory() as copy:
            for name in ("index.db", "index.db-wal"):
                if (data / name).exists():
                    shutil.copyfile(data / name, Path(copy) / name)
            path = Path(copy) / "index.db"
            with path.open("rb") as file:
                encrypted = file.read(len(PLAIN_SQLITE)) != PLAIN_SQLITE
            index = sqlcipher3.connect(str(path))
            try:
                if encrypted:
                    key = hkdf(root, b"", ROOT_INFO + b"index", 32).hex()
                    index.execute(f"PRAGMA key = \"x'{key}'\"")
                    index.execute("PRAGMA cipher_page_size = 4096")
                    index.execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
                try:
                    ((application,),) = index.execute("PRAGMA application_id")
                    ((version,),) = index.execute("PRAGMA user_version")
                except sqlcipher3.DatabaseError:
                    raise Refused("the index does not open under this root key") from None
                if application != INDEX_APPLICATION:
                    raise Refused("not an index of Sealgate")
                if version not in INDEX_FORMATS:
                    raise Refused(f"an index of format {version}, not one of {INDEX_FORMATS}")
                yield cls(index, root, blobs or data / "blobs", classes)
            finally:
                index.close()

    def derived(self, purpose: str) -> bytes:
        """The key for one purpose under the root key."""
        return hkdf(self.root, b"", ROOT_INFO + purpose.encode(), 32)

    def record(self, namespace: str, name: str) -> dict[str, Any]:
        rows = self.index.execute(
            "SELECT body FROM records WHERE ns = ? AND id = ?", (namespace, name)
        ).fetchall()
        if not rows:
            raise Refused(f"there is no {namespace} {name}")
        return json.loads(rows[0][0])

    def objects(self) -> Iterator[Object]:
        """The current objects, by bucket and key."""
        rows = self.index.execute(
            "SELECT b.account_id, b.name, v.key, v.seq, v.size, v.etag, v.envelope, v.meta"
            " FROM current c JOIN versions v ON v.seq = c.seq JOIN buckets b ON b.id = c.bucket_id"
            " ORDER BY b.name, c.key"
        )
        for account, bucket, key, seq, size, etag, envelope, meta in rows:
            yield Object(
                account,
                bucket,
                bytes(key).decode(),
                seq,
                size,
                etag,
                json.loads(envelope),
                json.loads(meta),
            )

    def find(self, bucket: str, key: str) -> Object:
        for found in self.objects():
            if (found.bucket, found.key) == (bucket, key):
                return found
        raise Refused(f"there is no object {bucket}/{key}")

    def platform_unwrap(self, purpose: str, aad: bytes, wrapped: bytes) -> bytes:
        header, rest = wrapped[:5], wrapped[5:]
        if header[:1] != b"\1" or len(header) < 5:
            raise Refused("UnknownVersion")
        version = int.from_bytes(header[1:], "big")
        record = self.record("kms/platform", f"{version:010}")
        key = unwrap(
            self.derived("platform keys"),
            "platform key",
            version.to_bytes(4, "big"),
            base64.b64decode(record["wrapped"]),
        )
        return unwrap(key, purpose, header + aad, rest)

    def kms_decrypt(self, ciphertext: bytes, context: dict[str, str]) -> bytes:
        header, rest = ciphertext[:KMS_HEADER], ciphertext[KMS_HEADER:]
        if header[:1] != b"\1" or len(header) < KMS_HEADER:
            raise Refused("UnknownVersion")
        account = int.from_bytes(header[1:9], "big")
        key_id = uuid.UUID(bytes=header[9:25])
        version = int.from_bytes(header[25:], "big")
        record = self.record("kms/key", f"{account:012}/{key_id}")
        (sealed,) = [m["wrapped"] for m in record["material"] if m["version"] == version]
        material = unwrap(
            self.derived("kms key material"),
            "kms key material",
            header[1:],
            base64.b64decode(sealed),
        )
        return unwrap(material, "kms ciphertext", header + canonical(context), rest)

    def data_keys(self, of: Object, customer_key: bytes | None = None) -> list[bytes]:
        """The data keys of an object, inner layer first."""
        envelope = of.envelope
        raw = {
            name: base64.b64decode(envelope[name])
            for name in ("dek", "kek", "outer", "salt", "check")
            if name in envelope
        }
        mode = envelope["mode"]
        if mode == "AES256":
            return [self.platform_unwrap("sse-s3 dek", of.place, raw["dek"])]
        if mode == "SSE-C":
            if customer_key is None:
                raise Refused("the object needs its customer's key")
            where, place = f"{of.account}/{of.bucket}".encode(), of.place
            if origin := envelope.get("origin"):
                # A replica: wrapped for the place of its original, for which the gateway vouches.
                where = f"{origin['account']}/{origin['bucket']}".encode()
                place = where + f"/{origin['key']}".encode()
                seal = base64.b64decode(origin["seal"])
                if self.platform_unwrap("sse-c origin", of.place, seal) != place:
                    raise Refused("the origin of the replica is not what the gateway said")
            check = hkdf(customer_key, raw["salt"], b"sealgate v1 sse-c check" + where, 32)
            if not hmac.compare_digest(check, raw["check"]):
                raise Refused("WrongKey")
            kek = hkdf(customer_key, raw["salt"], b"sealgate v1 sse-c" + where, 32)
            return [unwrap(kek, "sse-c dek", place, raw["dek"])]
        if mode not in ("aws:kms", "aws:kms:dsse"):
            raise Refused(f"an unknown mode, {mode}")
        arn = f"arn:aws:s3:::{of.bucket}"
        if not envelope.get("bucket_key", False):
            arn += f"/{of.key}"
        context = {**envelope.get("context", {}), "aws:s3:arn": arn}
        kek = self.kms_decrypt(raw["kek"], context)
        keys = [unwrap(kek, "sse-kms dek", of.place, raw["dek"])]
        if mode == "aws:kms:dsse":
            keys.append(self.platform_unwrap("dsse outer dek", of.place, raw["outer"]))
        return keys

    def body(self, of: Object, customer_key: bytes | None = None) -> Iterator[bytes]:
        """The verified body of an object."""
        keys = self.data_keys(of, customer_key)
        ((inline,),) = self.index.execute("SELECT inline FROM versions WHERE seq = ?", (of.seq,))
        if inline is not None:
            yield from open_blob(io.BytesIO(inline), keys, 1, of.size)
            return
        parts = self.index.execute(
            "SELECT number, size, blob, header_hash FROM parts WHERE seq = ? ORDER BY number",
            (of.seq,),
        )
        for number, size, name, header_hash in parts:
            with self.blob(name).open("rb") as blob:
                yield from open_blob(blob, keys, number, size, header_hash=header_hash)

    def blob(self, name: str) -> Path:
        """Where a blob lies. `CLASS/NAME` is one of another storage class."""
        storage_class, _, name = name.rpartition("/")
        store = self.classes.get(storage_class) if storage_class else self.blobs
        if store is None:
            raise Refused(f"the store of the storage class {storage_class} is not known: --class {storage_class}=DIR")
        return store / name[:2] / name[2:4] / name


def crc64_nvme(data: bytes) -> int:
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return crc ^ (1 << 64) - 1


def read_series(path: Path) -> dict[int, list[tuple[int, int, tuple[int, ...]]]]:
    """The samples of the ring of figures by the seconds of each: time, milliseconds, columns; the oldest first."""
    content = path.read_bytes()
    if len(content) != 256 * (1 + 1440 + 2016) or content[:18] != b"sealgate series 1\n":
        raise Refused("NoSeries", "it is no ring of figures")
    samples: dict[int, list[tuple[int, int, tuple[int, ...]]]] = {15: [], 300: []}
    for place in range(1, len(content) // 256):
        slot = content[256 * place :][:256]
        # Most slots of a young ring are empty.
        if not any(slot) or crc64_nvme(slot[:248]) != int.from_bytes(slot[248:], "little"):
            continue
        time, millis, *columns = struct.unpack_from("<QI28Q", slot)
        step, first, slots = (15, 1, 1440) if place <= 1440 else (300, 1441, 2016)
        if time % step == 0 and first + time // step % slots == place and millis:
            samples[step].append((time, millis, tuple(columns)))
    return {step: sorted(found) for step, found in samples.items()}


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


def class_argument(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError("a storage class and its folder, as NAME=DIR")
    return name, Path(folder)


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
    command = commands.add_parser("folder", help="list a data folder, or write an object of it")
    command.add_argument("--root-key", type=Path, help="default: root.key in the folder")
    command.add_argument("--blobs", type=Path, help="default: blobs in the folder")
    command.add_argument(
        "--class",
        dest="classes",
        type=class_argument,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="where the bodies of a storage class are",
    )
    command.add_argument("--customer-key", type=key_argument, help="for an object under SSE-C")
    command.add_argument("data", type=Path)
    command.add_argument("object", nargs="?", metavar="BUCKET/KEY")
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
        elif args.command == "folder":
            folder(args)
        else:
            with read_argument(args.blob) as blob:
                info(blob)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    return 0


def folder(args: argparse.Namespace) -> None:
    with Folder.open(args.data, args.root_key, args.blobs, dict(args.classes)) as opened:
        if args.object is None:
            for found in opened.objects():
                mode = found.envelope["mode"]
                print(f"{found.size:>15} {mode:<12} {found.bucket}/{found.key}")
            return
        bucket, _, key = args.object.partition("/")
        for text in opened.body(opened.find(bucket, key), args.customer_key):
            sys.stdout.buffer.write(text)


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
