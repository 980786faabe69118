"""Which bundles machines hold, asked for a list: who answers is told, and nobody is waited for."""

import asyncio
from dataclasses import replace

import pytest

from mastodon_infra.operate.converge import holding
from mastodon_infra.operate.converge.holding import held, is_able_to_ask
from mastodon_infra.operate.reach import IDENTITY_VARIABLE, Fleet
from tests.unit.operate.sshd import machines

NODES = ("web-1", "postgres-1")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """What both machines hold: they share this computer's files."""
    monkeypatch.setattr(holding, "INSTALLED_PATH", str(tmp_path / "installed"))
    (tmp_path / "installed").write_text("abc\n")


def asked(folder, change=lambda roster: roster, seconds=20):
    async def whole():
        async with machines(folder) as there:
            return await held(Fleet(change(there.roster)), NODES, seconds=seconds)

    return asyncio.run(whole())


def test_every_machine_is_asked(tmp_path, installed):
    assert asked(tmp_path) == {"web-1": "abc", "postgres-1": "abc"}


def test_a_machine_that_has_not_installed_itself_is_left_out(tmp_path):
    assert asked(tmp_path) == {}


def test_a_machine_that_does_not_let_us_in_is_left_out(tmp_path, installed):
    assert asked(tmp_path, lambda roster: replace(roster, user="nobody-here")) == {}


def test_nobody_is_waited_for(tmp_path, installed):
    assert asked(tmp_path, seconds=0) == {}


def test_without_a_key_nobody_is_asked(monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv(IDENTITY_VARIABLE, raising=False)
    assert not is_able_to_ask()
    monkeypatch.setenv(IDENTITY_VARIABLE, "key")
    assert is_able_to_ask()
