"""Clients of a few keys, who write with and without conditions, read in every way, and note what they were told."""

from __future__ import annotations

import hashlib
import itertools
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from gateway import Gateway  # noqa: E402
from raw import Answer, BrokenTransfer, Connection, sign  # noqa: E402
from register import Operation, State  # noqa: E402

# Some bodies are kept in the index, some beside it.
SIZES = (20, 20, 5_000, 70_000)
KINDS = ("write", "create", "replace", "replace", "delete", "delete if", "multipart", "get", "get", "head", "list")
# The server is busy with another write of the key: nothing was done (409).
CONFLICT = "ConditionalRequestConflict"


class Fault(AssertionError):
    """An answer that has no place in any history."""


class Clients:
    """The histories of the keys of one bucket, over any number of kills."""

    def __init__(self, gateway: Gateway, bucket: str, keys: int, clients: int, seed: int) -> None:
        self.gateway, self.bucket, self.clients, self.seed = gateway, bucket, clients, seed
        self.keys = [f"key-{number}" for number in range(keys)]
        self.histories: dict[str, list[Operation]] = {key: [] for key in self.keys}
        self.numbers = itertools.count(1)
        self.written: dict[str, int] = {}
        self.rounds = itertools.count()

    def body(self, number: int, size: int) -> bytes:
        return f"{number:020}".encode() + bytes(size - 20)

    def value(self, etag: str) -> int:
        if etag not in self.written:
            raise Fault(f"an ETag that no write has: {etag}")
        return self.written[etag]

    def run(self, seconds: float, kill: bool) -> None:
        stop, round_, unknown = threading.Event(), next(self.rounds), self.unknown()
        with ThreadPoolExecutor(self.clients) as pool:
            jobs = [pool.submit(self.work, stop, f"{self.seed}/{round_}/{client}") for client in range(self.clients)]
            time.sleep(seconds)
            if kill:
                self.gateway.kill()
            died = time.monotonic()
            stop.set()
            for job in jobs:
                job.result()
        for key, history in self.histories.items():
            self.histories[key] = [
                replace(one, answered=died) if one.answered == float("inf") else one for one in history
            ]
        if not kill and self.unknown() != unknown:
            raise Fault("a connection broke while the server lived")

    def unknown(self) -> int:
        return sum(one.told == "unknown" for history in self.histories.values() for one in history)

    def work(self, stop: threading.Event, seed: str) -> None:
        rng = random.Random(seed)
        connection: Connection | None = None
        seen: dict[str, str] = {}
        while not stop.is_set():
            try:
                connection = connection or Connection(self.gateway)
            except OSError:
                return  # It is dead.
            if not self.once(connection, rng, seen):
                return

    def once(self, connection: Connection, rng: random.Random, seen: dict[str, str]) -> bool:
        """One operation; false if it ended without an answer."""
        key, kind = rng.choice(self.keys), rng.choice(KINDS)
        path, number, headers, query = f"/{self.bucket}/{key}", next(self.numbers), {}, []
        body, method, expected = b"", "GET", None
        if kind in ("replace", "delete if"):
            etag = seen.get(key) or '"00000000000000000000000000000000"'
            expected = self.written.get(etag, 0)
            headers["if-match"] = etag
        if kind == "create":
            headers["if-none-match"] = "*"
        if kind in ("write", "create", "replace"):
            method, body = "PUT", self.body(number, rng.choice(SIZES))
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            self.written[etag] = number
        elif kind.startswith("delete"):
            method = "DELETE"
        elif kind == "head":
            method = "HEAD"
        elif kind == "list":
            path, query = f"/{self.bucket}", [("list-type", "2"), ("prefix", key)]
        try:
            if kind == "multipart":
                body = self.body(number, 20)
                created = self.send(connection, "POST", path, [("uploads", "")])
                upload = created.field("UploadId") or ""
                part = self.send(connection, "PUT", path, [("partNumber", "1"), ("uploadId", upload)], {}, body)
                digest = hashlib.md5(bytes.fromhex(part.headers["etag"].strip('"'))).hexdigest()
                self.written[f'"{digest}-1"'] = number
                # Half of the completions ask for an absent key.
                if rng.random() < 0.5:
                    headers["if-none-match"] = "*"
                xml = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
                body = f"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>".encode()
                method, query = "POST", [("uploadId", upload)]
                kind = "create" if headers else "write"
        except (OSError, BrokenTransfer):
            return False  # Nothing was asked of the register yet.
        called = time.monotonic()
        reads = kind in ("get", "head", "list")
        value = None if reads or method == "DELETE" else number
        try:
            answer = self.send(connection, method, path, query, headers, body)
        except (OSError, BrokenTransfer):
            if not reads:
                self.histories[key].append(Operation(kind, called, float("inf"), "unknown", value, expected))
            return False
        answered = time.monotonic()
        if reads:
            value = self.read(kind, answer, key, seen)
            self.histories[key].append(Operation("read", called, answered, "done", value))
            return True
        told = self.told(kind, answer)
        if told:
            self.histories[key].append(Operation(kind, called, answered, told, value, expected))
        if told == "done" and value is not None:
            seen[key] = answer.headers.get("etag") or f'"{(answer.field("ETag") or "").strip(chr(34))}"'
        return True

    def send(self, connection: Connection, method: str, path: str, query=(), headers=None, body: bytes = b"") -> Answer:
        request = sign(self.gateway, method, path, query=list(query), headers=headers, body=body)
        connection.send_head(request)
        connection.send(body)
        return connection.answer(method)

    def told(self, kind: str, answer: Answer) -> str | None:
        if answer.status in (200, 204) and answer.code is None:
            return "done"
        if answer.status == 412 and kind in ("create", "replace", "delete if"):
            return "refused"
        if answer.status == 404 and kind in ("replace", "delete if"):
            return "absent"
        if answer.status == 409 and answer.code == CONFLICT:
            return None
        raise Fault(f"{kind}: {answer.status} {answer.body[:300]!r}")

    def read(self, kind: str, answer: Answer, key: str, seen: dict[str, str]) -> State:
        if kind == "list":
            if answer.status != 200:
                raise Fault(f"list: {answer.status} {answer.body[:300]!r}")
            etag = answer.field("ETag")
        elif answer.status == 404:
            etag = None
        elif answer.status == 200:
            etag = answer.headers["etag"]
        else:
            raise Fault(f"{kind}: {answer.status} {answer.body[:300]!r}")
        if etag is None:
            return None
        seen[key] = etag
        value = self.value(etag)
        if kind == "get" and answer.body[:20] != f"{value:020}".encode():
            raise Fault(f"the ETag of {value} with the body {answer.body[:20]!r}")
        return value
