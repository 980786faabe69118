"""A large instance whose machines are folders, and nothing that is waited for."""

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.operate.converge import carry
from mastodon_infra.operate.converge import front as front_module
from mastodon_infra.plan.instance import plan_instance
from tests.parsers.cases import SMALLEST
from tests.unit.operate.converge.fleet import Machines


@pytest.fixture(scope="module")
def large():
    return plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "large"}))


@pytest.fixture
def machines(large, tmp_path, monkeypatch):
    made = Machines(tmp_path, [node.name for node in large.nodes])
    monkeypatch.setattr(carry, "_ask", made.ask)
    monkeypatch.setattr(carry, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(carry, "APART_SECONDS", 0)
    monkeypatch.setattr(front_module, "QUIET_SECONDS", 0)
    return made
