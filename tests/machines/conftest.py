"""Machines that really boot. They take minutes and root, so they run only where they are asked for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.machines.bed import Parts

PROJECT = Path(__file__).parents[2]
ASKED = "MASTODON_INFRA_MACHINES"


@pytest.fixture(scope="session")
def asked():
    """Skips where nobody asked for machines; fails where they were asked for and cannot be."""
    if not os.environ.get(ASKED):
        pytest.skip("machines are booted by: make test-machines")
    if os.geteuid() != 0:
        pytest.fail("machines need root: sudo make test-machines", pytrace=False)


@pytest.fixture(scope="session")
def parts(asked):
    """What machines and the world outside are made from."""
    done = subprocess.run([PROJECT / "scripts/machine-parts"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip()[-3000:], pytrace=False)
    return Parts(Path(done.stdout.strip()))
