"""What the tests share: gateways, foreign stores, buckets, and runners of command-line clients.

A test that marks itself `every_store` runs over the local store, over a foreign S3 (moto) and over
a second Sealgate as the store. Tests that do not harm it share one gateway for each store.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
import operations
import pytest
from gateway import ALICE, REGION, ROOT_USER, Gateway, User, clean_environment, unique
from modes import MODES
from tokens import TEST_ROOT

STORES = ("local", "moto", "sealgate")
SCHEMES = ("http", "https")
# Set to run every test over every kind of store: longer than the suite may take.
ALL_STORES = bool(os.environ.get("SEALGATE_ALL_STORES"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_store: runs over each kind of store")
    config.addinivalue_line("markers", "key_file: begins with the root of trust in its file")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        operations.passed(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What docs/compatibility.md says of the tests of operations has to be so."""
    if path := os.environ.get("SEALGATE_OPERATIONS"):
        operations.write(path)
    tables = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts/compatibility-tables"))
    if wrong := operations.wrong(tables["tests"]()):
        print("\ndocs/compatibility.md:", *wrong, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if TEST_ROOT and item.get_closest_marker("key_file"):
            item.add_marker(pytest.mark.skip(reason=f"is about the file of the root key; here it is in {TEST_ROOT}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_store")
        metafunc.parametrize("store", STORES if every or ALL_STORES else STORES[:1], scope="session")
    # A test may name its own modes or schemes.
    own = {name for mark in metafunc.definition.iter_markers("parametrize") for name in mark.args[0].split(",")}
    if "mode" in metafunc.fixturenames and "mode" not in own:
        metafunc.parametrize("mode", MODES, ids=lambda mode: mode.name.replace(" ", "-"))
    if "scheme" in metafunc.fixturenames and "scheme" not in own:
        metafunc.parametrize("scheme", SCHEMES)


def noise(length: int, seed: object = 0) -> bytes:
    """Bytes that look like none others, the same ones for the same seed."""
    return random.Random(f"{seed}/{length}").randbytes(length)


# --- gateways


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def moto(workshop: Path):
    """A foreign S3: the URL of a moto server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (workshop / "moto.log").open("wb")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment(workshop))
    url = f"http://127.0.0.1:{port}"
    for _ in range(150):
        try:
            urllib.request.urlopen(url + "/moto-api/", timeout=2).close()
            break
        except OSError:
            assert server.poll() is None, (workshop / "moto.log").read_text()
            time.sleep(0.2)
    yield url
    server.kill()
    server.wait()
    log.close()


@pytest.fixture(scope="session")
def new_gateway(workshop: Path):
    """Makes gateways on folders of their own, and ends those that still run."""
    made: list[Gateway] = []

    def make(start: bool = True, **options: object) -> Gateway:
        gateway = Gateway(workshop / unique("gateway"), **options)
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in reversed(made):
        gateway.kill()
        shutil.rmtree(gateway.data, ignore_errors=True)


class Backend:
    """A store behind a gateway, and the way to look into it."""

    def __init__(self, url: str, endpoint: str, user: User, verify: str | None) -> None:
        self.url, self.endpoint, self.user, self.verify = url, endpoint, user, verify
        self.bucket = url.split("/")[2]
        self.s3 = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=user.access_key,
            aws_secret_access_key=user.secret_key,
            region_name=REGION,
            verify=verify,
        )

    def options(self) -> dict[str, object]:
        env = {
            "SEALGATE_STORE_ENDPOINT": self.endpoint,
            "SEALGATE_STORE_REGION": REGION,
            "SEALGATE_STORE_ACCESS_KEY_ID": self.user.access_key,
            "SEALGATE_STORE_SECRET_ACCESS_KEY": self.user.secret_key,
        }
        if self.verify:
            env["SEALGATE_STORE_CA_FILE"] = self.verify
        else:
            env["SEALGATE_STORE_ALLOW_HTTP"] = "true"
        return {"store": self.url, "env": env}

    def objects(self) -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest, new_gateway):
    """Makes a backend of a kind: a new bucket there."""

    def make(kind: str) -> Backend | None:
        if kind == "local":
            return None
        if kind == "moto":
            endpoint, verify = request.getfixturevalue("moto"), None
        else:
            behind = new_gateway()
            endpoint, verify = behind.https, behind.ca
        store = Backend(f"s3://{unique('store')}/some/prefix", endpoint, ALICE, verify)
        store.s3.create_bucket(Bucket=store.bucket)
        return store

    return make


@pytest.fixture(scope="session")
def gateways(new_gateway, backend):
    """The shared gateway of each kind of store, started when it is first asked for."""
    running: dict[str, Gateway] = {}

    def get(kind: str) -> Gateway:
        if kind not in running:
            store = backend(kind)
            running[kind] = new_gateway(**(store.options() if store else {}))
        return running[kind]

    return get


@pytest.fixture
def gateway(gateways, store: str) -> Gateway:
    shared = gateways(store)
    if shared.process and shared.process.poll() is not None:
        pytest.fail(f"the shared gateway has ended: {shared.log()[-2000:]}")
    return shared


@pytest.fixture
def bucket(gateway: Gateway) -> str:
    name = unique("bucket")
    gateway.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3(gateway: Gateway):
    """A boto3 client over HTTP."""
    return gateway.client()


# --- command-line clients


class Failed(Exception):
    """A command ended with a status other than 0."""

    def __init__(self, command: list[str], done: subprocess.CompletedProcess) -> None:
        self.stderr = done.stderr.decode(errors="replace")
        super().__init__(
            f"{' '.join(command)}: status {done.returncode}\n{done.stdout.decode(errors='replace')}{self.stderr}"
        )


class Shell:
    """Runs a program in an environment that knows nothing but what is given."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.home, self.env = home, clean_environment(home, **env)

    def run(self, *command: str, stdin: bytes = b"", cwd: Path | None = None) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            input=stdin,
            capture_output=True,
            env=self.env,
            cwd=cwd or self.home,
            timeout=300,
        )
        if done.returncode:
            raise Failed(list(map(str, command)), done)
        return done.stdout.decode(errors="replace")

    def json(self, *command: str) -> dict:
        text = self.run(*command)
        return json.loads(text) if text.strip() else {}


def aws_environment(gateway: Gateway, user: User = ROOT_USER, scheme: str = "http") -> dict[str, str]:
    env = {
        "AWS_ACCESS_KEY_ID": user.access_key,
        "AWS_SECRET_ACCESS_KEY": user.secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": gateway.url(scheme),
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return env | ({"AWS_CA_BUNDLE": gateway.ca} if scheme == "https" else {})


@pytest.fixture
def aws(tmp_path: Path):
    """Makes a runner of the AWS CLI for a gateway."""

    def make(gateway: Gateway, user: User = ROOT_USER, scheme: str = "http") -> Shell:
        return Shell(tmp_path, aws_environment(gateway, user, scheme))

    return make


@pytest.fixture
def rclone(tmp_path: Path):
    """Makes a runner of rclone with a remote `r:` (provider Other)."""

    def make(gateway: Gateway, scheme: str = "http", **options: str) -> Shell:
        if not shutil.which("rclone"):
            pytest.fail("rclone is missing: apt-get install rclone")
        settings = {
            "type": "s3",
            "provider": "Other",
            "access_key_id": ROOT_USER.access_key,
            "secret_access_key": ROOT_USER.secret_key,
            "region": REGION,
            "endpoint": gateway.url(scheme),
        } | options
        config = tmp_path / unique("rclone")
        config.write_text("[r]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
        env = {"RCLONE_CONFIG": str(config), "RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1"}
        if scheme == "https":
            env["RCLONE_CA_CERT"] = gateway.ca
        return Shell(tmp_path, env)

    return make
