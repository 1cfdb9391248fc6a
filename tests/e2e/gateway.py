"""A gateway under test: the real binary on a folder of its own, started, stopped and killed."""

from __future__ import annotations

import functools
import itertools
import os
import re
import signal
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import boto3
import operations
from botocore.config import Config
from tokens import TEST_ROOT, Token, names_a_root

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "111111111111"
OTHER_ACCOUNT = "222222222222"
CANONICAL_ID = "testid"
PATIENCE = 60


@dataclass(frozen=True)
class User:
    """Somebody that the bootstrap file declares."""

    name: str
    access_key: str
    secret_key: str
    arn: str


ROOT_USER = User(
    "root", "AKIAROOTROOTROOT0001", "root-secret-root-secret-root-secret-0001", f"arn:aws:iam::{ACCOUNT}:root"
)
ALICE = User(
    "alice", "AKIAALICEALICEALIC01", "alice-secret-alice-secret-alice-sec-0001", f"arn:aws:iam::{ACCOUNT}:user/alice"
)
BOB = User(
    "bob", "AKIABOBBOBBOBBOBBO01", "bob-secret-bob-secret-bob-secret-bob0001", f"arn:aws:iam::{ACCOUNT}:user/bob"
)
CAROL = User(
    "carol", "AKIACAROLCAROLCARO01", "carol-secret-carol-secret-carol-sec-0001", f"arn:aws:iam::{OTHER_ACCOUNT}:root"
)
USERS = {user.name: user for user in (ROOT_USER, ALICE, BOB, CAROL)}

BOOTSTRAP = f"""
[[account]]
id = "{ACCOUNT}"
name = "main"
email = "tester@example.com"
canonical_id = "{CANONICAL_ID}"
access_key = {{ id = "{ROOT_USER.access_key}", secret = "{ROOT_USER.secret_key}" }}

# May do everything.
[[account.user]]
name = "alice"
access_key = {{ id = "{ALICE.access_key}", secret = "{ALICE.secret_key}" }}
policies = {{ everything = '''{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}}]}}''' }}

# May do everything in S3, and nothing with keys.
[[account.user]]
name = "bob"
access_key = {{ id = "{BOB.access_key}", secret = "{BOB.secret_key}" }}
policies = {{ storage = '''{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:*","Resource":"*"}}]}}''' }}

[[account]]
id = "{OTHER_ACCOUNT}"
name = "other"
email = "other@example.com"
access_key = {{ id = "{CAROL.access_key}", secret = "{CAROL.secret_key}" }}
"""


NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    """A name that nothing else has in this run."""
    return f"{prefix}-{os.getpid()}-{next(NUMBERS)}"


def binary() -> str:
    """The program: SEALGATE_BIN, or what a build of the workspace left."""
    if path := os.environ.get("SEALGATE_BIN"):
        return path
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for profile in ("debug", "release"):
        if (path := target / profile / "sealgate").exists():
            return str(path)
    raise RuntimeError("build the program first (cargo build), or name it in SEALGATE_BIN")


