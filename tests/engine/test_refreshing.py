"""Refresh under the real engine: what was changed by hand, and what a run that was cut off may have made."""

import json

import pytest

from mastodon_infra.rehearsal.world import Fault, Thing
from tests.engine.rehearsed import LIMIT_SECONDS, Rehearsed, waited
from tests.engine.test_verbs import Operator

MACHINE = "linode:index/instance:Instance"
FIREWALL = "linode:index/firewall:Firewall"
RECORD = "linode:index/domainRecord:DomainRecord"


@pytest.fixture
def operator(copy_of):
    return Operator(copy_of("solo"))


def test_what_was_changed_by_hand_is_told_and_put_right_by_up(operator):
    world = operator.stack.world
    firewall, record = world.all(FIREWALL)[0], world.all(RECORD)[0]
    world.put(Thing(FIREWALL, firewall.id, {**firewall.inputs, "inboundPolicy": "ACCEPT"}, firewall.outputs))
    world.remove(RECORD, record.id)

    code, told, problem = operator.give("refresh", "--json")

    assert code == 0, problem
    found = json.loads(told)
    assert found["may_exist"] == []
    assert {(one["operation"], one["type"], tuple(one["keys"])) for one in found["differences"]} == {
        ("update", FIREWALL, ("inboundPolicy",)),
        ("delete", RECORD, ()),
    }
    assert set(operator.stack.preview().values()) == {"update", "create"}
    operator.stack.up()
    assert world.get(FIREWALL, firewall.id).inputs["inboundPolicy"] == "DROP"
    code, told, _ = operator.give("refresh")
    assert (code, told.strip()) == (0, "Everything is as the state says.")


def test_what_a_run_that_was_killed_may_have_made_is_named_before_the_state_forgets_it(tmp_path):
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo"})
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=4))
    run = stack.start("up", "--yes", "--skip-preview", "--suppress-progress")
    assert waited(lambda: not (stack.world.faults() or stack.world.all(MACHINE)), LIMIT_SECONDS)
    run.kill()
    run.communicate()
    stack.say("cancel", "--yes")
    twin = Operator(stack.copy(tmp_path / "twin"))

    code, told, problem = Operator(stack).give("refresh")
    assert code == 0, problem
    assert "linode Instance web-1 may exist at Linode: look there before the next up" in " ".join(told.split())

    code, told, problem = twin.give("refresh", "--json")
    assert code == 0, problem
    assert [one["name"] for one in json.loads(told)["may_exist"]] == ["web-1"]
    assert json.loads(twin.give("refresh", "--json")[1])["may_exist"] == [], "it is told once, and then forgotten"
