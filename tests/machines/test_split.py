"""An instance on three machines: they come up in whatever order, together, and so they do after all have rebooted."""

import json

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from tests.machines.looking import check_units, down, page, rehearsed, settled, sql
from tests.parsers.cases import SMALLEST

NODES = {
    "front": {"roles": ["web", "streaming", "sidekiq"], "machine_type": "g6-standard-4"},
    "data": {"roles": ["postgres", "redis"], "machine_type": "g6-standard-4"},
    "watch": {"roles": ["monitoring"], "machine_type": "g6-standard-1"},
}


@pytest.fixture(scope="module")
def split(parts, tmp_path_factory):
    plan = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "small", "nodes": NODES}))
    with rehearsed(plan, parts, tmp_path_factory.mktemp("split")) as rehearsal:
        yield rehearsal


def check_everything(split):
    for name, machine in split.machines.items():
        check_units(split, name)
        assert page(machine, "/health") == "OK", name
    front, data = split.machines["front-1"], split.machines["data-1"]
    assert json.loads(page(front, "/api/v2/instance"))["users"] == 1
    assert page(front, "/api/v1/streaming/health") == "OK"
    assert sql(data, "SELECT username FROM accounts") == ["admin"]


def test_pages_and_units(split):
    check_everything(split)


def test_monitoring_reaches_every_target(split):
    assert down(split.machines["watch-1"]) == []


def test_after_all_have_rebooted_at_once(split):
    split.reboot_all()
    settled(split)
    check_everything(split)
