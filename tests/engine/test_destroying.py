"""A destruction that is cut off: what is left is protected again, and the same command goes on."""

import json
import signal

import pytest

from mastodon_infra.cli.destroy import planned_data
from mastodon_infra.cli.stacks import load
from mastodon_infra.program.engine_state import protected_data
from mastodon_infra.rehearsal.world import Fault
from tests.engine.rehearsed import LIMIT_SECONDS, waited
from tests.engine.test_verbs import Operator, file_of

VOLUME = "linode:index/volume:Volume"
BUCKET = "linode:index/objectStorageBucket:ObjectStorageBucket"
DATA = "backup,data-postgres,data-redis,keys,media,zone"
GIVEN = ("destroy", "--data", DATA, "--confirm-domain", "social.example")


@pytest.fixture
def operator(copy_of):
    return Operator(copy_of("solo"))


def state_of(operator):
    return json.loads(operator.stack.say("stack", "export"))["deployment"]


def protected(operator):
    return {one["urn"] for one in state_of(operator)["resources"] if one.get("protect")}


def left(operator):
    return {one["urn"] for one in state_of(operator).get("resources", ())}


def emptied(operator):
    """Settings by which a bucket's objects would go with it."""
    provider = next(one for one in state_of(operator)["resources"] if one["type"] == "pulumi:providers:linode")
    return provider["inputs"].get("objBucketForceDelete"), provider["outputs"].get("objBucketForceDelete")


def test_failed_deletion_leaves_the_rest_protected_and_the_same_command_goes_on(operator):
    before, empties = protected(operator), emptied(operator)
    operator.stack.world.plan_faults(Fault(VOLUME, "delete", nth=2, status=500))

    code, _, problem = operator.give(*GIVEN)

    assert code == 3, problem
    assert "the cloud has a fault" in problem
    assert "it deletes only what is left" in problem
    assert "it makes only" not in problem
    assert "what is left is protected as before" in problem
    assert 0 < len(left(operator) & before) < len(before), "something is gone, and something is left"
    assert protected(operator) == left(operator) & before
    assert emptied(operator) == empties

    code, told, problem = operator.give(*GIVEN)

    assert code == 0, problem
    assert "gone already" in told
    assert "Nothing of trial remains" in told
    assert operator.stack.names() == set()


def test_ctrl_c_leaves_the_rest_protected_and_the_same_command_goes_on(operator):
    before = protected(operator)
    operator.stack.world.plan_faults(Fault(VOLUME, "delete", status=0, seconds=3))
    run = operator.start(*GIVEN)
    assert waited(lambda: not operator.stack.world.faults(), LIMIT_SECONDS)

    run.send_signal(signal.SIGINT)
    _, problem = run.communicate(timeout=LIMIT_SECONDS)

    assert run.returncode == 130, problem
    assert "the same command goes on from there" in problem
    assert "what is left is protected as before" in problem
    assert protected(operator) == left(operator) & before != set()
    code, told, problem = operator.give(*GIVEN)
    assert code == 0, problem
    assert "Nothing of trial remains" in told


def test_data_of_a_plan_is_what_its_state_protects(up_once):
    stack = up_once("solo")
    deployment = json.loads(stack.say("stack", "export"))["deployment"]

    assert planned_data(load(str(file_of(stack)), None).plan) == {piece.name for piece in protected_data(deployment)}
