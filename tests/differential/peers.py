"""The implementations, each started on a folder of its own and ended when its answers are in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway import REGION, ROOT, ROOT_USER, Gateway, clean_environment

ATTEMPTS = 300
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"


@contextmanager
def sealgate(folder: Path) -> Iterator[str]:
    gateway = Gateway(folder / "sealgate").start()
    try:
        yield gateway.http
        assert "a panic was caught" not in gateway.log()
    finally:
        gateway.kill()


@contextmanager
def server(folder: Path, command: list[str], port: int) -> Iterator[str]:
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(folder)
        )
    try:
        for _ in range(ATTEMPTS):
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    port = free_port()
    with server(
        folder / "moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port
    ) as url:
        yield url


def versitygw_program() -> str:
    if named := os.environ.get("VERSITYGW"):
        return named
    built = ROOT / "target" / "programs" / "versitygw"
    if not built.exists():
        if not shutil.which("go"):
            raise RuntimeError("versitygw is built with Go, which is missing")
        subprocess.run(["go", "install", VERSITYGW], check=True, env=os.environ | {"GOBIN": str(built.parent)})
    return str(built)


@contextmanager
def versitygw(folder: Path) -> Iterator[str]:
    port, here = free_port(), folder / "versitygw"
    for name in ("objects", "versions"):
        (here / name).mkdir(parents=True)
    command = [versitygw_program(), "--access", ROOT_USER.access_key, "--secret", ROOT_USER.secret_key]
    command += ["--region", REGION, "--port", f"127.0.0.1:{port}", "--quiet"]
    command += ["posix", "--versioning-dir", str(here / "versions"), str(here / "objects")]
    with server(here, command, port) as url:
        yield url


PEERS = {"moto": moto, "versitygw": versitygw}
