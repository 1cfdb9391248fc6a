"""Which operations of AWS's APIs a test calls with a real client, and whether docs/compatibility.md names it rightly.

The page names a test for each operation of S3 and of the KMS. Every run of the suite holds these names against what
the tests that ran really called. With SEALGATE_OPERATIONS=FILE a run also writes all that it saw, from which
scripts/compatibility-tables chooses.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

# Of an operation that can only be refused here: that it is, is what its test shows.
ONLY_REFUSED = {("s3", "RestoreObject"), ("kms", "ReplicateKey"), ("kms", "UpdatePrimaryRegion")}

# By test: the operations, as service and name.
CALLED: dict[str, set[tuple[str, str]]] = defaultdict(set)
PASSED: set[str] = set()


def current() -> str | None:
    """The test that is in its own body, as `file::name`."""
    where, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
    return name_of(where) if phase == "(call)" else None


def name_of(nodeid: str) -> str:
    return Path(nodeid.partition("::")[0]).name + "::" + nodeid.partition("::")[2].partition("[")[0]


def watch(client) -> None:
    """Has the answers of a client noted."""
    service = client.meta.service_model.service_name

    def note(http_response, model, **_: object) -> None:
        test, operation = current(), (service, model.name)
        refused = http_response.status_code >= 300 and http_response.status_code != 304
        if test and (not refused or (operation in ONLY_REFUSED and http_response.status_code != 501)):
            CALLED[test].add(operation)

    client.meta.events.register(f"after-call.{client.meta.service_model.service_id.hyphenize()}", note)


def passed(nodeid: str) -> None:
    PASSED.add(name_of(nodeid))


def wrong(named: dict[tuple[str, str], str]) -> list[str]:
    """Of the tests that are named for operations, those that ran and did not call them."""
    return [
        f"{test} is named for {service}'s {name} and does not call it"
        for (service, name), test in sorted(named.items())
        if test in PASSED and (service, name) not in CALLED[test]
    ]


def write(path: str) -> None:
    seen = {test: sorted(map(list, called)) for test, called in CALLED.items() if test in PASSED}
    Path(path).write_text(json.dumps(seen, indent=1, sort_keys=True), encoding="utf-8")
