"""What is on which node: bundles of the cases, with the user data as one file more."""

from __future__ import annotations

from functools import cache

from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import Action, BundleFile, Need, NodeBundle, Part
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import Place, node_of, plan_of
from tests.parsers.wiring import true_to_life

USER_DATA = "/run/user-data"
"""Where the checks put a node's user data."""


@cache
def wiring_of(case: str) -> Wiring:
    """The secrets of a case."""
    return true_to_life(plan_of(case))


@cache
def bundle_of(place: Place) -> NodeBundle:
    """The node's bundle."""
    return bundle(plan_of(place.case), node_of(place), wiring_of(place.case))


def files_of(place: Place) -> tuple[BundleFile, ...]:
    """The files of the node's bundle, and its user data."""
    data = user_data(plan_of(place.case), node_of(place), wiring_of(place.case))
    return (artefact(USER_DATA, data.text, 0o600), *bundle_of(place).files)


def artefact(path: str, content: str, mode: int = 0o644) -> BundleFile:
    """A text as if it were a bundle's file: the user data, or a sample."""
    return BundleFile(path, content, "root", "root", mode, Need(Action.NOTHING), is_secret=False, part=Part.BOOT)
