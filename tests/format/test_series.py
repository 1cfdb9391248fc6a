"""The independent reader reads the ring of figures, and passes over what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sealgate_reader import Refused, read_series

VECTOR = json.loads((Path(__file__).parent / "vectors/series.json").read_text(encoding="utf-8"))
SLOT = bytes.fromhex(VECTOR["slot"])
SAMPLE = (VECTOR["time"], VECTOR["millis"], tuple(VECTOR["columns"]))


def ring(slots: dict[int, bytes]) -> bytes:
    content = bytearray(256 * (1 + 1440 + 2016))
    content[:18] = b"sealgate series 1\n"
    for place, slot in slots.items():
        content[256 * place : 256 * place + len(slot)] = slot
    return bytes(content)


def test_a_sample_is_read_where_its_time_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "series"
    fine, coarse = 1 + VECTOR["time"] // 15 % 1440, 1441 + VECTOR["time"] // 300 % 2016
    path.write_bytes(ring({fine: SLOT, coarse: SLOT, fine + 1: SLOT}))
    assert read_series(path) == {15: [SAMPLE], 300: [SAMPLE]}


@pytest.mark.parametrize("damaged", [0, 8, 100, 240, 255])
def test_a_slot_that_was_torn_is_empty(tmp_path: Path, damaged: int) -> None:
    path = tmp_path / "series"
    slot = bytearray(SLOT)
    slot[damaged] ^= 1
    path.write_bytes(ring({1 + VECTOR["time"] // 15 % 1440: bytes(slot)}))
    assert read_series(path) == {15: [], 300: []}
    path.write_bytes(ring({})[:-1])
    with pytest.raises(Refused, match="NoSeries"):
        read_series(path)
