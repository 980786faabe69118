"""A world with something in it."""

import pytest

from mastodon_infra.rehearsal.world import World
from tests.unit.rehearsal.clouds import furnished


@pytest.fixture
def world(tmp_path):
    """Everything that good inputs name exists."""
    return furnished(World(tmp_path / "cloud"))
