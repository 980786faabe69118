"""An instance on three machines: they come up in whatever order, together, and so they do after all have rebooted."""

import json

import pytest

from tests.machines.looking import START_SECONDS, check_units, down, page, rehearsed, sql

NODES = {
    "front": {"roles": ["web", "streaming", "sidekiq"], "machine_type": "g6-standard-4"},
    "data": {"roles": ["postgres", "redis"], "machine_type": "g6-standard-4"},
    "watch": {"roles": ["monitoring"], "machine_type": "g6-standard-1"},
}


@pytest.fixture(scope="module")
def split(asked, tmp_path_factory):
    with rehearsed("split", {"size": "small", "nodes": NODES}, tmp_path_factory.mktemp("split")) as instance:
        yield instance


def check_everything(split):
    for name in split.machines:
        check_units(split, name)
    assert page(split, "/health") == "OK"
    assert json.loads(page(split, "/api/v2/instance"))["users"] == 1
    assert page(split, "/api/v1/streaming/health") == "OK"
    assert sql(split.machine("data-1"), "SELECT username FROM accounts") == ["admin"]


def test_pages_and_units(split):
    check_everything(split)


def test_monitoring_reaches_every_target(split):
    assert down(split.machine("watch-1")) == []


def test_after_all_have_rebooted_at_once(split):
    split.reboot(*split.machines)
    check_everything(split)
    split.verb("--", "verify", "--patience", str(START_SECONDS))
