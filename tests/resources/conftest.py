"""Recordings of whole instances. User data is a stand-in that holds every secret, so that none can slip out unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.program.offline import preview_offline
from mastodon_infra.program.recorder import ResourceRecord
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.resources.nodes import FirstBoot

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSbTDNIB+p5uzx7MH9xS9e1o6wCRvLxvgJxBZrzCzh/ alice@laptop"

CLOUDFLARE = {
    "dns": "cloudflare",
    "zone": "social.example",
    "proxied": True,
    "media": "cloudflare",
    "media_domain": "media.social.example",
}

CASES: dict[str, dict[str, Any]] = {
    "small-melbourne-disposable": {"size": "small", "disposable": True},
    "large-melbourne": {"size": "large"},
    "large-sydney-wasabi": {"size": "large", "region": "ap-southeast", "storage": {"provider": "wasabi"}},
    "small-cloudflare-ses": {
        "size": "small",
        "edge": CLOUDFLARE,
        "mail": {"provider": "ses", "region": "ap-southeast-2"},
    },
    "solo-aws-manual-dns": {
        "size": "solo",
        "storage": {"provider": "aws"},
        "edge": {"dns": "manual"},
        "mail": {"provider": "smtp", "host": "mail.smtp2go.com", "port": 2525, "username": "social"},
        "alerts": {"webhook_host": "hooks.chat.example"},
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the vendors' packages import their own deprecated names."""
    for item in items:
        for package in ("pulumi_aws", "pulumi_cloudflare"):
            item.add_marker(pytest.mark.filterwarnings(f"ignore::DeprecationWarning:{package}"))


def asked(parts: dict[str, Any]) -> dict[str, Any]:
    """An instance as an operator writes it."""
    return {
        "domain": "social.example",
        "region": "au-mel",
        "owner": {"username": "admin", "email": "admin@social.example"},
        "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
        "mail": "none",
        **parts,
    }


def planned(parts: dict[str, Any]) -> InstancePlan:
    return plan_instance(InstanceSpec.model_validate(asked(parts)))


def _telltale(node: NodePlan, wiring: Wiring) -> bytes:
    """User data that says which node it is for, and every secret."""
    return f"{node.name} {asdict(wiring)}".encode()


def _digest(node: NodePlan, wiring: Wiring) -> str:
    """A word for what the node should hold."""
    return hashlib.sha256(_telltale(node, wiring)).hexdigest()


STAND_IN = FirstBoot(_telltale, {}, _digest)


def recorded(parts: dict[str, Any]) -> tuple[ResourceRecord, ...]:
    return preview_offline(planned(parts), first_boot=STAND_IN)


@cache
def _case(name: str) -> tuple[InstancePlan, tuple[ResourceRecord, ...]]:
    plan = planned(CASES[name])
    return plan, preview_offline(plan, first_boot=STAND_IN)


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> str:
    """Every case in turn."""
    return str(request.param)


@pytest.fixture
def every_case() -> list[str]:
    """The names of all cases."""
    return sorted(CASES)


@pytest.fixture
def plan_of() -> Callable[[str], InstancePlan]:
    """The plan of a case."""
    return lambda name: _case(name)[0]


@pytest.fixture
def records_of() -> Callable[[str], tuple[ResourceRecord, ...]]:
    """What a case registers."""
    return lambda name: _case(name)[1]


@pytest.fixture
def record_parts() -> Callable[[dict[str, Any]], tuple[ResourceRecord, ...]]:
    """What an instance with these parts registers."""
    return recorded


@pytest.fixture
def plan_parts() -> Callable[[dict[str, Any]], InstancePlan]:
    """The plan of an instance with these parts."""
    return planned


@pytest.fixture
def ask() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An instance with these parts, as the stack's file has it."""
    return asked


@pytest.fixture
def stand_in() -> FirstBoot:
    """User data without templates and without payloads."""
    return STAND_IN


@pytest.fixture
def one() -> Callable[..., ResourceRecord]:
    """The only record of a kind (the type's last word) and name."""

    def find(records: tuple[ResourceRecord, ...], kind: str, name: str) -> ResourceRecord:
        found = [record for record in records if record.type.endswith(f":{kind}") and record.name == name]
        assert len(found) == 1, [f"{record.type} {record.name}" for record in records]
        return found[0]

    return find


@pytest.fixture
def kind() -> Callable[..., list[ResourceRecord]]:
    """All records of a kind (the type's last word)."""
    return lambda records, word: [record for record in records if record.type.endswith(f":{word}")]
