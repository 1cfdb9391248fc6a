"""kill -9 at any moment: what was acknowledged is whole, what was not is absent or whole."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import noise
from gateway import Gateway
from raw import Connection, request, sign

INLINE = 16_384
SIZES = (10, 5_000, 17_000, 70_000, 400_000, 2_000_000)
CONFIG = 'garbage_grace = "1s"\n'


class Writers:
    """Clients that write as fast as they can, and remember what was acknowledged."""

    def __init__(self, gateway: Gateway, round_: int, clients: int) -> None:
        self.gateway, self.round, self.clients = gateway, round_, clients
        self.acknowledged: dict[str, bytes] = {}
        self.started: dict[str, list[bytes]] = {}
        self.stop = threading.Event()

    def write(self, client: int) -> None:
        rng, count = random.Random(f"{self.round}/{client}"), 0
        connection: Connection | None = None
        while not self.stop.is_set():
            count += 1
            size = rng.choice(SIZES)
            # A few keys are overwritten over and over, with small bodies.
            key = f"own/{self.round}/{client}/{count}" if rng.random() < 0.7 else f"again/{client}/{rng.randrange(3)}"
            data = noise(size if key.startswith("own") else rng.choice((10, 9_000)), f"{key}/{self.round}/{count}")
            self.started.setdefault(key, []).append(data)
            try:
                connection = connection or Connection(self.gateway)
                put = sign(self.gateway, "PUT", f"/crash/{key}", body=data, payload="UNSIGNED-PAYLOAD")
                connection.send_head(put)
                connection.send(data)
                if connection.answer("PUT").status == 200:
                    self.acknowledged[key] = data
                    # Earlier contents of the key are history.
                    self.started[key] = [data]
            except OSError:
                return

    def run_until_killed(self, after: float) -> None:
        with ThreadPoolExecutor(self.clients) as pool:
            jobs = [pool.submit(self.write, client) for client in range(self.clients)]
            time.sleep(after)
            self.gateway.kill()
            self.stop.set()
            for job in jobs:
                job.result()


def check(gateway: Gateway, history: dict[str, bytes], pending: dict[str, list[bytes]]) -> dict[str, bytes]:
    """Everything listed is whole and is something that was written; everything acknowledged is listed."""
    s3, found = gateway.client(), {}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="crash")
    listed = {entry["Key"]: entry for page in pages for entry in page.get("Contents", [])}
    for key, entry in listed.items():
        body = s3.get_object(Bucket="crash", Key=key)["Body"].read()
        assert entry["Size"] == len(body)
        possible = pending.get(key, []) + ([history[key]] if key in history else [])
        assert body in possible, f"{key}: {len(body)} bytes that nobody wrote"
        found[key] = body
    assert history.keys() <= found.keys(), "an acknowledged object is gone"
    return found


def orphans_are_swept(gateway: Gateway, objects: dict[str, bytes], patience: float = 20) -> None:
    expected = sum(len(body) > INLINE for body in objects.values())
    deadline = time.monotonic() + patience
    while (count := len(gateway.blobs())) != expected:
        assert time.monotonic() < deadline, f"{count} files for {expected} bodies"
        time.sleep(0.2)


def crash_rounds(gateway: Gateway, rounds: int, clients: int, after: float) -> dict[str, bytes]:
    gateway.client().create_bucket(Bucket="crash")
    history: dict[str, bytes] = {}
    for round_ in range(rounds):
        writers = Writers(gateway, round_, clients)
        writers.run_until_killed(after)
        assert writers.acknowledged, "nothing was written before the end"
        gateway.start()
        # An attempt that was not acknowledged may have replaced what was.
        merged = {key: [*bodies] for key, bodies in writers.started.items()}
        before = {key: body for key, body in history.items()} | writers.acknowledged
        history = check(gateway, before, merged)
        orphans_are_swept(gateway, history)
    return history


def test_acknowledged_objects_survive_kill_9(new_gateway) -> None:
    gateway = new_gateway(config=CONFIG)
    objects = crash_rounds(gateway, rounds=3, clients=24, after=0.8)
    assert len(objects) > 50
    assert "panic" not in gateway.log()


def test_an_upload_in_parts_goes_on_after_kill_9(new_gateway) -> None:
    gateway = new_gateway(config=CONFIG)
    s3 = gateway.client()
    s3.create_bucket(Bucket="crash")
    five = 5 * 1024 * 1024
    upload = {
        "Bucket": "crash",
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket="crash", Key="k")["UploadId"],
    }
    parts = [{"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=noise(five))["ETag"]}]
    # A second part is half way when it happens.
    put = sign(
        gateway,
        "PUT",
        "/crash/k",
        query=[("partNumber", "2"), ("uploadId", upload["UploadId"])],
        payload="UNSIGNED-PAYLOAD",
    )
    with Connection(gateway) as connection:
        connection.send_head(put, five)
        connection.send(bytes(five // 2))
        time.sleep(0.2)
        gateway.kill()
    s3 = gateway.start().client()
    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [1]
    deadline = time.monotonic() + 20
    while len(gateway.blobs()) != 1:
        assert time.monotonic() < deadline, "the half part was not swept"
        time.sleep(0.2)
    parts.append({"PartNumber": 2, "ETag": s3.upload_part(**upload, PartNumber=2, Body=b"end")["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    gateway.kill()
    assert gateway.start().client().get_object(Bucket="crash", Key="k")["Body"].read() == noise(five) + b"end"


def test_keys_and_their_states_survive_kill_9(new_gateway) -> None:
    gateway = new_gateway()
    s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    s3.create_bucket(Bucket="crash")
    s3.put_object(
        Bucket="crash", Key="k", Body=b"x" * 50_000, ServerSideEncryption="aws:kms", SSEKMSKeyId=gateway.key()
    )
    kms.disable_key(KeyId=gateway.key())
    gateway.kill()
    gateway.start()
    request(gateway, "GET", "/crash/k").refused(400, "KMS.DisabledException")
    gateway.client("kms", scheme="https").enable_key(KeyId=gateway.key())
    gateway.kill()
    gateway.start()
    assert request(gateway, "GET", "/crash/k").body == b"x" * 50_000


def test_a_client_that_goes_away_leaves_nothing(new_gateway) -> None:
    gateway = new_gateway()
    gateway.client().create_bucket(Bucket="crash")
    for number in range(20):
        put = sign(gateway, "PUT", f"/crash/k{number}", payload="UNSIGNED-PAYLOAD")
        with Connection(gateway) as connection:
            connection.send_head(put, 3_000_000)
            connection.send(bytes(100_000 * (number + 1)))
    deadline = time.monotonic() + 20
    while gateway.blobs() or gateway.metric("sealgate_requests_in_flight") > 1:
        assert time.monotonic() < deadline, gateway.blobs()
        time.sleep(0.1)
    assert "Contents" not in gateway.client().list_objects_v2(Bucket="crash")


@pytest.mark.parametrize("wrong", ("checksum", "length"))
def test_a_refused_body_leaves_nothing(new_gateway, gateways, wrong: str) -> None:
    gateway = gateways("local")
    name = f"refused-{wrong}"
    gateway.client().create_bucket(Bucket=name)
    before = len(gateway.blobs())
    data = noise(600_000)
    put = sign(
        gateway,
        "PUT",
        f"/{name}/k",
        body=data,
        headers={"x-amz-checksum-crc32": "AAAAAA=="} if wrong == "checksum" else {},
    )
    with Connection(gateway) as connection:
        if wrong == "checksum":
            connection.send_head(put)
            connection.send(data)
            assert connection.answer("PUT").refused(400, "BadDigest")
        else:
            connection.send_head(put, len(data) + 10)
            connection.send(data)
            import socket

            connection.socket.shutdown(socket.SHUT_WR)
            try:
                assert connection.answer("PUT").refused(400, "IncompleteBody")
            except (ConnectionError, OSError):
                pass
    request(gateway, "GET", f"/{name}/k").refused(404, "NoSuchKey")
    deadline = time.monotonic() + 10
    while len(gateway.blobs()) > before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