@functools.cache
def fips() -> bool:
    """True of a FIPS build, which refuses what its module does not approve."""
    said = subprocess.run([binary(), "version"], capture_output=True, text=True, check=True).stdout
    return "AWS-LC FIPS" in said


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which no configuration of the person who runs the tests counts."""
    prefixes = ("AWS_", "SEALGATE_", "RCLONE_", "BOTO_")
    # botocore would send requests for the gateway through a proxy.
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONPATH")
    keep = {k: v for k, v in os.environ.items() if not k.startswith(prefixes) and k.upper() not in names}
    return keep | {"HOME": str(home), "NO_PROXY": "*"} | more


class StartRefused(Exception):
    """The program ended before it was ready."""

    def __init__(self, status: int, output: str, sentence: str) -> None:
        super().__init__(f"status {status}: {sentence}")
        self.status, self.output, self.sentence = status, output, sentence


class Gateway:
    """One data folder and the process that serves it."""

    def __init__(
        self,
        folder: Path,
        *,
        store: str | None = None,
        env: dict[str, str] | None = None,
        config: str = "",
        bootstrap: bool = True,
        arguments: tuple[str, ...] = (),
        listen: str = "127.0.0.1:0",
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log_path = folder / "log"
        self.store, self.env, self.config = store, env or {}, config
        self.bootstrap, self.arguments, self.listen = bootstrap, arguments, listen
        self.process: subprocess.Popen[str] | None = None
        self.greeting: list[str] = []
        self.http = self.https = ""
        self._clients: dict[tuple, object] = {}
        self._keys: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        # A folder that was in use keeps the root that it has.
        if TEST_ROOT and not self.data.exists() and not names_a_root(arguments, self.env, config):
            token = Token(folder / "token")
            self.env, self.arguments = self.env | token.env, arguments + token.arguments

    # --- life

    def command(self) -> list[str]:
        command = [binary(), "serve", "--data", str(self.data)]
        command += ["--listen", self.listen, "--listen-tls", self.listen]
        if self.bootstrap:
            path = self.folder / "bootstrap.toml"
            path.write_text(BOOTSTRAP)
            command += ["--bootstrap", str(path)]
        if self.store:
            command += ["--store", self.store]
        if self.config:
            path = self.folder / "config.toml"
            path.write_text(self.config)
            command += ["--config", str(path)]
        return command + list(self.arguments)

    def start(self) -> Gateway:
        with self.log_path.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean_environment(self.folder, **self.env),
            )
        self.greeting = []
        assert self.process.stdout
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith("ready "):
                urls = line.split()[1:]
                self.http = next((url for url in urls if url.startswith("http://")), "")
                self.https = next((url for url in urls if url.startswith("https://")), "")
                self._clients.clear()
                return self
            self.greeting.append(line)
        status = self.process.wait(PATIENCE)
        self.process = None
        said = self.log_path.read_bytes()[begin:].decode(errors="replace")
        sentences = re.findall(r"^sealgate: (.*)$", said, re.MULTILINE)
        raise StartRefused(status, said, sentences[-1] if sentences else "")

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def stop(self, patience: float = PATIENCE) -> int:
        """Asks for the end and waits for it."""
        if not self.process:
            return 0
        self.signal(signal.SIGTERM)
        return self.wait(patience)

    def wait(self, patience: float = PATIENCE) -> int:
        assert self.process
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._ended()
        return status

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self._ended()

    def _ended(self) -> None:
        assert self.process and self.process.stdout
        self.process.stdout.close()
        self.process = None

    def restart(self) -> Gateway:
        self.stop()
        return self.start()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    # --- what it shows

    @property
    def ca(self) -> str:
        return str(self.data / "tls" / "ca.pem")

    def url(self, scheme: str) -> str:
        return self.https if scheme == "https" else self.http

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def metrics(self) -> str:
        with urllib.request.urlopen(self.http + "/metrics", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= found.items():
                    total += float(match[3])
        return total

    def blobs(self) -> list[Path]:
        """The sealed bodies of a local store."""
        return sorted(path for path in (self.data / "blobs").rglob("*") if path.is_file())

    # --- clients

    def client(
        self, service: str = "s3", user: User = ROOT_USER, scheme: str = "http", signature_version: str | None = None
    ):
        """A boto3 client. It tries once: a failure is to be seen."""
        key = (service, user.name, scheme, signature_version)
        if key not in self._clients:
            config = Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                signature_version=signature_version,
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=64,
                region_name=REGION,
            )
            self._clients[key] = boto3.session.Session().client(
                service,
                endpoint_url=self.url(scheme),
                aws_access_key_id=user.access_key,
                aws_secret_access_key=user.secret_key,
                verify=self.ca if scheme == "https" else None,
                config=config,
            )
            operations.watch(self._clients[key])
        return self._clients[key]

    def key(self, name: str = "own") -> str:
        """The ARN of a customer-managed key, made when it is first asked for."""
        if name not in self._keys:
            made = self.client("kms", scheme="https").create_key(Description=name)
            self._keys[name] = made["KeyMetadata"]["Arn"]
        return self._keys[name]
