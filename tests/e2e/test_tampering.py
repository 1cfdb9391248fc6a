"""A damaged store: nothing false is ever handed out, and it is known which blob it was."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import noise
from gateway import Gateway, StartRefused
from modes import DSSE, KMS_OWN, MODES, SSE_C, SSE_S3, Mode, customer_headers
from raw import Answer, BrokenTransfer, Connection, request, sign

SEGMENT = 65536
SIZE = 3 * SEGMENT + 1000
DATA = noise(SIZE, "victim")


class Victim:
    """A gateway with an object whose blob is known, and a good neighbour."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.s3 = gateway.client()
        self.s3.create_bucket(Bucket="victim")
        self.s3.put_object(Bucket="victim", Key="neighbour", Body=noise(SIZE, "neighbour"))

    def put(self, key: str, data: bytes, mode: Mode) -> Path:
        before = set(self.gateway.blobs())
        self.s3.put_object(Bucket="victim", Key=key, Body=data, **mode.write(self.gateway))
        (blob,) = set(self.gateway.blobs()) - before
        return blob

    def read(self, key: str, mode: Mode, span: tuple[int, int] | None = None) -> Answer | BrokenTransfer:
        headers = customer_headers() if mode.customer else {}
        if span:
            headers["range"] = "bytes=%d-%d" % span
        signed = sign(self.gateway, "GET", f"/victim/{key}", headers=headers)
        with Connection(self.gateway) as connection:
            connection.send_head(signed)
            try:
                return connection.answer("GET")
            except (BrokenTransfer, ConnectionResetError) as error:
                return error if isinstance(error, BrokenTransfer) else BrokenTransfer(b"")

    def fails(self, key: str, mode: Mode, data: bytes, blob: Path | None, what: object) -> None:
        failures = self.gateway.metric("sealgate_integrity_failures_total")
        logged = len(self.gateway.log())
        outcome = self.read(key, mode)
        if isinstance(outcome, BrokenTransfer):
            got = outcome.got
            # The end of the headers may still stand before it.
            assert data.startswith(got), f"{what}: wrong bytes were handed out"
            assert len(got) < len(data), f"{what}: the whole body came"
        else:
            assert outcome.status == 500 and outcome.code == "InternalError", (
                f"{what}: {outcome.status} {outcome.body[:300]!r}"
            )
            assert data[:64] not in outcome.body
        assert self.gateway.metric("sealgate_integrity_failures_total") == failures + 1, f"{what}: not counted"
        if blob:
            name = blob.name
            assert name in self.gateway.log()[logged:].replace("/", ""), f"{what}: the log does not name the blob"
        head = self.s3.head_object(Bucket="victim", Key=key, **mode.read())
        assert head["ContentLength"] == len(data)

    def holds(self, key: str, mode: Mode, data: bytes) -> None:
        assert self.s3.get_object(Bucket="victim", Key=key, **mode.read())["Body"].read() == data

    def neighbour_is_fine(self) -> None:
        assert self.s3.head_object(Bucket="victim", Key="neighbour")["ContentLength"] == SIZE
        self.holds("neighbour", SSE_S3, noise(SIZE, "neighbour"))


@pytest.fixture(scope="module")
def victim(new_gateway) -> Victim:
    return Victim(new_gateway())


def overwrite(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)


@pytest.mark.parametrize("mode", (SSE_S3, KMS_OWN, DSSE, SSE_C), ids=lambda mode: mode.name.replace(" ", "-"))
def test_a_flipped_bit_is_found_wherever_it_is(victim: Victim, mode: Mode) -> None:
    key, rng = f"bits-{mode.name.replace(' ', '-')}", random.Random(7)
    blob = victim.put(key, DATA, mode)
    whole = blob.read_bytes()
    header = 140 if mode is DSSE else 76
    segment = SEGMENT + (32 if mode is DSSE else 16)
    places = list(range(0, header, 5)) + [9, 10, 11]
    for number in range(4):
        start = header + number * segment
        end = min(start + segment, len(whole))
        places += [start, end - 1, end - 16, rng.randrange(start, end)]
    for at in places:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << rng.randrange(8)
        overwrite(blob, bytes(spoilt))
        victim.fails(key, mode, DATA, blob, f"bit in byte {at}")
    overwrite(blob, whole)
    victim.holds(key, mode, DATA)
    victim.neighbour_is_fine()


