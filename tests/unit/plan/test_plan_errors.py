"""A plan that does not fit: the error says where in the file, by how much, and what would."""

import re

import pytest
from hypothesis import given

from mastodon_infra.errors import PlanError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from tests.unit.plan.specs import LAW, anything, plan_of

ALL = ["default", "push", "ingress", "mailers", "pull", "scheduler", "fasp"]

TOO_SMALL = [
    (
        {"size": "small", "nodes": {"web": {"machine_type": "g6-nanode-1"}}},
        "nodes.web.machine_type",
        "g6-nanode-1 has 1 GiB",
        "everything on one gibibyte",
    ),
    (
        {"size": "large", "nodes": {"sidekiq": {"machine_type": "g6-standard-2", "count": 1}}},
        "nodes.sidekiq.machine_type",
        "g6-standard-2 has 4 GiB, and 11.1 GiB more are needed",
        "19 processes of 768 MiB on one small machine",
    ),
    (
        {
            "size": "large",
            "nodes": {"sidekiq": {"count": 1}},
            "sidekiq": {
                "units": {"all": {"queues": ALL, "processes": 1}, "more": {"queues": ["push"], "processes": 20}}
            },
        },
        "nodes.sidekiq.count",
        "g6-standard-6 has 16 GiB",
        "a count that is too small for what was asked elsewhere",
    ),
    (
        {"size": "large", "nodes": {"postgres": {"machine_type": "g6-standard-1"}}},
        "nodes.postgres.machine_type",
        "g6-standard-1 has 2 GiB",
        "a twelfth of 35 GiB of data has to fit into memory",
    ),
]


@pytest.mark.parametrize(("words", "path", "fragment", "why"), TOO_SMALL)
def test_a_machine_that_is_too_small_says_by_how_much(words, path, fragment, why):
    with pytest.raises(PlanError) as caught:
        plan_of(**words)
    (problem,) = caught.value.problems
    assert problem.dotted == path, why
    assert fragment in problem.message, why
    assert re.search(r"and [\d.]+ [MG]iB more are needed", problem.message), why
    assert problem.hint


def test_all_groups_that_do_not_fit_are_named_at_once():
    with pytest.raises(PlanError) as caught:
        plan_of(
            size="large",
            nodes={"postgres": {"machine_type": "g6-standard-1"}, "redis": {"machine_type": "g6-nanode-1"}},
        )
    assert [problem.dotted for problem in caught.value.problems] == [
        "nodes.postgres.machine_type",
        "nodes.redis.machine_type",
    ]


def test_too_many_connections_name_the_largest_pools():
    with pytest.raises(PlanError) as caught:
        plan_of(size="xlarge", postgres={"pooler": "none"})
    (problem,) = caught.value.problems
    assert problem.dotted == "postgres.pooler"
    assert "770 connections to PostgreSQL are needed" in problem.message
    assert "512" in problem.message
    assert "sidekiq on sidekiq-1 125" in problem.message
    assert "leave postgres.pooler to the plan" in problem.hint


def test_following_that_hint_gives_a_plan():
    assert plan_of(size="xlarge").connections.max_connections.value <= 512


def said_paths(words, path=""):
    """Every key of a file, dotted."""
    for key, value in words.items():
        here = f"{path}.{key}" if path else key
        yield here
        if isinstance(value, dict):
            yield from said_paths(value, here)


def _refused(words):
    try:
        plan_instance(InstanceSpec.model_validate(words))
    except PlanError as error:
        return words, error
    return None


@LAW
@given(anything().map(_refused).filter(lambda case: case is not None))
def test_every_refusal_has_a_place_an_amount_and_a_way_out(case):
    words, error = case
    said = set(said_paths(words))
    for problem in error.problems:
        assert re.search(r"\d[\d.]* (GiB|MiB|connections|Puma threads|processors)", problem.message), problem
        assert problem.hint, problem
        assert not problem.message.endswith(".")
        if "leave it to the plan" in problem.hint or "to the plan" in problem.hint:
            assert problem.dotted in said, f"the file does not say {problem.dotted}: {problem.hint}"


def test_a_refusal_names_the_setting_that_asks_for_too_much():
    with pytest.raises(PlanError) as caught:
        plan_of(size="medium", streaming={"processes": 20})
    (problem,) = caught.value.problems
    assert problem.dotted == "streaming.processes"
    assert "nodes.web.machine_type: g6-standard-6 would do" in problem.hint


@pytest.mark.parametrize(
    ("words", "machine"),
    [
        ({"size": "small", "web": {"workers": 30}}, "g6-standard-8"),
        (
            {
                "size": "small",
                "sidekiq": {"units": {"all": {"queues": ALL}, "more": {"queues": ["push"], "processes": 60}}},
            },
            "g6-standard-16",
        ),
    ],
    ids=["workers", "units"],
)
def test_a_machine_that_grows_up_climbs_to_what_was_asked(words, machine):
    assert plan_of(**words).nodes[0].machine.name == machine


WAY_OUT = re.compile(r"nodes\.([a-z0-9-]+)\.(machine_type|count): ([a-z0-9-]+) would do")


@LAW
@given(anything().map(_refused).filter(lambda case: case is not None))
def test_what_would_do_does(case):
    """Whoever follows every hint of that form is not refused for those groups again."""
    words, error = case
    nodes = {name: dict(group) for name, group in words.get("nodes", {}).items()}
    followed = set()
    for problem in error.problems:
        if found := WAY_OUT.search(problem.hint):
            name, key, text = found.groups()
            nodes.setdefault(name, {})[key] = int(text) if key == "count" else text
            followed.add(name)
    again = _refused(words | {"nodes": nodes}) if followed else None
    if again is not None:
        assert not [
            one.message for one in again[1].problems if any(f"the {name} nodes" in one.message for name in followed)
        ]


@pytest.mark.parametrize("count", [10, 100, 250])
def test_more_nodes_ask_for_more_memory_of_who_watches_them(count):
    plan = plan_of(size="medium", nodes={"web": {"count": count}})
    assert len([node for node in plan.nodes if node.web]) == count
