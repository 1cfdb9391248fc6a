"""Many objects: lists, keys that need care, deletions."""

from __future__ import annotations

from urllib.parse import quote

from answers import Peer
from corpus import md5, story


ODD = (
    "a/b/c",
    "a/b/d",
    "a/e",
    "a0",
    "b b",
    "c+c",
    "d%25d",
    "e&e",
    "f'f",
    "g<g",
    "h=h?h",
    "ü/ü",
    "日本",
    "😀",
    "z~z",
)


@story
def lists(c: Peer, b: str) -> None:
    for number, key in enumerate(ODD):
        c(f"put {number}", "PUT", f"/{b}/{quote(key, safe='/-_.~')}", body=str(number).encode())
    for kind, base in (("v1", {}), ("v2", {"list-type": "2"})):

        def ask(label: str, query: dict[str, str], kind: str = kind, base: dict[str, str] = base) -> None:
            c(f"{kind} {label}", "GET", f"/{b}", query=base | query)

        ask("all", {})
        ask("all encoded", {"encoding-type": "url"})
        ask("delimiter", {"delimiter": "/"})
        ask("delimiter below a prefix", {"delimiter": "/", "prefix": "a/"})
        ask("prefix of half a name", {"prefix": "a"})
        ask("prefix of none", {"prefix": "none/"})
        ask("no such encoding", {"encoding-type": "base64"})
        ask("an empty delimiter", {"delimiter": ""})
        ask("delimiter of two letters", {"delimiter": "/b"})
        ask("three", {"max-keys": "3"})
        ask("none", {"max-keys": "0"})
        ask("less than none", {"max-keys": "-1"})
        ask("a number that is none", {"max-keys": "many"})
        ask("more than a thousand", {"max-keys": "2000"})
        ask("two with a delimiter", {"max-keys": "2", "delimiter": "/"})
    c("v1 after a marker", "GET", f"/{b}", query={"marker": "a/e", "max-keys": "2"})
    c("v1 after a marker within a prefix", "GET", f"/{b}", query={"marker": "a/b/c", "delimiter": "/"})
    c("v2 after a key", "GET", f"/{b}", query={"list-type": "2", "start-after": "a/e", "max-keys": "2"})
    c("v2 with owners", "GET", f"/{b}", query={"list-type": "2", "fetch-owner": "true", "max-keys": "1"})
    c("v2 of a token that is none", "GET", f"/{b}", query={"list-type": "2", "continuation-token": "!"})
    first = c("v2 first page", "GET", f"/{b}", query={"list-type": "2", "max-keys": "4"})
    token = first.field("NextContinuationToken") or ""
    c("v2 second page", "GET", f"/{b}", query={"list-type": "2", "max-keys": "4", "continuation-token": token})
    c("versions of a bucket without", "GET", f"/{b}", query={"versions": "", "max-keys": "2"})


@story
def keys(c: Peer, b: str) -> None:
    for label, key in {
        "an escaped slash": "a%2Fb",
        "an escaped plus": "a%2Bb",
        "a space": "a%20b",
        "a percent": "a%25b",
        "a trailing slash": "folder/",
        "two slashes": "x//y",
        "a leading slash": "/lead",
    }.items():
        c(f"put {label}", "PUT", f"/{b}/{key}", body=label.encode() if not key.endswith("/") else b"")
        c(f"get {label}", "GET", f"/{b}/{key}")
    c("all", "GET", f"/{b}", query={"list-type": "2"})


@story
def deletions_of_many(c: Peer, b: str) -> None:
    def delete(label: str, xml: str, **headers: str) -> None:
        digest = {"content-md5": md5(xml.encode())} | headers
        c(label, "POST", f"/{b}", query={"delete": ""}, headers=digest, body=xml)

    for key in "abc":
        c(f"put {key}", "PUT", f"/{b}/{key}", body=b"x")
    delete("two", "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>")
    delete("quiet", "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>")
    delete("nothing", "<Delete></Delete>")
    delete("malformed", "<Delete><Object>")
    delete("too many", "<Delete>" + "".join(f"<Object><Key>{n}</Key></Object>" for n in range(1001)) + "</Delete>")
    delete("a wrong digest", "<Delete><Object><Key>c</Key></Object></Delete>", **{"content-md5": md5(b"other")})
    c("no digest", "POST", f"/{b}", query={"delete": ""}, body="<Delete><Object><Key>c</Key></Object></Delete>")
    c("what is left", "GET", f"/{b}", query={"list-type": "2"})
