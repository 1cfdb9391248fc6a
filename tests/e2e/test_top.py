"""`sealgate top`: in a terminal, and as text."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from gateway import Gateway, binary

PATIENCE = 60


class Terminal:
    """A program in a terminal; what is on its screen is kept as one text of everything it wrote."""

    def __init__(self, command: list[str], columns: int = 120, rows: int = 40) -> None:
        self.child, self.end = pty.fork()
        if self.child == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(command[0], command)
        self.text = ""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.child, signal.SIGWINCH)

    def read(self) -> bool:
        """Takes what was written; false at the end."""
        ready, _, _ = select.select([self.end], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self.end, 65536)
        except OSError:
            return False
        # Moves of the cursor stand between what belongs together.
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", data.decode(errors="replace"))
        return bool(data)

    def wait_for(self, words: str) -> None:
        until = time.monotonic() + PATIENCE
        while words not in self.text:
            assert self.read() and time.monotonic() < until, f"{words!r} is not in {self.text[-3000:]!r}"

    def forget(self) -> None:
        self.text = ""

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def ended(self) -> int:
        until = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < until, "it does not end"
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


@pytest.fixture
def watched(tmp_path):
    gateway = Gateway(tmp_path / "watched").start()
    yield gateway
    gateway.kill()


def top(url: str, *more: str) -> list[str]:
    return [binary(), "top", "--url", url, "--interval", "1", *more]


def test_an_operation_just_done_is_seen_and_a_lost_gateway_too(watched):
    terminal = Terminal(top(watched.http))
    terminal.wait_for("Counting begins")
    terminal.wait_for("Latency")
    s3 = watched.client()
    s3.create_bucket(Bucket="seen")
    terminal.wait_for("CreateBucket")
    terminal.forget()
    terminal.resize(70, 24)
    terminal.wait_for("CreateBucket")
    watched.kill()
    terminal.wait_for("does not answer")
    terminal.type("q")
    assert terminal.ended() == 0


def test_once_prints_a_view_for_scripts(watched):
    watched.client().create_bucket(Bucket="seen")
    done = subprocess.run(top(watched.http, "--once"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert re.search(r"s3 CreateBucket +0 +0 +– +1\b", done.stdout), done.stdout
    secure = subprocess.run(
        top(watched.https, "--once", "--ca-file", str(watched.ca)), capture_output=True, text=True, timeout=PATIENCE
    )
    assert secure.returncode == 0 and "s3 CreateBucket" in secure.stdout, secure.stderr


def test_what_is_no_gateway_is_said_in_a_sentence(watched):
    watched.kill()
    done = subprocess.run(top(watched.http, "--once"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and done.stderr.startswith("sealgate: "), done.stderr
    piped = subprocess.run(top(watched.http), capture_output=True, text=True, timeout=PATIENCE)
    assert piped.returncode == 1 and "--once" in piped.stderr
