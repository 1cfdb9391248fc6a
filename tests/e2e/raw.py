"""Requests made by hand: signed, mis-signed, chunked, broken off, or held back.

A small signer of its own, so that a test can be wrong in exactly one respect.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import socket
import ssl
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from gateway import REGION, ROOT_USER, Gateway, User

UNSIGNED = "UNSIGNED-PAYLOAD"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def encode(text: str, safe: str = "") -> str:
    return quote(text, safe=safe + "-_.~")


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    # Whether the server asked for the body (100 Continue).
    continued: bool = False

    def field(self, name: str) -> str | None:
        """An element of an XML error."""
        try:
            root = ET.fromstring(self.body)
        except ET.ParseError:
            return None
        return next((e.text or "" for e in root.iter() if e.tag.rsplit("}", 1)[-1] == name), None)

    @property
    def code(self) -> str | None:
        return self.field("Code")

    def refused(self, status: int, code: str) -> Answer:
        """It is this refusal, in the shape of S3."""
        got = (self.status, self.code)
        assert got == (status, code), f"{got} instead of {(status, code)}: {self.body[:600]!r}"
        assert self.field("RequestId") == self.headers["x-amz-request-id"]
        assert self.field("Message")
        return self


@dataclass
class Signed:
    """A request that can be spoilt before it is sent."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    signature: str = ""
    signing_key: bytes = b""
    date: str = ""
    scope: str = ""

    def target(self) -> str:
        pairs = "&".join(f"{encode(k)}={encode(v)}" if v is not None else encode(k) for k, v in self.query)
        return self.path + ("?" + pairs if pairs else "")


def signing_key(user: User, day: str, region: str = REGION, service: str = "s3") -> bytes:
    key = mac(("AWS4" + user.secret_key).encode(), day)
    for part in (region, service, "aws4_request"):
        key = mac(key, part)
    return key


def sign(
    gateway: Gateway,
    method: str,
    path: str,
    *,
    query: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    user: User = ROOT_USER,
    scheme: str = "http",
    payload: str | None = None,
    region: str = REGION,
    service: str = "s3",
    now: dt.datetime | None = None,
    unsigned: tuple[str, ...] = (),
    presign: int | None = None,
    host: str | None = None,
) -> Signed:
    """Signs; `path` is sent as it is, so it is given encoded. Headers in `unsigned` are not signed."""
    now = now or dt.datetime.now(dt.timezone.utc)
    date, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{day}/{region}/{service}/aws4_request"
    query = list(query or [])
    all_headers = {"host": host or urlsplit(gateway.url(scheme)).netloc} | {
        k.lower(): v for k, v in (headers or {}).items()
    }
    if presign is None:
        payload = payload if payload is not None else hashlib.sha256(body).hexdigest()
        all_headers |= {"x-amz-date": date, "x-amz-content-sha256": payload}
    else:
        payload = payload or UNSIGNED
    names = sorted(
        name for name in all_headers if name not in unsigned and name not in ("content-length", "expect", "connection")
    )
    if presign is not None:
        query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", f"{user.access_key}/{scope}"),
            ("X-Amz-Date", date),
            ("X-Amz-Expires", str(presign)),
            ("X-Amz-SignedHeaders", ";".join(names)),
        ]
    canonical_query = "&".join(sorted(f"{encode(k)}={encode(v or '')}" for k, v in query))
    canonical_headers = "".join(f"{name}:{' '.join(all_headers[name].split())}\n" for name in names)
    canonical = "\n".join([method, path, canonical_query, canonical_headers, ";".join(names), payload])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = signing_key(user, day, region, service)
    signature = mac(key, text).hex()
    if presign is None:
        all_headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={user.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
        )
    else:
        query.append(("X-Amz-Signature", signature))
    return Signed(method, path, query, all_headers, body, signature, key, date, scope)


