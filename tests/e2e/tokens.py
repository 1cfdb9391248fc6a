"""A root of trust on a token of SoftHSM2, and the way to start every gateway of a run with one.

SEALGATE_TEST_ROOT=pkcs11 gives each gateway that names no root of its own a token in its folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
# Where the root of trust of each gateway is: the key file, if nothing is said.
TEST_ROOT = os.environ.get("SEALGATE_TEST_ROOT", "")
if TEST_ROOT not in ("", "pkcs11"):
    raise RuntimeError(f"SEALGATE_TEST_ROOT is {TEST_ROOT!r}; there is only pkcs11")


class Token:
    """A token that can be pulled."""

    def __init__(self, folder: Path) -> None:
        module = next((path for path in MODULES if Path(path).exists()), None)
        if not module or not shutil.which("softhsm2-util"):
            raise RuntimeError("SoftHSM2 is missing: apt-get install softhsm2")
        self.tokens = folder / "tokens"
        self.tokens.mkdir(parents=True)
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(config), "SEALGATE_ROOT_PIN": "1234"}
        command = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            "sealgate",
            "--pin",
            "1234",
            "--so-pin",
            "5678",
        ]
        subprocess.run(command, env=self.env, check=True, capture_output=True)
        self.root = f"pkcs11:token=sealgate;object=root?module-path={module}"
        self.arguments = ("--root", self.root, "--root-make-wrapping-key")

    def pull(self) -> None:
        self.tokens.rename(self.tokens.with_name("pulled"))
        self.tokens.mkdir()

    def put_back(self) -> None:
        self.tokens.rmdir()
        self.tokens.with_name("pulled").rename(self.tokens)


def names_a_root(arguments: tuple[str, ...], env: dict[str, str], config: str) -> bool:
    """Whether a gateway is told where its root of trust is."""
    return "--root" in arguments or any(name.startswith("SEALGATE_ROOT") for name in env) or "root =" in config
