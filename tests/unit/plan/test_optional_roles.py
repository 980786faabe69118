"""Roles that an instance may do without: where they may stand, and what their node sets aside for them."""

import pytest

from mastodon_infra.errors import SpecError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Role
from mastodon_infra.plan.decided import decided_values
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.network_types import Bind
from mastodon_infra.plan.roles import OPTIONAL_ROLES, card_of
from tests.parsers.cases import SMALLEST

BACK = {"roles": ["streaming", "sidekiq", "postgres", "redis", "monitoring"], "machine_type": "g6-standard-8"}


def plan(**more):
    return plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "large"} | more))


def shapes(made):
    return [(node.web.workers.value, node.web.threads.value) for node in made.holders(Role.WEB)]


def hints(nodes):
    with pytest.raises(SpecError) as refused:
        plan(nodes=nodes)
    return " ".join(f"{problem}" for problem in refused.value.problems)


@pytest.mark.parametrize("role", OPTIONAL_ROLES)
def test_every_optional_role_has_a_card(role):
    assert card_of(role).role is role


def test_it_runs_once_on_the_first_node_of_its_group():
    made = plan(nodes={"web": {"also": ["onion"]}})

    assert [node.name for node in made.holders(Role.ONION)] == ["web-1"]
    assert len(made.holders(Role.WEB)) > 1


def test_its_memory_is_set_aside_there_and_nowhere_else():
    without, made = plan(), plan(nodes={"web": {"also": ["onion"]}})

    taken = [
        before.memory.used_mib - after.memory.used_mib for before, after in zip(made.nodes, without.nodes, strict=True)
    ]

    assert taken[0] == card_of(Role.ONION).memory.memory.value
    assert not any(taken[1:])


def test_it_changes_nothing_of_what_the_others_are_tuned_to():
    without, made = plan(), plan(nodes={"web": {"also": ["onion"]}})

    assert shapes(made) == shapes(without)
    assert made.firewall == without.firewall


def test_nobody_but_the_machine_itself_reaches_it():
    made = plan(nodes={"web": {"also": ["onion"]}})
    ports = {one.port for one in card_of(Role.ONION).ports}

    assert {one.bind for one in made.listeners if one.first_port in ports} == {Bind.LOOPBACK}


def test_its_settings_are_explained():
    paths = {one.path for one in decided_values(plan(nodes={"web": {"also": ["onion"]}}))}

    assert "nodes.web-1.optional.onion.settings.queues_mb.choice" in paths


def test_a_placement_of_ones_own_may_say_it_among_the_roles():
    made = plan(nodes={"front": {"roles": ["onion", "web"]}, "back": BACK})

    assert [node.name for node in made.holders(Role.ONION)] == ["front-1"]


def test_it_is_refused_where_what_it_needs_is_not():
    assert "has the role onion without web" in hints({"sidekiq": {"also": ["onion"]}})


def test_it_is_refused_in_two_groups():
    front = {"roles": ["web", "onion"]}

    assert "onion is also in" in hints({"one": front, "two": front | {"address_block": 1}, "back": BACK})


def test_what_every_instance_needs_is_not_added():
    assert "sidekiq is not optional" in hints({"web": {"also": ["sidekiq"]}})