class Connection:
    """A connection that shows its bytes."""

    def __init__(self, gateway: Gateway, scheme: str = "http", address: str | None = None, timeout: float = 30) -> None:
        url = urlsplit(gateway.url(scheme))
        self.socket = socket.create_connection((address or url.hostname, url.port), timeout)
        if scheme == "https":
            context = ssl.create_default_context(cafile=gateway.ca)
            self.socket = context.wrap_socket(self.socket, server_hostname=url.hostname)
        self.buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_head(self, request: Signed, length: int | None = None) -> None:
        headers = dict(request.headers)
        if length is None and (request.body or request.method in ("PUT", "POST")):
            length = len(request.body)
        if length is not None and "transfer-encoding" not in headers:
            headers.setdefault("content-length", str(length))
        lines = [f"{request.method} {request.target()} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8"))

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise ConnectionError(f"closed before an answer: {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("utf-8").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), headers

    def read_body(self, method: str, status: int, headers: dict[str, str]) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return self._read_chunked()
        if "content-length" in headers:
            length = int(headers["content-length"])
            while len(self.buffer) < length:
                if not self._more():
                    raise BrokenTransfer(self.buffer)
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            return body
        while self._more():
            pass
        return self.buffer

    def _read_chunked(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    raise BrokenTransfer(body)
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            size = int(line, 16)
            while len(self.buffer) < size + 2:
                if not self._more():
                    raise BrokenTransfer(body + self.buffer)
            body += self.buffer[:size]
            self.buffer = self.buffer[size + 2 :]
            if size == 0:
                return body

    def answer(self, method: str) -> Answer:
        status, headers = self.read_head()
        continued = status == 100
        if continued:
            status, headers = self.read_head()
        return Answer(status, headers, self.read_body(method, status, headers), continued)


class BrokenTransfer(Exception):
    """The answer ended before its announced end; `got` is what came."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"broken off after {len(got)} bytes")
        self.got = got


def send(gateway: Gateway, request: Signed, scheme: str = "http", address: str | None = None) -> Answer:
    """Sends the request; with `Expect: 100-continue` the body only when it is asked for."""
    with Connection(gateway, scheme, address) as connection:
        connection.send_head(request)
        if "expect" in request.headers:
            status, headers = connection.read_head()
            if status != 100:
                body = connection.read_body(request.method, status, headers)
                return Answer(status, headers, body)
            connection.send(request.body)
            answer = connection.answer(request.method)
            answer.continued = True
            return answer
        try:
            connection.send(request.body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before it was all sent; the answer says why.
        return connection.answer(request.method)


def request(gateway: Gateway, method: str, path: str, **how: object) -> Answer:
    """Signs and sends."""
    scheme = how.get("scheme", "http")
    return send(gateway, sign(gateway, method, path, **how), scheme)


def held(gateway: Gateway, method: str, path: str, **how: object) -> Answer:
    """As `request`, with the body held back until the server asks for it."""
    headers = dict(how.pop("headers", None) or {}) | {"expect": "100-continue"}
    return request(gateway, method, path, headers=headers, **how)


# --- aws-chunked


def chunked_body(
    request: Signed,
    data: bytes,
    size: int = 65536,
    trailer: tuple[str, str] | None = None,
    signed: bool = True,
    spoil: int | None = None,
) -> bytes:
    """The body in chunks, signed from the request's signature on; `spoil` damages that chunk's signature."""
    previous, out = request.signature, b""
    chunks = [data[i : i + size] for i in range(0, len(data), size)] + [b""]
    for number, chunk in enumerate(chunks):
        head = f"{len(chunk):x}"
        if signed:
            text = "\n".join(
                [
                    "AWS4-HMAC-SHA256-PAYLOAD",
                    request.date,
                    request.scope,
                    previous,
                    EMPTY_SHA256,
                    hashlib.sha256(chunk).hexdigest(),
                ]
            )
            previous = mac(request.signing_key, text).hex()
            shown = previous if number != spoil else "0" * 64
            head += f";chunk-signature={shown}"
        out += head.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b"")
    if trailer is None:
        return out + b"\r\n"
    line = f"{trailer[0]}:{trailer[1]}"
    out += (line + "\r\n").encode()
    if signed:
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-TRAILER",
                request.date,
                request.scope,
                previous,
                hashlib.sha256((line + "\n").encode()).hexdigest(),
            ]
        )
        signature = mac(request.signing_key, text).hex()
        if spoil == -1:
            signature = "0" * 64
        out += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


def chunked_put(
    gateway: Gateway,
    path: str,
    data: bytes,
    payload: str,
    *,
    trailer: tuple[str, str] | None = None,
    size: int = 65536,
    spoil: int | None = None,
    decoded_length: int | None = None,
    edit=lambda body: body,
    headers: dict[str, str] | None = None,
) -> Answer:
    """A PUT in aws-chunked encoding."""
    headers = dict(headers or {}) | {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(data) if decoded_length is None else decoded_length),
    }
    if trailer:
        headers["x-amz-trailer"] = trailer[0]
    signed = sign(gateway, "PUT", path, headers=headers, payload=payload)
    signed.body = edit(chunked_body(signed, data, size, trailer, payload != UNSIGNED_TRAILER, spoil))
    return send(gateway, signed)


def crc32(data: bytes) -> str:
    import zlib

    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
