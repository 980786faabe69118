"""Every machine of every size, and of placements of one's own, fits into user data, by both routes the same."""

import gzip

import pytest

from benchmarks import sizes
from mastodon_infra.catalog.limits import USER_DATA_CEILING
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from tests.unit.render.test_user_data import tree_after_first_boot

PLANS = dict(sizes.plans())


@pytest.mark.parametrize("stack", PLANS)
def test_user_data_fits_is_the_same_twice_and_leaves_the_bundles_tree(stack):
    plan = PLANS[stack]
    wiring = Wiring.stand_in(plan)
    for node in plan.nodes:
        data = user_data(plan, node, wiring)
        expected = {file.path: (file.mode, file.content) for file in bundle(plan, node, wiring).files}
        assert len(data.gzipped) <= USER_DATA_CEILING.value, node.name
        assert data.gzipped == user_data(plan, node, wiring).gzipped
        assert gzip.decompress(data.gzipped).decode() == data.text
        assert tree_after_first_boot(data) == expected


@pytest.mark.parametrize("stack", PLANS)
@pytest.mark.parametrize("ceiling", [0, 10**6], ids=["payload", "inline"])
def test_both_routes_leave_the_same_tree(stack, ceiling):
    plan = PLANS[stack]
    wiring = Wiring.stand_in(plan)
    firsts = {node.group: node for node in reversed(plan.nodes)}.values()
    for node in firsts:
        data = user_data(plan, node, wiring, ceiling=ceiling)
        assert (data.payload is None) == (ceiling > 0)
        expected = {file.path: (file.mode, file.content) for file in bundle(plan, node, wiring).files}
        assert tree_after_first_boot(data) == expected


def test_the_report_names_every_machine_the_largest_first(capsys):
    sizes.main()

    head, *rows, foot = capsys.readouterr().out.splitlines()
    numbers = [int(row.split()[0].replace(",", "")) for row in rows]
    assert "planned limit 16,000" in head
    assert numbers == sorted(numbers, reverse=True)
    assert len(rows) == sum(len(plan.nodes) for plan in PLANS.values())
    assert foot.endswith(f"of {len(rows)} machines need a payload object")
    assert sum("payload" in row for row in rows) == int(foot.split()[0])
