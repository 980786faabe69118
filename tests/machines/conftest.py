"""Machines that really boot. They take minutes and root, so they run only where they are asked for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.machines.bed import Parts

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def asked():
    """Fails where machines cannot be booted. Where nobody asks for them, tests/conftest.py leaves this folder out."""
    if os.geteuid() != 0:
        pytest.fail("machines need root: sudo make test-machines", pytrace=False)


@pytest.fixture(scope="session")
def parts(asked):
    """What machines and the world outside are made from."""
    done = subprocess.run([PROJECT / "scripts/machine-parts"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip()[-3000:], pytrace=False)
    return Parts(Path(done.stdout.strip()))
