"""A server that is lost, and the session with it: said, found again, and gone on with where one was."""

from __future__ import annotations

import socket

import pytest
from gateway import ALICE, Gateway
from playwright.sync_api import expect


class Elsewhere(Gateway):
    """A gateway that is found at the same place after a restart."""

    def command(self) -> list[str]:
        command = super().command()
        command[command.index("--listen") + 1] = self.place
        return command


@pytest.fixture
def gateway_to_lose(tmp_path):
    gateway = Elsewhere(tmp_path / "gateway")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        gateway.place = f"127.0.0.1:{one.getsockname()[1]}"
    yield gateway.start()
    gateway.kill()


def test_a_lost_server_is_said_and_found_again_and_one_goes_on_where_one_was(visit, gateway_to_lose):
    gateway = gateway_to_lose
    visitor = visit(at=gateway)
    page = visitor.page
    page.clock.install()
    visitor.sign_in(ALICE)
    key = gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]
    visitor.go(f"keys/{key}?tab=tags")
    expect(page.locator("#lost")).to_be_hidden()
    gateway.kill()
    page.clock.run_for(20_000)
    expect(page.locator("#lost")).to_be_visible()
    gateway.start()
    # Asked again every two seconds.
    page.clock.run_for(2_000)
    expect(page.locator("#lost")).to_be_hidden()
    # Sessions are in memory: this one is over. A page that was asked for comes after the sign-in, and so does the
    # page that a form was on.
    page.click(".tabs >> text=Policy")
    assert visitor.place.startswith("/console/sign-in?to=")
    visitor.sign_in(ALICE)
    assert visitor.place == f"/console/keys/{key}?tab=policy"
    page.fill("#policy", "{")
    page.click("text=See what changes")
    assert visitor.place == f"/console/keys/{key}/policy"
    gateway.kill()
    gateway.start()
    page.click("text=Compare again")
    visitor.sign_in(ALICE)
    assert visitor.place == f"/console/keys/{key}?tab=policy"
    refused = [fault for fault in visitor.faults if "net::ERR_" not in fault]
    visitor.faults[:] = refused
