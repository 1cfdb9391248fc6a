"""docs/compatibility.md says what the code does: its lists are those of the code, and what it says
to be answered with 501 is not taken for another operation."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import botocore
import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_script() -> ModuleType:
    path = str(ROOT / "scripts/compatibility-tables")
    loader = importlib.machinery.SourceFileLoader("compatibility_tables", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


TABLES = load_script()
PAGE = TABLES.PAGE.read_text(encoding="utf-8")

@pytest.mark.parametrize("service", TABLES.SERVICES)
def test_the_page_lists_what_is_implemented(service: str) -> None:
    title = TABLES.TITLES.get(service, service)
    section = PAGE.split(f"### {title}: ")[1].split("\n### ")[0]
    if service in TABLES.TESTED:
        listed = re.findall(r"^\| (\w+) \| ✓ \|", section, re.MULTILINE)
    else:
        listed = re.findall(r"\b([A-Z]\w+)\b", section.split("Answered with 501:")[0])
    assert sorted(listed) == TABLES.implemented(service)


@pytest.mark.parametrize("service", TABLES.TESTED)
def test_what_is_implemented_has_a_test_with_a_real_client(service: str) -> None:
    """That the test calls the operation is held against it whenever it runs: tests/e2e/operations.py."""
    named = TABLES.tests()
    for name in TABLES.implemented(service):
        operation = TABLES.SAME_REQUEST.get(name, name) if service == "S3" else name
        file, _, test = named[TABLES.SERVICES[service], operation].partition("::")
        text = (ROOT / "tests/e2e" / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{name}: {file}::{test}"


def test_every_operation_that_is_not_there_has_a_reason() -> None:
    without = {name for name, why in TABLES.unimplemented().items() if not why}
    # These are only not there yet.
    assert without <= {"DeleteBucketReplication", "GetBucketReplication", "PutBucketReplication"}


def test_the_tables_are_up_to_date() -> None:
    version = f"botocore {botocore.__version__} "
    if version not in PAGE:
        pytest.skip(f"the tables were made with another version than {version}")
    assert TABLES.tables() in PAGE


def test_the_gateway_tells_the_operations_of_s3_by_what_the_model_sends() -> None:
    table = TABLES.requests()
    for name, operation in TABLES.model("S3")["operations"].items():
        method, level, sub = table[TABLES.SAME_REQUEST.get(name, name)]
        path, _, query = operation["http"]["requestUri"].partition("?")
        assert method == operation["http"]["method"], name
        if name != "WriteGetObjectResponse":  # an endpoint of its own
            expected = "Object" if "{Key" in path else "Bucket" if "{Bucket" in path else "Service"
            assert level == expected, name
        parameters = {pair.split("=")[0] for pair in query.split("&")} | {
            member["locationName"]
            for member in members(operation)
            if member.get("location") == "querystring"
        }
        assert sub in parameters or not sub, name


def members(operation: dict) -> list[dict]:
    shape = operation.get("input", {}).get("shape")
    return list(TABLES.model("S3")["shapes"][shape]["members"].values()) if shape else []


def test_every_operation_has_a_state() -> None:
    known = set(TABLES.model("S3")["operations"])
    assert known | TABLES.NOT_IN_MODEL == set(TABLES.requests()) | set(TABLES.SAME_REQUEST)
    assert set(TABLES.unimplemented()) <= set(TABLES.requests())
