"""The console, driven by a real browser: Debian's Chromium, through Playwright.

Every visitor watches its page: no script fails, no policy of the page is violated, and nothing is asked of
another host. Gateways and people are those of the end-to-end suite.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from gateway import Gateway, User  # noqa: E402
from visitor import Visitor  # noqa: E402


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("console") / "gateway").start()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, gateway: Gateway) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors; the one of a user is signed in."""
    visitors: list[Visitor] = []

    def make(user: User | None = None, scheme: str = "http", at: Gateway = gateway, **options: object) -> Visitor:
        visitor = Visitor(browser, at.url(scheme), **options)
        visitors.append(visitor)
        if user:
            visitor.sign_in(user)
        return visitor

    yield make
    for visitor in visitors:
        visitor.close()
    for visitor in visitors:
        assert not visitor.faults, visitor.faults
