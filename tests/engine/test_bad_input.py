"""What is wrong before or around a run is told in three lines, with an exit code, and changes nothing."""

import pytest

from mastodon_infra.rehearsal.world import Fault
from tests.engine.rehearsed import Rehearsed, waited
from tests.engine.test_other_vendors import CLOUDFLARE
from tests.engine.test_verbs import Operator

MACHINE = "linode:index/instance:Instance"
ZONE = "cloudflare:index/zone:Zone"
UNAVAILABLE = 3


@pytest.fixture
def beginner(tmp_path):
    """Whose disposable stack is not deployed yet."""
    return Operator(Rehearsed.new(tmp_path / "rehearsal", {"size": "solo", "disposable": True}))


def refused(operator, *words, **other):
    """What a refused command says: its exit code, and its text in one line."""
    code, _, problem = operator.give(*words, **other)
    assert code != 0
    assert len(problem.splitlines()) in {2, 3}, problem
    assert "Traceback" not in problem
    return code, " ".join(problem.split())


def test_missing_token_is_named_before_anything_is_made(beginner):
    before = beginner.stack.files()

    code, problem = refused(beginner, "up", "--yes", LINODE_TOKEN="")

    assert code == UNAVAILABLE
    assert "LINODE_TOKEN, or pulumi config set --secret linode:token" in problem
    assert beginner.stack.files() == before
    assert beginner.stack.names() == set()


def test_missing_zone_is_named_before_anything_is_made(beginner):
    beginner.stack.ask({"size": "solo", "disposable": True, "edge": CLOUDFLARE})
    (zone,) = beginner.stack.world.all(ZONE)
    beginner.stack.world.remove(ZONE, zone.id)

    code, problem = refused(beginner, "up", "--yes")

    assert code == 1
    assert "the zone was not found" in problem
    assert "the domain's zone must be there, and the token must see it" in problem
    assert beginner.stack.files() == set()


def test_engine_that_is_too_old_is_told_before_it_runs(beginner, tmp_path):
    old = tmp_path / "old" / "pulumi"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho v3.100.0\n")
    old.chmod(0o755)

    code, problem = refused(beginner, "up", "--yes", PATH=f"{old.parent}:/usr/bin:/bin")

    assert code == UNAVAILABLE
    assert "version 3.100.0 does not fit" in problem
    assert "make engine" in problem


def test_clouds_that_ask_for_patience_while_something_is_made_get_the_same_command_again(beginner):
    for status, said in ((429, "the cloud asks to go slower"), (503, "the cloud has a fault")):
        beginner.stack.world.plan_faults(Fault(MACHINE, status=status))
        code, _, problem = beginner.give("up", "--yes")
        assert code == UNAVAILABLE, problem
        assert f"linode Instance web-1\n  {said}" in problem
        assert "it makes only what is missing" in problem
        assert "Traceback" not in problem

    assert beginner.give("up", "--yes")[0] == 0
    assert beginner.stack.preview() == {}


def test_second_of_two_runs_at_once_is_refused_and_told_what_helps(beginner):
    stack = beginner.stack
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=40))
    first = stack.start("up", "--yes", "--skip-preview", "--suppress-progress")
    assert waited(lambda: not (stack.world.faults() or stack.world.all(MACHINE)), 120)

    code, _, problem = beginner.give("up", "--yes")
    said, _ = first.communicate(timeout=120)

    assert code == UNAVAILABLE, problem
    assert "another run is at work on trial" in problem
    assert "pulumi cancel --stack trial" in problem
    assert first.returncode == 0, said
