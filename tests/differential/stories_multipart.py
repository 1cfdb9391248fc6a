"""Uploads in parts."""

from __future__ import annotations

from answers import Peer
from corpus import FIVE, etag, md5, story


@story
def multipart(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    created = c("create", "POST", k, query={"uploads": ""}, headers={"content-type": "text/x-own", "x-amz-meta-a": "1"})
    upload = created.field("UploadId") or ""
    big, end = b"a" * FIVE, b"end"

    def part(label: str, number: object, body: bytes, upload: str = upload, **headers: str) -> str:
        query = {"partNumber": str(number), "uploadId": upload}
        return c(label, "PUT", k, query=query, body=body, headers=headers).headers.get("etag", "")

    def complete(label: str, parts: list[tuple[int, str]], upload: str = upload, **headers: str) -> None:
        inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in parts)
        xml = f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>"
        c(label, "POST", k, query={"uploadId": upload}, headers=headers, body=xml)

    part("part 0", 0, end)
    part("part 10001", 10001, end)
    part("part that is none", "one", end)
    part("part of no upload", 1, end, "no-such-upload")
    part("part with a wrong MD5", 1, end, **{"content-md5": md5(b"other")})
    small = part("a small first part", 1, b"small")
    last = part("last part", 2, end)
    complete("parts too small", [(1, small), (2, last)])
    first = part("first part again", 1, big)
    c("parts", "GET", k, query={"uploadId": upload})
    c("one part", "GET", k, query={"uploadId": upload, "max-parts": "1"})
    c("parts after the first", "GET", k, query={"uploadId": upload, "part-number-marker": "1"})
    c("parts of no upload", "GET", k, query={"uploadId": "no-such-upload"})
    c("uploads", "GET", f"/{b}", query={"uploads": ""})
    c("uploads below a prefix", "GET", f"/{b}", query={"uploads": "", "prefix": "none"})
    c("the object is not there", "HEAD", k)
    complete("no parts", [])
    complete("parts out of order", [(2, last), (1, first)])
    complete("a part that is not there", [(1, first), (3, last)])
    complete("a part of another etag", [(1, last), (2, last)])
    complete("of no upload", [(1, first)], "no-such-upload")
    c("malformed completion", "POST", k, query={"uploadId": upload}, body="<CompleteMultipartUpload>")
    c("the source of a copied part", "PUT", f"/{b}/source", body=b"0123456789")
    copied = {"x-amz-copy-source": f"/{b}/source", "x-amz-copy-source-range": "bytes=2-4"}
    part("copied part", 3, b"", **copied)
    part("copied part past its end", 3, b"", **(copied | {"x-amz-copy-source-range": "bytes=2-40"}))
    part("copied part of a malformed range", 3, b"", **(copied | {"x-amz-copy-source-range": "2-4"}))
    part("copied part of none", 3, b"", **{"x-amz-copy-source": f"/{b}/none"})
    complete("a small part in the middle", [(1, first), (2, last), (3, etag(b"234"))])
    complete("complete", [(1, first), (3, etag(b"234"))])
    c("head", "HEAD", k)
    c("get the end", "GET", k, headers={"range": "bytes=-10"})
    c("part 2 of the object", "GET", k, query={"partNumber": "2"})
    c("part 4 of the object", "GET", k, query={"partNumber": "4"})
    parts = {"x-amz-object-attributes": "ObjectParts,ETag,ObjectSize"}
    c("attributes", "GET", k, query={"attributes": ""}, headers=parts)
    c("abort after completion", "DELETE", k, query={"uploadId": upload})
    other = c("create to abort", "POST", k, query={"uploads": ""}).field("UploadId") or ""
    c("abort", "DELETE", k, query={"uploadId": other})
    c("abort again", "DELETE", k, query={"uploadId": other})
    part("part after abort", 1, end, other)
    third = c("create if absent", "POST", k, query={"uploads": ""}).field("UploadId") or ""
    only = part("its only part", 1, end, third)
    complete("complete if absent", [(1, only)], third, **{"if-none-match": "*"})
    complete("complete if other", [(1, only)], third, **{"if-match": '"other"'})
    c("it is the first", "HEAD", k)
    c("create in no bucket", "POST", "/differential-none/key", query={"uploads": ""})
