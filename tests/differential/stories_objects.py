"""Objects one by one: bodies and metadata, ranges, copies, checksums, tags."""

from __future__ import annotations

import base64
import hashlib

from answers import Peer
from corpus import crc, document, etag, md5, story
from raw import UNSIGNED


@story
def objects(c: Peer, b: str) -> None:
    k = f"/{b}/a/key"
    headers = {
        "content-type": "text/x-own",
        "cache-control": "max-age=5",
        "content-disposition": "attachment",
        "content-encoding": "identity",
        "content-language": "de",
        "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "x-amz-meta-Note": "Some  thing",
    }
    c("put", "PUT", k, headers=headers, body=b"0123456789")
    c("get", "GET", k)
    c("head", "HEAD", k)
    c("get of none", "GET", f"/{b}/none")
    c("head of none", "HEAD", f"/{b}/none")
    c("delete of none", "DELETE", f"/{b}/none")
    c("put into no bucket", "PUT", "/differential-none/key", body=b"x")
    c("get from no bucket", "GET", "/differential-none/key")
    c("empty", "PUT", f"/{b}/empty")
    c("empty read", "GET", f"/{b}/empty")
    c("range of an empty one", "GET", f"/{b}/empty", headers={"range": "bytes=0-0"})
    c("no type", "PUT", f"/{b}/typeless", body=b"x")
    c("no type read", "HEAD", f"/{b}/typeless")
    c(
        "responses asked for",
        "GET",
        k,
        query={"response-content-type": "text/plain", "response-cache-control": "no-store"},
    )
    c("wrong MD5", "PUT", k, headers={"content-md5": md5(b"other")}, body=b"x")
    c("malformed MD5", "PUT", k, headers={"content-md5": "!"}, body=b"x")
    c("wrong SHA-256 of the body", "PUT", k, payload=hashlib.sha256(b"other").hexdigest(), body=b"x")
    c("unsigned body", "PUT", f"/{b}/unsigned", payload=UNSIGNED, body=b"x")
    c("too much metadata", "PUT", k, headers={"x-amz-meta-long": "m" * 2049}, body=b"x")
    c("a key of 1024 bytes", "PUT", f"/{b}/" + "/".join(["k" * 204] * 5), body=b"x")
    c("a key of 1025 bytes", "PUT", f"/{b}/" + "/".join(["k" * 204] * 5) + "k", body=b"x")
    c("no such storage class", "PUT", k, headers={"x-amz-storage-class": "SHELF"}, body=b"x")
    c("no such encryption", "PUT", k, headers={"x-amz-server-side-encryption": "rot13"}, body=b"x")
    c("no such method", "PATCH", k, body=b"x")
    c("still the first", "GET", k)
    c(
        "attributes",
        "GET",
        k,
        query={"attributes": ""},
        headers={"x-amz-object-attributes": "ETag,ObjectSize,StorageClass"},
    )
    c("attributes not named", "GET", k, query={"attributes": ""})
    c("delete", "DELETE", k)
    c("delete again", "DELETE", k)


