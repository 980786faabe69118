"""One machine: when it counts as well, and what is waited for before it is worked at."""

import asyncio
from dataclasses import replace

import pytest

from mastodon_infra.operate.converge.decide import ConvergeError, UnwellError
from mastodon_infra.operate.converge.observed import SeenUnit
from mastodon_infra.operate.converge.wellness import unwell
from mastodon_infra.operate.reach import Outcome, ReachError
from mastodon_infra.render.difference import Act, Verb
from tests.unit.operate.converge.fleet import bundle_of, carrier_of, without_patience

WANTED = bundle_of("web-1", "one\n")
WORKER, UNDO = "mastodon-infra-converge.service", "mastodon-infra-undo.timer"


@pytest.fixture
def machine(machines):
    return machines.of["web-1"]


def waited(machines, seconds=10):
    asyncio.run(carrier_of(machines).wait_until_well(WANTED, seconds=seconds))


def test_two_good_looks_make_a_machine_well(machines, machine):
    waited(machines)

    assert machine.looks == 2


def test_what_crashes_and_starts_again_is_not_well(machines, machine):
    machine.crashing.add("nginx.service")

    with pytest.raises(UnwellError, match=r"nginx.service has just started again"):
        waited(machines, seconds=0.1)


def test_what_does_not_run_is_not_well(machines, machine):
    machine.active.clear()

    with pytest.raises(UnwellError, match=r"nginx.service does not run"):
        waited(machines, seconds=0)


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (SeenUnit("loaded", "activating"), "is still activating"),
        (SeenUnit("loaded", "inactive", has_job=True), "is still inactive"),
        (SeenUnit("loaded", "inactive", is_meant=False), ""),
        (SeenUnit("loaded", "inactive", type="oneshot"), ""),
        (SeenUnit("loaded", "activating", type="oneshot", has_job=True, restarts="0"), ""),
        (SeenUnit("loaded", "activating", type="oneshot", restarts="3"), "has failed 3 times, and tries again"),
        (SeenUnit("loaded", "failed", type="oneshot"), "has failed"),
        (SeenUnit("not-found", "inactive"), ""),
    ],
)
def test_units_are_well_as_their_kind_may_be(machine, unit, said):
    seen = replace(machine.look(WANTED), units={"nginx.service": unit})

    assert list(unwell(WANTED, seen)) == ([f"nginx.service {said}"] if said else [])


def test_a_machine_that_is_not_reached_may_come_back(machines, machine):
    machines.unreached = 3

    waited(machines)

    assert machine.looks == 2


def test_a_machine_that_does_not_come_back_is_told(machines):
    machines.unreached = 1_000_000

    with pytest.raises(UnwellError, match="the connection was lost"):
        waited(machines, seconds=0.1)


def test_a_reboot_may_end_the_session_that_asked_for_it(machines, machine, monkeypatch):
    boots = iter(["before", "after"])

    async def run(_node, *words, **_):
        if words[0] == "systemctl":
            raise ReachError("the connection was lost")
        return Outcome(0, next(boots), "")

    monkeypatch.setattr(machines, "run", run)
    asyncio.run(carrier_of(machines)._reboot(WANTED))


@pytest.mark.parametrize(("unit", "told"), [(WORKER, "still at work"), (UNDO, "bring its old access back")])
def test_what_a_run_that_was_cut_off_left_going_is_waited_for_and_told_once(machines, machine, unit, told):
    machine.left_going[unit] = 3

    steps = asyncio.run(carrier_of(machines).decide(WANTED))

    assert not steps
    assert machine.looks == 4
    assert [told in words for words in machines.words] == [True]


@pytest.mark.parametrize(
    ("unit", "said"), [(WORKER, "work of an earlier converge still goes on"), (UNDO, "changed its access and proved")]
)
def test_it_is_not_waited_for_without_end(machines, machine, monkeypatch, unit, said):
    without_patience(monkeypatch)
    machine.left_going[unit] = 1_000_000

    with pytest.raises(ConvergeError, match=said):
        asyncio.run(carrier_of(machines).decide(WANTED))


def test_a_shared_unit_is_not_restarted_without_leave(machines, machine):
    new = bundle_of("web-1", "two\n", need="restart nginx.service")

    steps = asyncio.run(carrier_of(machines, shared=lambda _: ("nginx.service",)).decide(new))

    assert steps.waiting == (Act(Verb.RESTART, "nginx.service", ("/etc/nginx/nginx.conf",)),)
    assert steps.acts == ()


def test_a_shared_unit_that_only_reloads_waits_for_nobody(machines):
    new = bundle_of("web-1", "two\n", need="reload nginx.service")

    steps = asyncio.run(carrier_of(machines, shared=lambda _: ("nginx.service",)).decide(new))

    assert [act.verb for act in steps.acts] == [Verb.RELOAD]
    assert steps.waiting == ()
