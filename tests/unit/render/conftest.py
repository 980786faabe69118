"""Plans to render, and a node's tree of files to compare with its golden folder."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle_types import NodeBundle
from tests.unit.render.listing import listing

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyZ4eY2PDXlZMg02s8Xn1X9BqIWaUXySPKOhSvL/gFX demo@social.example"
MINIMUM: dict[str, Any] = {
    "domain": "social.example",
    "region": "au-mel",
    "size": "small",
    "owner": {"username": "admin", "email": "admin@social.example"},
    "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
    "mail": "none",
}
STACKS: dict[str, dict[str, Any]] = {
    "solo": {"size": "solo"},
    "small": {},
    "medium": {"size": "medium"},
    "large": {"size": "large"},
    "xlarge": {"size": "xlarge"},
    "cloudflare": {
        "size": "large",
        "edge": {"dns": "cloudflare", "proxied": True},
        "mail": {"provider": "ses", "region": "ap-southeast-2"},
    },
    "sydney": {"size": "large", "region": "ap-southeast", "storage": {"provider": "wasabi"}},
    "handles": {"web_domain": "www.social.example"},
}
"""Stacks that between them reach every switch of the templates."""

Planned = Callable[..., InstancePlan]


@cache
def _stack(name: str) -> InstancePlan:
    return plan_instance(InstanceSpec.model_validate(MINIMUM | STACKS[name]))


@pytest.fixture(params=sorted(STACKS))
def plan(request: pytest.FixtureRequest) -> InstancePlan:
    """Every stack in turn."""
    return _stack(request.param)


@pytest.fixture
def planned() -> Planned:
    """A stack by its name, or the smallest legal file with other fields."""

    def make(name: str = "", **fields: Any) -> InstancePlan:
        return _stack(name) if name else plan_instance(InstanceSpec.model_validate(MINIMUM | fields))

    return make


@pytest.fixture
def golden_tree(golden: Callable[[str, str], None]) -> Callable[[str, NodeBundle], None]:
    """Compare a bundle with ``tests/golden/<folder>``: its listing, each file, and that no other file lies there."""
    goldens = Path(__file__).parents[2] / "golden"

    def compare(folder: str, bundle: NodeBundle) -> None:
        golden(f"{folder}/listing.txt", "".join(f"{line}\n" for line in listing(bundle)))
        for file in bundle.files:
            golden(f"{folder}/files{file.path}", file.content)
        kept = {f"{folder}/files{file.path}" for file in bundle.files} | {f"{folder}/listing.txt"}
        for path in sorted(path for path in (goldens / folder).rglob("*") if path.is_file()):
            if str(path.relative_to(goldens)) not in kept:
                if os.environ.get("MASTODON_INFRA_REWRITE_GOLDENS") == "1":
                    path.unlink()
                else:
                    pytest.fail(f"{path.relative_to(goldens)} is no longer rendered; `make golden` removes it")

    return compare
