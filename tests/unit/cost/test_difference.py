"""What changes between two prices."""

from decimal import Decimal

from mastodon_infra.cost.difference import difference
from tests.unit.cost.made import WASABI, cost_of


def test_changed_new_and_gone_lines_are_told_apart():
    found = difference(cost_of(size="small"), cost_of(size="large", storage=WASABI))
    by_name = {change.name: change for change in found.changes}

    assert by_name["machines-web"].before is not None
    assert by_name["machines-web"].after is not None
    assert by_name["machines-web"].difference_usd_month == Decimal(144 - 48)
    assert by_name["balancers"].before is None
    assert by_name["storage-linode"].after is None
    assert by_name["storage-linode"].difference_usd_month == Decimal(-5)
    assert "dns" not in by_name


def test_another_machine_type_of_the_same_price_is_a_change():
    one, other = (
        cost_of(size="medium", nodes={"sidekiq": {"machine_type": name, "count": count}})
        for name, count in (("g6-standard-4", 2), ("g6-standard-6", 1))
    )
    found = difference(one, other)

    assert [change.name for change in found.changes if change.name.startswith("machines")] == ["machines-sidekiq"]
    assert found.difference_usd_month == 0
