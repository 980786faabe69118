"""Reaching machines: the right ones, as the right person, and never one whose host key the stack does not know."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from mastodon_infra.operate.login import log_in
from mastodon_infra.operate.reach import Fleet, ReachError, Roster
from tests.unit.operate.sshd import INSIDE, JUMP, Machines, machines

Scene = Callable[[Machines], Awaitable[None]]


def played(folder: Path, scene: Scene) -> None:
    """Play a scene on fresh machines."""

    async def whole() -> None:
        async with machines(folder) as there:
            await scene(there)

    asyncio.run(whole())


def test_a_program_runs_as_root_and_says_how_it_ended(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            done = await fleet.run("web-1", "sh", "-c", "cat; echo no >&2; exit 3", stdin=b"secret word")
        assert (done.status, done.stdout, done.stderr) == (3, "secret word", "no\n")
        assert not done
        assert there.jump.commands == ["sudo --non-interactive -- sh -c 'cat; echo no >&2; exit 3'"]

    played(tmp_path, scene)


def test_without_sudo_it_runs_as_whoever_logged_in(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            assert await fleet.run("web-1", "echo", "a b", sudo=False)
        assert there.jump.commands == ["echo 'a b'"]

    played(tmp_path, scene)


def test_what_stands_behind_is_reached_through_the_jump_node(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            assert (await fleet.run("postgres-1", "echo", "here")).stdout == "here\n"
        assert there.jump.forwarded == [INSIDE]
        assert there.inside.connections == 1

    played(tmp_path, scene)


def test_a_connection_is_made_once_and_carries_many_programs_at_a_time(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            told = await asyncio.gather(*(fleet.run("postgres-1", "echo", str(number)) for number in range(20)))
        assert [int(one.stdout) for one in told] == list(range(20))
        assert (there.jump.connections, there.inside.connections) == (1, 1)

    played(tmp_path, scene)


@pytest.mark.parametrize("node", ["web-1", "postgres-1"])
def test_another_host_key_stops_everything(tmp_path: Path, node: str) -> None:
    async def scene(there: Machines) -> None:
        address = there.roster.addresses[node]
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        lines = [
            f"[{address}]:{there.roster.port} {stranger}" if line.startswith(f"[{address}]") else line
            for line in there.roster.known_hosts.splitlines()
        ]
        machine = there.jump if node == "web-1" else there.inside
        with pytest.raises(ReachError, match=r"host key .* is not the one that the stack made") as refusal:
            async with Fleet(replace(there.roster, known_hosts="\n".join(lines) + "\n")) as fleet:
                await fleet.run(node, "true")
        assert "do not log in" in refusal.value.problems[0].hint
        assert machine.commands == []

    played(tmp_path, scene)


def test_a_host_that_the_stack_does_not_know_is_not_asked_either(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        with pytest.raises(ReachError, match="host key"):
            async with Fleet(replace(there.roster, known_hosts="")) as fleet:
                await fleet.run("web-1", "true")
        assert there.jump.commands == []

    played(tmp_path, scene)


def test_a_refused_key_says_whose_it_is_and_what_to_do(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        other = tmp_path / "other"
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(other)
        with pytest.raises(ReachError, match="refuses the keys of alice") as refusal:
            async with Fleet(replace(there.roster, identity=other)) as fleet:
                await fleet.run("web-1", "true")
        assert "administrators" in refusal.value.problems[0].hint

    played(tmp_path, scene)


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        broken = tmp_path / "broken"
        broken.write_text("no key\n")
        for identity in (broken, tmp_path / "missing"):
            with pytest.raises(ReachError, match=f"the key {identity} cannot be read"):
                async with Fleet(replace(there.roster, identity=identity)) as fleet:
                    await fleet.run("web-1", "true")

    played(tmp_path, scene)


def test_somebody_without_sudo_is_told_so(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        there.jump.may_sudo = False
        with pytest.raises(ReachError, match="alice may not become root"):
            async with Fleet(there.roster) as fleet:
                await fleet.run("web-1", "true")

    played(tmp_path, scene)


def test_a_machine_that_does_not_answer_is_told_with_its_address(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        with pytest.raises(ReachError, match=rf"{JUMP}, port 1 cannot be reached"):
            async with Fleet(replace(there.roster, port=1)) as fleet:
                await fleet.run("web-1", "true")

    played(tmp_path, scene)


def test_all_that_are_not_reached_are_told_at_once_and_how_to_go_on_with_the_others(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        gone = {"redis-1": "127.0.0.3", "sidekiq-1": "127.0.0.4"}
        roster = replace(there.roster, addresses={**there.roster.addresses, **gone})
        with pytest.raises(ReachError) as refusal:
            async with Fleet(roster) as fleet:
                await fleet.connect(["web-1", "redis-1", "postgres-1", "sidekiq-1"])
        assert [problem.where for problem in refusal.value.problems] == ["redis-1", "sidekiq-1", ""]
        assert refusal.value.problems[-1].hint.endswith("--node web-1 --node postgres-1")

    played(tmp_path, scene)


def test_without_the_jump_node_it_alone_is_told(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        with pytest.raises(ReachError) as refusal:
            async with Fleet(replace(there.roster, port=1)) as fleet:
                await fleet.connect(["web-1", "postgres-1"])
        assert [problem.where for problem in refusal.value.problems] == ["web-1"]

    played(tmp_path, scene)


def test_a_program_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            with pytest.raises(ReachError, match=r"sleep did not end within 0.2 s"):
                await fleet.run("web-1", "sleep", "1", seconds=0.2)
            assert await fleet.run("web-1", "true"), "the connection is still of use"

    played(tmp_path, scene)


def test_an_unknown_machine_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    async def scene(there: Machines) -> None:
        async with Fleet(there.roster) as fleet:
            with pytest.raises(ReachError, match="there is no machine web-9") as refusal:
                await fleet.run("web-9", "true")
        assert refusal.value.problems[0].hint == "there are: web-1, postgres-1"

    played(tmp_path, scene)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh here: its way in was not tried")
def test_the_systems_ssh_takes_the_same_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def scene(there: Machines) -> None:
        assert await asyncio.to_thread(log_in, there.roster, "postgres-1", ("echo", "here")) == 0
        assert there.jump.forwarded == [INSIDE]
        stranger: Roster = replace(there.roster, known_hosts="")
        assert await asyncio.to_thread(log_in, stranger, "web-1", ("echo", "never")) == 255
        assert there.jump.commands == []

    played(tmp_path, scene)
    assert capfd.readouterr().out == "here\n"