@pytest.mark.parametrize("mode", (SSE_S3, DSSE), ids=lambda mode: mode.name)
def test_segments_cannot_be_moved_removed_or_added(victim: Victim, mode: Mode) -> None:
    key = f"segments-{mode.name}"
    blob = victim.put(key, DATA, mode)
    whole = blob.read_bytes()
    header = 140 if mode is DSSE else 76
    segment = SEGMENT + (32 if mode is DSSE else 16)
    head = whole[:header]
    parts = [whole[header + i * segment : header + (i + 1) * segment] for i in range(4)]
    assert b"".join([head, *parts]) == whole
    spoilt = {
        "first two swapped": head + parts[1] + parts[0] + parts[2] + parts[3],
        "first removed": head + b"".join(parts[1:]),
        "middle removed": head + parts[0] + parts[2] + parts[3],
        "last removed": head + b"".join(parts[:3]),
        "all removed": head,
        "header removed": b"".join(parts),
        "last repeated": whole + parts[3],
        "one repeated": head + parts[0] + parts[0] + parts[2] + parts[3],
        "one appended": whole + parts[0],
        "a byte appended": whole + b"\0",
        "a byte removed": whole[:-1],
        "empty": b"",
        "half a header": whole[:40],
    }
    for what, content in spoilt.items():
        overwrite(blob, content)
        victim.fails(key, mode, DATA, blob, what)
    overwrite(blob, whole)
    victim.holds(key, mode, DATA)


def test_blobs_of_two_objects_cannot_be_exchanged(victim: Victim) -> None:
    blobs, contents = {}, {}
    for mode in MODES:
        for name in ("a", "b"):
            key = f"swap-{mode.name.replace(' ', '-')}-{name}"
            blobs[key] = (victim.put(key, noise(SIZE, name), mode), mode, noise(SIZE, name))
            contents[key] = blobs[key][0].read_bytes()
    keys = list(blobs)
    for one, other in zip(keys, keys[1:] + keys[:1]):
        blob, mode, data = blobs[one]
        overwrite(blob, contents[other])
        victim.fails(one, mode, data, blob, f"{other} in the place of {one}")
        overwrite(blob, contents[one])
        victim.holds(one, mode, data)


def test_an_earlier_body_cannot_be_put_back(victim: Victim) -> None:
    old = victim.put("replay", noise(SIZE, "old"), SSE_S3).read_bytes()
    blob = victim.put("replay", noise(SIZE, "new"), SSE_S3)
    overwrite(blob, old)
    victim.fails("replay", SSE_S3, noise(SIZE, "new"), blob, "the earlier body")


