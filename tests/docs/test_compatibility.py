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

# Operations of S3 that the table of sub-resources does not tell: by what else they are refused.
NO_PARAMETER = {
    # POST on a bucket without `?delete`, which is answered with 501.
    "WriteGetObjectResponse": "POST",
    # `?encryption` on an object has a rule of its own.
    "UpdateObjectEncryption": "PUT",
}


@pytest.mark.parametrize("service", TABLES.SERVICES)
def test_the_page_lists_what_is_implemented(service: str) -> None:
    title = TABLES.TITLES.get(service, service)
    section = PAGE.split(f"### {title}: ")[1].split("Answered with 501:")[0]
    listed = re.findall(r"\b([A-Z]\w+)\b", section)
    assert sorted(listed) == TABLES.implemented(service)


def test_the_tables_are_up_to_date() -> None:
    version = f"botocore {botocore.__version__} "
    if version not in PAGE:
        pytest.skip(f"the tables were made with another version than {version}")
    assert TABLES.tables() in PAGE


def test_no_operation_of_s3_is_taken_for_another() -> None:
    table = re.search(r"const UNSUPPORTED[^=]*= \[(.*?)\];", TABLES.ROUTER.read_text(), re.DOTALL)
    assert table is not None
    refused = set(re.findall(r'"([\w-]+)"', table[1]))
    done = TABLES.implemented("S3")
    for name, operation in TABLES.model("S3")["operations"].items():
        if name in done or name in TABLES.SAME_REQUEST:
            continue
        method, uri = operation["http"]["method"], operation["http"]["requestUri"]
        if name in NO_PARAMETER:
            assert method == NO_PARAMETER[name], name
            continue
        parameters = {pair.split("=")[0] for pair in uri.partition("?")[2].split("&")}
        assert parameters & refused, f"{name} ({method} {uri}) has no rule in the router"
