"""Bodies in aws-chunked encoding, and what a browser asks."""

from __future__ import annotations

from answers import Peer
from corpus import crc, document, story
from raw import CHUNKED, CHUNKED_TRAILER, UNSIGNED_TRAILER, BrokenTransfer, chunked_put

BODY = b"0123456789" * 2000


@story
def chunked_bodies(c: Peer, b: str) -> None:
    path = f"/{b}/key"

    def put(label: str, payload: str, **how: object) -> None:
        size = {"size": 8192}
        try:
            answer = chunked_put(c, path, BODY, payload, **(size | how))
        except (BrokenTransfer, OSError):
            c.answers[f"{c.scenario}: {label}"] = {"answer": "no answer"}
            return
        c.record(label, "PUT", answer, f"PUT {path} {payload} {how}")
        c(f"{label}, read", "GET", path, headers={"x-amz-checksum-mode": "ENABLED"})
        c(f"{label}, deleted", "DELETE", path)

    trailer = ("x-amz-checksum-crc32", crc(BODY))
    wrong = ("x-amz-checksum-crc32", crc(b"other"))
    put("signed", CHUNKED)
    put("signed with a trailer", CHUNKED_TRAILER, trailer=trailer)
    put("unsigned with a trailer", UNSIGNED_TRAILER, trailer=trailer)
    put("a chunk of another signature", CHUNKED, spoil=1)
    put("a last chunk of another signature", CHUNKED, spoil=3)
    put("a trailer of another signature", CHUNKED_TRAILER, trailer=trailer, spoil=-1)
    put("a wrong trailer", CHUNKED_TRAILER, trailer=wrong)
    put("a wrong unsigned trailer", UNSIGNED_TRAILER, trailer=wrong)
    put("a malformed trailer", UNSIGNED_TRAILER, trailer=("x-amz-checksum-crc32", "abc"))
    put("a longer body announced", CHUNKED, decoded_length=len(BODY) + 1)
    put("a shorter body announced", CHUNKED, decoded_length=len(BODY) - 1)
    put("chunks of a thousand bytes", CHUNKED, size=1000)
    put("other encodings besides", CHUNKED, headers={"cache-control": "no-store"})


@story
def browsers(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put", "PUT", k, body=b"body")
    asked = {"origin": "http://a.example", "access-control-request-method": "GET"}
    c("asks without rules", "OPTIONS", k, headers=asked, anonymous=True)
    rules = (
        "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://*.example</AllowedOrigin>"
        "<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>etag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds>"
        "</CORSRule></CORSConfiguration>"
    )
    document(c, "rules", f"/{b}", "cors", rules)
    c("asks", "OPTIONS", k, headers=asked, anonymous=True)
    with_header = asked | {"access-control-request-headers": "x-amz-date, X-Amz-Meta-A"}
    c("asks with headers", "OPTIONS", k, headers=with_header, anonymous=True)
    c("asks with other headers", "OPTIONS", k, headers=asked | {"access-control-request-headers": "y"}, anonymous=True)
    c("asks from elsewhere", "OPTIONS", k, headers=asked | {"origin": "http://a.test"}, anonymous=True)
    c("asks to put", "OPTIONS", k, headers=asked | {"access-control-request-method": "PUT"}, anonymous=True)
    c("asks for no method", "OPTIONS", k, headers={"origin": "http://a.example"}, anonymous=True)
    c("asks without an origin", "OPTIONS", k, headers={"access-control-request-method": "GET"}, anonymous=True)
    c("asks of no bucket", "OPTIONS", "/differential-none/key", headers=asked, anonymous=True)
    c("reads", "GET", k, headers={"origin": "http://a.example"})
    c("reads from elsewhere", "GET", k, headers={"origin": "http://a.test"})
    c("reads what is not there", "GET", f"/{b}/none", headers={"origin": "http://a.example"})