@story
def ranges(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put", "PUT", k, body=b"0123456789")
    for value in (
        "bytes=0-0",
        "bytes=3-5",
        "bytes=8-20",
        "bytes=9-9",
        "bytes=10-",
        "bytes=5-",
        "bytes=-3",
        "bytes=-20",
        "bytes=-0",
        "bytes=5-3",
        "bytes=1-2,4-5",
        "lines=0-1",
        "bytes=a-b",
        "bytes=",
    ):
        c(f"get {value}", "GET", k, headers={"range": value})
    c("head bytes=2-4", "HEAD", k, headers={"range": "bytes=2-4"})
    c("part 1", "GET", k, query={"partNumber": "1"})
    c("part 2", "GET", k, query={"partNumber": "2"})
    c("part 0", "GET", k, query={"partNumber": "0"})
    c("part and range", "GET", k, query={"partNumber": "1"}, headers={"range": "bytes=0-1"})


@story
def copies(c: Peer, b: str) -> None:
    c("put", "PUT", f"/{b}/from", headers={"x-amz-meta-a": "1", "content-type": "text/x-own"}, body=b"body")
    source = f"/{b}/from"
    e, past = etag(b"body"), "Mon, 01 Jan 2001 00:00:00 GMT"

    def copy(label: str, to: str = f"/{b}/to", **headers: str) -> None:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        c(label, "PUT", to, headers={"x-amz-copy-source": source} | headers)

    copy("copy")
    c("the copy", "GET", f"/{b}/to")
    copy("copy with other metadata", x_amz_metadata_directive="REPLACE", x_amz_meta_b="2")
    c("the other copy", "HEAD", f"/{b}/to")
    copy("directive of no such kind", x_amz_metadata_directive="MERGE")
    copy("onto itself", source)
    copy("onto itself with metadata", source, x_amz_metadata_directive="REPLACE", x_amz_meta_c="3")
    for label, name, value in (
        ("match", "match", e),
        ("other", "match", '"other"'),
        ("none match", "none-match", e),
        ("unmodified since past", "unmodified-since", past),
        ("modified since past", "modified-since", past),
    ):
        copy(f"copy if {label}", **{f"x_amz_copy_source_if_{name}": value})
    copy("copy if absent", f"/{b}/to", if_none_match="*")
    source = f"/{b}/none"
    copy("copy of none")
    source = "/differential-none/from"
    copy("copy from no bucket")
    source = b
    copy("a source without a key")
    source = f"{b}/from"
    copy("a source without a slash")
    source = f"{b}/from?versionId=null"
    copy("a source with the null version")
    source = f"{b}/from?versionId=abc"
    copy("a source with no such version")


@story
def checksums(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put with CRC32", "PUT", k, headers={"x-amz-checksum-crc32": crc(b"body")}, body=b"body")
    c("get with checksum", "GET", k, headers={"x-amz-checksum-mode": "ENABLED"})
    c("get without", "GET", k)
    c("head with checksum", "HEAD", k, headers={"x-amz-checksum-mode": "ENABLED"})
    c("range with checksum", "GET", k, headers={"x-amz-checksum-mode": "ENABLED", "range": "bytes=0-1"})
    c("put with a wrong CRC32", "PUT", k, headers={"x-amz-checksum-crc32": crc(b"other")}, body=b"body")
    c("put with a malformed CRC32", "PUT", k, headers={"x-amz-checksum-crc32": "abc"}, body=b"body")
    two = {
        "x-amz-checksum-crc32": crc(b"body"),
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"body").digest()).decode(),
    }
    c("put with two", "PUT", k, headers=two, body=b"body")
    c("put with SHA-256", "PUT", k, headers={"x-amz-checksum-sha256": two["x-amz-checksum-sha256"]}, body=b"body")
    c("attributes", "GET", k, query={"attributes": ""}, headers={"x-amz-object-attributes": "Checksum,ObjectSize"})
    c("put with none", "PUT", k, body=b"body")
    c("head of none with checksum", "HEAD", k, headers={"x-amz-checksum-mode": "ENABLED"})


@story
def object_tags(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put with tags", "PUT", k, headers={"x-amz-tagging": "a=1&b=two%20words"}, body=b"x")
    c("tags", "GET", k, query={"tagging": ""})
    c("their count", "HEAD", k)

    def put(label: str, tags: dict[str, str], path: str = k) -> None:
        inner = "".join(f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>" for name, value in tags.items())
        document(c, label, path, "tagging", f"<Tagging><TagSet>{inner}</TagSet></Tagging>")

    put("other tags", {"c": "3"})
    put("ten tags", {f"t{n}": "v" for n in range(10)})
    put("eleven tags", {f"t{n}": "v" for n in range(11)})
    put("a key too long", {"k" * 129: "v"})
    put("a value too long", {"k": "v" * 257})
    put("a reserved key", {"aws:k": "v"})
    put("no tags", {})
    put("tags of none", {"a": "1"}, f"/{b}/none")
    c("tags of none read", "GET", f"/{b}/none", query={"tagging": ""})
    document(c, "malformed tags", k, "tagging", "<Tagging><TagSet>")
    c("tags deleted", "DELETE", k, query={"tagging": ""})
    c("tags deleted again", "DELETE", k, query={"tagging": ""})
    c("malformed header of tags", "PUT", k, headers={"x-amz-tagging": "a=1&a=2"}, body=b"x")
    c("no tags read", "GET", k, query={"tagging": ""})
