"""The requests that are sent to each implementation, as stories of one bucket each, in the files stories_*.py.

A story may use what an answer said (an upload's id, a version's id): it runs against each implementation on its own.
Every request has a label; the case is called `story: label`.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from importlib import import_module

from answers import Peer

# Where the stories are.
MODULES = [
    f"stories_{of}" for of in ("buckets", "objects", "conditions", "lists", "versions", "multipart", "transfers")
]
STORIES: dict[str, Callable[[Peer, str], None]] = {}
FIVE = 5 * 1024 * 1024


def story(function: Callable[[Peer, str], None]) -> Callable[[Peer, str], None]:
    STORIES[function.__name__.replace("_", " ")] = function
    return function


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def crc(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def document(c: Peer, label: str, path: str, parameter: str, xml: str, method: str = "PUT") -> None:
    """A sub-resource's document, with the digest that some of them need."""
    c(label, method, path, query={parameter: ""}, headers={"content-md5": md5(xml.encode())}, body=xml)


def versioned(c: Peer, bucket: str, status: str = "Enabled", label: str = "versioning is enabled") -> None:
    document(
        c,
        label,
        f"/{bucket}",
        "versioning",
        f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>",
    )


def run(peer: Peer) -> None:
    """All stories, each in a bucket of its own."""
    for module in MODULES:
        import_module(module)
    for number, (name, tell) in enumerate(STORIES.items()):
        bucket = f"differential-{number}"
        peer.scenario = name
        peer("the bucket is made", "PUT", f"/{bucket}")
        tell(peer, bucket)
