"""The independent reader opens every good vector, and refuses every damaged one for its reason."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sealgate_reader import Refused, Suite, hkdf, open_blob, unwrap

HERE = Path(__file__).parent


def load(name: str) -> dict:
    return json.loads((HERE / "vectors" / name).read_text(encoding="utf-8"))


BLOBS = load("one-layer.json")["blobs"] + load("two-layers.json")["blobs"]
REFUSED = load("refused.json")["refused"]
WRAPS = load("wraps.json")
SEALED = {blob["name"]: base64.b64decode(blob["sealed"]) for blob in BLOBS}


def by_name(vector: dict) -> str:
    return vector["name"]


def data_keys(blob: dict) -> list[bytes]:
    return [bytes.fromhex(layer["data_key"]) for layer in blob["layers"]]


def body(seed: str, length: int) -> bytes:
    blocks = range(-(-length // 32))
    text = b"".join(
        hashlib.sha256(seed.encode() + block.to_bytes(8, "big")).digest() for block in blocks
    )
    return text[:length]


@pytest.mark.parametrize("blob", BLOBS, ids=by_name)
def test_blob_opens(blob: dict) -> None:
    sealed = SEALED[blob["name"]]
    expected = body(blob["body"]["seed"], blob["body"]["length"])
    assert hashlib.sha256(expected).hexdigest() == blob["body"]["sha256"]
    plain = b"".join(open_blob(io.BytesIO(sealed), data_keys(blob), blob["part"]))
    assert plain == expected
    suite = Suite(blob["suite"])
    assert suite.sealed_length(len(plain)) == len(sealed)
    assert hashlib.sha256(sealed[: suite.header]).hexdigest() == blob["header_hash"]


@pytest.mark.parametrize("blob", BLOBS, ids=by_name)
def test_ranges_open_from_their_bytes_alone(blob: dict) -> None:
    sealed, length, suite = SEALED[blob["name"]], blob["body"]["length"], Suite(blob["suite"])
    assert blob["ranges"]
    for wanted in blob["ranges"]:
        start, end = wanted["start"], wanted["end"]
        read = suite.sealed_range(length, start, end)
        assert read == (wanted["sealed_start"], wanted["sealed_end"])
        # What lies outside of header and range may be anything.
        alone = bytearray(len(sealed))
        for at in (slice(0, suite.header), slice(*read)):
            alone[at] = sealed[at]
        pieces = open_blob(io.BytesIO(alone), data_keys(blob), blob["part"], length, start, end)
        assert hashlib.sha256(b"".join(pieces)).hexdigest() == wanted["sha256"]


@pytest.mark.parametrize("blob", BLOBS, ids=by_name)
def test_derived_values_are_those_of_the_vector(blob: dict) -> None:
    infos = [b"sealgate v1 body", b"sealgate v1 body outer"]
    for layer, info in zip(blob["layers"], infos):
        part = blob["part"].to_bytes(4, "big")
        key, salt = bytes.fromhex(layer["data_key"]), bytes.fromhex(layer["salt"])
        okm = hkdf(key, salt, info + part, 64).hex()
        assert okm == layer["aead_key"] + layer["commitment"]


@pytest.mark.parametrize("vector", REFUSED, ids=by_name)
def test_damaged_blob_is_refused(vector: dict) -> None:
    blob = b"".join(
        bytes.fromhex(piece["hex"])
        if "hex" in piece
        else SEALED[piece["blob"]][piece["start"] : piece["end"]]
        for piece in vector["pieces"]
    )
    keys = [bytes.fromhex(key) for key in vector["data_keys"]]
    with pytest.raises(Refused) as refused:
        for _ in open_blob(io.BytesIO(blob), keys, vector["part"], vector["plain_length"]):
            pass
    assert refused.value.reason == vector["refusal"]
    assert refused.value.segment == vector.get("segment")


@pytest.mark.parametrize("vector", WRAPS["wraps"], ids=by_name)
def test_wrapped_secret_unwraps(vector: dict) -> None:
    key, aad, wrapped = (bytes.fromhex(vector[name]) for name in ("key", "aad", "wrapped"))
    assert unwrap(key, vector["purpose"], aad, wrapped).hex() == vector["secret"]


@pytest.mark.parametrize("vector", WRAPS["refused"], ids=by_name)
def test_damaged_wrapping_is_refused(vector: dict) -> None:
    key, aad, wrapped = (bytes.fromhex(vector[name]) for name in ("key", "aad", "wrapped"))
    with pytest.raises(Refused) as refused:
        unwrap(key, vector["purpose"], aad, wrapped)
    assert refused.value.reason == vector["refusal"]


def run(*arguments: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(HERE / "sealgate_reader.py"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_command_line_opens_a_range_of_a_blob() -> None:
    blob = next(blob for blob in BLOBS if blob["name"] == "two-layers/three-segments")
    inner, outer = (layer["data_key"] for layer in blob["layers"])
    keys = ["--key", inner, "--outer-key", outer]
    done = run("open", *keys, "--range", "65530:65540", "-", stdin=SEALED[blob["name"]])
    assert done.returncode == 0
    assert done.stdout == body(blob["name"], blob["body"]["length"])[65530:65540]


def test_command_line_says_why_it_refuses(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("00" * 32)
    sealed = SEALED["one-layer/one-byte"]
    done = run("open", "--key", f"@{tmp_path / 'key'}", "-", stdin=sealed)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"refused: WrongKey\n")


def test_command_line_unwraps() -> None:
    vector = WRAPS["wraps"][0]
    options = ["--key", vector["key"], "--purpose", vector["purpose"], "--aad", vector["aad"]]
    done = run("unwrap", *options, "-", stdin=bytes.fromhex(vector["wrapped"]))
    assert done.stdout.hex() == vector["secret"]
