"""Conditions, on reads and on writes."""

from __future__ import annotations

from answers import Peer
from corpus import etag, story


@story
def conditions_on_reads(c: Peer, b: str) -> None:
    k, e = f"/{b}/key", etag(b"body")
    past, future = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    c("put", "PUT", k, body=b"body")
    for label, headers in {
        "match": {"if-match": e},
        "match bare": {"if-match": e.strip('"')},
        "match any": {"if-match": "*"},
        "match other": {"if-match": '"other"'},
        "match one of two": {"if-match": f'"other", {e}'},
        "none match": {"if-none-match": e},
        "none match any": {"if-none-match": "*"},
        "none match other": {"if-none-match": '"other"'},
        "none match weak": {"if-none-match": f"W/{e}"},
        "modified since past": {"if-modified-since": past},
        "modified since future": {"if-modified-since": future},
        "unmodified since past": {"if-unmodified-since": past},
        "unmodified since future": {"if-unmodified-since": future},
        "match wins over unmodified": {"if-match": e, "if-unmodified-since": past},
        "none match wins over modified": {"if-none-match": '"other"', "if-modified-since": future},
        "none match and modified": {"if-none-match": e, "if-modified-since": past},
        "a date that is none": {"if-modified-since": "yesterday"},
        "match and range": {"if-match": e, "range": "bytes=1-2"},
        "other and range": {"if-match": '"other"', "range": "bytes=1-2"},
    }.items():
        c(f"get {label}", "GET", k, headers=headers)
    c("head match other", "HEAD", k, headers={"if-match": '"other"'})
    c("head none match", "HEAD", k, headers={"if-none-match": e})
    c("get none with match", "GET", f"/{b}/none", headers={"if-match": e})


@story
def conditions_on_writes(c: Peer, b: str) -> None:
    k, e = f"/{b}/key", etag(b"one")
    c("put if absent", "PUT", k, headers={"if-none-match": "*"}, body=b"one")
    c("put if absent again", "PUT", k, headers={"if-none-match": "*"}, body=b"two")
    c("put if absent by an etag", "PUT", k, headers={"if-none-match": e}, body=b"two")
    c("put if other", "PUT", k, headers={"if-match": '"other"'}, body=b"two")
    c("put if match", "PUT", k, headers={"if-match": e}, body=b"two")
    c("put if match of none", "PUT", f"/{b}/none", headers={"if-match": e}, body=b"two")
    c("put if both", "PUT", k, headers={"if-match": e, "if-none-match": "*"}, body=b"two")
    c("put if modified since", "PUT", k, headers={"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, body=b"x")
    c("it is the second", "GET", k)
    c("delete if other", "DELETE", k, headers={"if-match": '"other"'})
    c("delete if match", "DELETE", k, headers={"if-match": etag(b"two")})
    c("delete if match of none", "DELETE", k, headers={"if-match": etag(b"two")})