def test_parts_cannot_be_exchanged(victim: Victim) -> None:
    five = 5 * 1024 * 1024
    before = set(victim.gateway.blobs())
    upload = victim.s3.create_multipart_upload(Bucket="victim", Key="parts")["UploadId"]
    parts, paths = [], []
    for number in (1, 2):
        answer = victim.s3.upload_part(
            Bucket="victim", Key="parts", UploadId=upload, PartNumber=number, Body=noise(five, number)
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        (path,) = set(victim.gateway.blobs()) - before
        before.add(path)
        paths.append(path)
    victim.s3.complete_multipart_upload(Bucket="victim", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    one, two = (path.read_bytes() for path in paths)
    assert len(one) == len(two)
    overwrite(paths[0], two)
    overwrite(paths[1], one)
    data = noise(five, 1) + noise(five, 2)
    victim.fails("parts", SSE_S3, data, paths[0], "parts exchanged")


def test_an_earlier_upload_of_a_part_cannot_be_put_back(victim: Victim) -> None:
    five = 5 * 1024 * 1024
    key, last = "part-again", noise(1000, "last")
    for mode in (SSE_S3, DSSE):
        where = {"Bucket": "victim", "Key": key}
        upload = victim.s3.create_multipart_upload(**where, **mode.write(victim.gateway))["UploadId"]

        def send(number: int, body: bytes) -> tuple[str, Path]:
            before = set(victim.gateway.blobs())
            answer = victim.s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)
            (path,) = set(victim.gateway.blobs()) - before
            return answer["ETag"], path

        earlier, later = noise(five, "earlier"), noise(five, "later")
        _, path = send(1, earlier)
        kept = path.read_bytes()
        etag, path = send(1, later)
        end, _ = send(2, last)
        parts = [{"PartNumber": 1, "ETag": etag}, {"PartNumber": 2, "ETag": end}]
        victim.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
        victim.holds(key, mode, later + last)
        # A copy shares the blob, and what is known of it.
        victim.s3.copy_object(Bucket="victim", Key="part-again-copy", CopySource=where, **mode.write(victim.gateway))
        right = path.read_bytes()
        assert len(kept) == len(right)
        # The same key, part and length: nothing but the hash in the index tells them apart.
        overwrite(path, kept)
        victim.fails(key, mode, later + last, path, "the earlier upload of the part")
        for span in ((0, 99), (SEGMENT + 5, SEGMENT + 50), (five - 10, five + 10)):
            answer = victim.read(key, mode, span)
            assert isinstance(answer, Answer) and answer.status == 500, span
        rest = victim.read(key, mode, (five, five + 999))
        assert isinstance(rest, Answer) and rest.body == last
        victim.fails("part-again-copy", mode, later + last, path, "the earlier upload of the part, copied")
        overwrite(path, right)
        victim.holds(key, mode, later + last)
        victim.holds("part-again-copy", mode, later + last)


def test_a_blob_that_is_gone_is_an_error_and_not_an_empty_object(victim: Victim) -> None:
    blob = victim.put("gone", DATA, SSE_S3)
    blob.unlink()
    victim.fails("gone", SSE_S3, DATA, blob, "deleted blob")
    # It can be deleted and written anew.
    victim.s3.put_object(Bucket="victim", Key="gone", Body=b"anew")
    victim.holds("gone", SSE_S3, b"anew")
    victim.neighbour_is_fine()


def test_ranges_beside_the_damage_hold(victim: Victim) -> None:
    blob = victim.put("ranges", DATA, SSE_S3)
    spoilt = bytearray(blob.read_bytes())
    spoilt[76 + SEGMENT + 16 + 100] ^= 1
    overwrite(blob, bytes(spoilt))
    fine = victim.read("ranges", SSE_S3, (0, 999))
    assert isinstance(fine, Answer) and (fine.status, fine.body) == (206, DATA[:1000])
    fine = victim.read("ranges", SSE_S3, (2 * SEGMENT, SIZE - 1))
    assert isinstance(fine, Answer) and fine.body == DATA[2 * SEGMENT :]
    bad = victim.read("ranges", SSE_S3, (SEGMENT - 10, SEGMENT + 10))
    assert isinstance(bad, BrokenTransfer) or bad.status == 500
    # A copy that has to read it fails as well, and leaves nothing.
    with pytest.raises(ClientError):
        upload = victim.s3.create_multipart_upload(Bucket="victim", Key="copied")["UploadId"]
        victim.s3.upload_part_copy(
            Bucket="victim",
            Key="copied",
            UploadId=upload,
            PartNumber=1,
            CopySource={"Bucket": "victim", "Key": "ranges"},
        )


def test_a_damaged_index_is_refused(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="bucket")
    for number in range(50):
        s3.put_object(Bucket="bucket", Key=f"k{number}", Body=noise(10_000, number))
    s3.put_object(Bucket="bucket", Key="large", Body=noise(100_000))
    blobs = len(gateway.blobs())
    gateway.stop()
    index = gateway.data / "index.db"
    whole = index.read_bytes()
    for what, content in (
        ("truncated", whole[: len(whole) // 2]),
        ("empty", b""),
        ("first page damaged", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]),
        ("other bytes", noise(len(whole))),
        ("a plain database", b"SQLite format 3\0" + bytes(4080)),
    ):
        overwrite(index, content)
        try:
            gateway.start()
        except StartRefused as refused:
            assert refused.status != 0
            assert re.search("index", refused.sentence), (what, refused.sentence)
            assert "panic" not in refused.output
            continue
        pytest.fail(f"started with an index that is {what}, and has {len(gateway.blobs())} of {blobs} blobs left")
    overwrite(index, whole)
    gateway.start()
    assert gateway.client().get_object(Bucket="bucket", Key="k7")["Body"].read() == noise(10_000, 7)
    assert gateway.client().get_object(Bucket="bucket", Key="large")["Body"].read() == noise(100_000)


def test_a_bit_in_a_page_of_the_index_never_gives_wrong_bytes(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="bucket")
    keys = [f"k{number}" for number in range(60)]
    for key in keys:
        s3.put_object(Bucket="bucket", Key=key, Body=noise(12_000, key))
    gateway.stop()
    index, rng = gateway.data / "index.db", random.Random(5)
    whole = index.read_bytes()
    for _ in range(4):
        spoilt = bytearray(whole)
        spoilt[rng.randrange(4096, len(whole))] ^= 0x10
        overwrite(index, bytes(spoilt))
        try:
            gateway.start()
        except StartRefused as refused:
            assert refused.status != 0 and refused.sentence
            continue
        for key in keys:
            answer = request(gateway, "GET", f"/bucket/{key}")
            assert (answer.status, answer.body) == (200, noise(12_000, key)) or answer.status == 500, key
        gateway.kill()
        for extra in gateway.data.glob("index.db-*"):
            extra.unlink()
    overwrite(index, whole)
