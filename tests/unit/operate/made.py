"""What the checks of one cloud say, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mastodon_infra.catalog.regions import API_WORDS
from mastodon_infra.operate.checks import Check
from mastodon_infra.plan.types import InstancePlan
from tests.unit.operate.servers import FakeLinode


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    """The checks by their names, which are unique."""
    told = list(checks)
    named = {check.name: check for check in told}
    assert len(named) == len(told), "two checks have one name"
    return named


def outcomes(checks: Iterable[Check]) -> dict[str, str]:
    """How each check ended."""
    return {name: check.outcome.value for name, check in by_name(checks).items()}


def linode_for(plan: InstancePlan, **more: Any) -> FakeLinode:
    """A Linode that is as the catalog says."""
    region = plan.region
    types = [
        {
            "id": machine.name,
            "vcpus": machine.vcpus,
            "memory": machine.memory_mib,
            "price": {"hourly": 0.01, "monthly": float(machine.price_usd_month)},
            "region_prices": [],
        }
        for machine in {group.machine.name: group.machine for group in plan.groups}.values()
    ]
    told: dict[str, Any] = {
        "regions": {
            region.name: {
                "id": region.name,
                "status": "ok",
                "capabilities": [API_WORDS[one] for one in region.capabilities] + ["Linodes", "Kubernetes"],
            }
        },
        "types": types,
        "buckets": {plan.media.endpoint: (3, 1000), plan.backups.endpoint: (3, 1000)},
        "settings": {
            "interfaces_for_new_linodes": "legacy_config_default_but_linode_allowed",
            "object_storage": "active",
        },
    }
    return FakeLinode(**{**told, **more})
