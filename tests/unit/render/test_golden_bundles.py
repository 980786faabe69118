from collections.abc import Callable

import pytest

from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring


@pytest.mark.parametrize(("stack", "node"), [("small", "web-1"), ("medium", "web-1"), ("medium", "postgres-1")])
def test_a_nodes_whole_tree(planned, golden_tree: Callable[[str, NodeBundle], None], stack, node):
    plan = planned(stack)
    golden_tree(f"bundles/{stack}/{node}", bundle(plan, plan.node(node), Wiring.placeholder(plan)))


def test_user_data_of_the_plainest_node(planned, golden: Callable[[str, str], None]):
    plan = planned("medium")
    golden(
        "bundles/medium/monitoring-1.user-data.txt",
        user_data(plan, plan.node("monitoring-1"), Wiring.placeholder(plan)).text,
    )
