"""One implementation under comparison: sends a request of the corpus and keeps what of the answer can be compared.

An answer becomes fields with names (`answer`, its status and code; `header etag`; `body Contents/Key`). What each implementation
makes up on its own is replaced: ids by the order in which they were first seen, dates by the word, owners too. Where
two answers differ, only they are compared: the rest differs because of it.
"""

from __future__ import annotations

import hashlib
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from gateway import ROOT_USER, User  # noqa: E402
from raw import Answer, Signed, send, sign  # noqa: E402

HEADERS = (
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "x-amz-bucket-region",
    "x-amz-copy-source-version-id",
    "x-amz-delete-marker",
    "x-amz-mp-parts-count",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-storage-class",
    "x-amz-tagging-count",
    "x-amz-version-id",
    "x-amz-website-redirect-location",
)
FAMILIES = ("access-control-", "x-amz-checksum-", "x-amz-meta-", "x-amz-server-side-encryption")
IDS = {"x-amz-version-id": "version", "x-amz-copy-source-version-id": "version"}
ID_ELEMENTS = {"VersionId": "version", "DeleteMarkerVersionId": "version", "UploadId": "upload"}
ID_ELEMENTS |= {"VersionIdMarker": "version", "NextVersionIdMarker": "version"}
ID_ELEMENTS |= {"UploadIdMarker": "upload", "NextUploadIdMarker": "upload"}
TOKENS = {"NextContinuationToken", "ContinuationToken"}
# Who a person is differs; that an owner is told does not.
PEOPLE = {"Owner", "Initiator"}
DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT")


def plain(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


@dataclass
class Peer:
    """A server, and the answers of its run."""

    name: str
    endpoint: str
    user: User = ROOT_USER
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    scenario: str = ""

    def url(self, _scheme: str) -> str:
        return self.endpoint

    def __call__(self, label: str, method: str, path: str, **how: object) -> Answer:
        """Sends one request and records its answer under this label."""
        body = how.pop("body", b"")
        body = body.encode() if isinstance(body, str) else body
        query = list(how.pop("query", {}).items())
        if how.pop("anonymous", False):
            headers = {"host": self.endpoint.split("://")[1]} | dict(how.get("headers") or {})
            request = Signed(method, path, query, headers, body)
        else:
            request = sign(self, method, path, query=query, body=body, **({"user": self.user} | how))
        sent = f"{method} {request.target()} {dict(how.get('headers') or {})} {body[:300]!r}"
        return self.record(label, method, send(self, request), sent)

    def record(self, label: str, method: str, answer: Answer, sent: str) -> Answer:
        case = f"{self.scenario}: {label}"
        assert case not in self.answers, f"two requests are called {case!r}"
        self.answers[case] = self.fields(answer, method)
        self.raw[case] = f"{sent}\n  {answer.status} {answer.headers}\n  {answer.body[:1500]!r}"
        return answer

    def known(self, kind: str, value: str) -> str:
        if value in ("", "null"):
            return value or "(empty)"
        return self.ids.setdefault(value, f"<{kind} {1 + sum(kind in name for name in self.ids.values())}>")

    def fields(self, answer: Answer, method: str) -> dict[str, str]:
        found = {"answer": str(answer.status)}
        is_xml = answer.body.lstrip().startswith(b"<") and b"xml" in answer.headers.get("content-type", "xml").encode()
        is_error = answer.status >= 300
        if is_error and answer.code:
            found["answer"] += f" {answer.code}"
        for name, value in sorted(answer.headers.items()):
            if name not in HEADERS and not name.startswith(FAMILIES):
                continue
            # moto lets every browser in; what counts is the answer to one.
            if name.startswith("access-control-") and self.scenario != "browsers":
                continue
            # How long a document is depends on its ids.
            if name == "content-length" and (is_xml or is_error or not value.strip("0")):
                continue
            if name == "content-type" and (is_xml or is_error or not answer.body and method != "HEAD"):
                continue
            if name in IDS:
                value = self.known(IDS[name], value)
            found[f"header {name}"] = DATE.sub("<date>", value) if name != "expires" else value
        if is_xml and answer.body.strip():
            try:
                root = ET.fromstring(answer.body)
            except ET.ParseError:
                found["body"] = "not XML: " + repr(answer.body[:80])
                return found
            if not is_error:
                found["body"] = plain(root.tag)
                self.elements(root, "", found)
        elif not is_error:
            text = answer.body
            found["body"] = (
                repr(text) if len(text) < 60 else f"{len(text)} bytes {hashlib.sha256(text).hexdigest()[:16]}"
            )
        return found

    def elements(self, parent: ET.Element, path: str, found: dict[str, str]) -> None:
        children = list(parent)
        # Tags are a set; some servers give them in another order each time.
        if plain(parent.tag) == "TagSet":
            children.sort(key=lambda tag: "".join(tag.itertext()))
        for element in children:
            tag = plain(element.tag)
            here = f"{path}/{tag}" if path else tag
            if tag in PEOPLE:
                text = "<somebody>"
            elif len(element):
                self.elements(element, here, found)
                continue
            else:
                text = (element.text or "").strip()
            if tag in ID_ELEMENTS and text:
                text = self.known(ID_ELEMENTS[tag], text)
            elif tag in TOKENS and text:
                text = "<token>"
            name = f"body {here}"
            text = DATE.sub("<date>", text.replace(self.endpoint, "<endpoint>"))
            found[name] = f"{found[name]} | {text}" if name in found else text


def differences(ours: Peer, theirs: Peer) -> list[tuple[str, str, str, str]]:
    """What differs: case, field, our value, their value. A field that is absent has the value `-`."""
    found = []
    for case, mine in ours.answers.items():
        other = theirs.answers.get(case, {"answer": "not reached"})
        names = list(dict.fromkeys([*mine, *other]))
        if mine["answer"] != other["answer"]:
            names = ["answer"]
        for name in names:
            if mine.get(name, "-") != other.get(name, "-"):
                found.append((case, name, mine.get(name, "-"), other.get(name, "-")))
    return found
