"""Tables of defects that other ways of hosting Mastodon were seen to have, and what their checks look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SMALLEST, SPECS

Check = Callable[[], None]


def put_into(table: dict[str, Check]) -> Callable[[str], Callable[[Check], Check]]:
    """A decorator that puts a check into the table under the defect that it would catch."""

    def known(defect: str) -> Callable[[Check], Check]:
        def put(check: Check) -> Check:
            table[defect] = check
            return check

        return put

    return known


@cache
def plan_of(case: str) -> InstancePlan:
    return plan_instance(InstanceSpec.model_validate(SMALLEST | SPECS[case]))


@cache
def bundles_of(case: str) -> tuple[NodeBundle, ...]:
    plan = plan_of(case)
    return tuple(bundle(plan, node, Wiring.placeholder(plan)) for node in plan.nodes)


def user_data_of(case: str) -> str:
    plan = plan_of(case)
    wiring = Wiring.placeholder(plan)
    return "".join(user_data(plan, node, wiring).text for node in plan.nodes)


def every_bundle() -> Iterator[NodeBundle]:
    for case in SPECS:
        yield from bundles_of(case)


def every_file() -> Iterator[BundleFile]:
    for made in every_bundle():
        yield from made.files


def settings_of(file: BundleFile) -> dict[str, str]:
    """An environment file as podman reads it: to the first equals sign, and all that follows."""
    lines = (line for line in file.content.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def every_environment() -> Iterator[tuple[str, dict[str, str]]]:
    for file in every_file():
        if re.fullmatch(r"/etc/mastodon/[a-z]+\.env", file.path):
            yield file.path, settings_of(file)
