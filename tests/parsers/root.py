"""The root file system and what is installed for its Python: made by the script, or the tests say why not."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts/debian13-root"
ENVIRONMENT = dict(os.environ)
"""As it was before any test: the cache is the user's."""

SHOWN = 1500
"""How much of a failed script's last words is told."""


def made(*options: str) -> Path:
    """The folder that ``scripts/debian13-root`` makes or finds. Skips the test, or fails it on a build server."""
    before = privilege()
    if before is None:
        cannot("they need root, for namespaces and mounts of their own")
    done = subprocess.run(
        [*before, str(SCRIPT), *options], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        cannot(f"{' '.join(('scripts/debian13-root', *options))} failed: {done.stderr.strip()[-SHOWN:]}")
    return Path(done.stdout.strip())


def cannot(reason: str) -> NoReturn:
    """Skip with one line; on a build server fail, since there a check that does not run is a check that is lost."""
    message = f"parser checks not run: {reason}"
    if ENVIRONMENT.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def privilege() -> tuple[str, ...] | None:
    """What goes before a command that needs root: nothing, sudo on a build server, None where root is not to be had."""
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo", "--non-interactive")
    if ENVIRONMENT.get("CI"):
        with suppress(OSError):
            if subprocess.run([*sudo, "true"], check=False, capture_output=True).returncode == 0:
                return sudo
    return None
