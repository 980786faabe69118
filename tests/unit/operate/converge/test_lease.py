"""One converge at a time: the right to change machines is held by a session, and gone with it."""

import asyncio

import pytest

from mastodon_infra.operate.converge import lease
from mastodon_infra.operate.converge.decide import ConvergeError
from mastodon_infra.operate.converge.lease import Lease
from mastodon_infra.operate.reach import Fleet, ReachError
from tests.unit.operate.sshd import machines


def played(folder, scene):
    """Play a scene on fresh machines, with a maker of fleets that know them."""

    async def whole():
        async with machines(folder) as there:
            await asyncio.wait_for(scene(there, str(folder / "lock")), 60)

    asyncio.run(whole())


def test_the_second_is_refused_and_told_who_is_at_work(tmp_path):
    async def scene(there, path):
        async with Fleet(there.roster) as one, Fleet(there.roster) as other:
            await Lease(one, "web-1", path).hold()
            with pytest.raises(
                ConvergeError, match=r"another converge is at work on this stack: alice, since 20"
            ) as no:
                await Lease(other, "web-1", path).hold()
        assert "5 minutes" in no.value.problems[0].hint

    played(tmp_path, scene)


def test_it_is_held_as_long_as_it_is_asked_for_and_gone_with_the_session(tmp_path):
    async def scene(there, path):
        async with Fleet(there.roster) as one:
            held = Lease(one, "web-1", path)
            await held.hold()
            await held.hold()
        assert sum("flock" in command for command in there.jump.commands) == 1
        async with Fleet(there.roster) as other:
            await retried(Lease(other, "web-1", path))

    played(tmp_path, scene)


def test_it_is_taken_again_where_the_session_was_lost(tmp_path):
    """As when the jump machine reboots."""

    async def scene(there, path):
        async with Fleet(there.roster) as fleet:
            held = Lease(fleet, "web-1", path)
            await held.hold()
            fleet._open["web-1"].abort()
            await asyncio.sleep(0.2)
            await held.hold()
        assert sum("flock" in command for command in there.jump.commands) == 2

    played(tmp_path, scene)


def test_a_machine_that_gives_no_lock_is_told(tmp_path, monkeypatch):
    async def scene(there, path):
        there.jump.may_sudo = False
        async with Fleet(there.roster) as fleet:
            with pytest.raises(ReachError, match="could not be taken"):
                await Lease(fleet, "web-1", path).hold()

    played(tmp_path, scene)


async def retried(held):
    """Take what somebody has just let go of: the machine may notice a moment later."""
    for _ in range(50):
        try:
            return await held.hold()
        except ConvergeError:
            await asyncio.sleep(0.1)
    raise AssertionError(lease.PATH)
