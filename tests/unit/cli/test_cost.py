import json
from decimal import Decimal


def test_cost_reads_as_its_golden(cli, stack, golden):
    stack("social", "size: large")

    outcome = cli("cost", "social")

    assert outcome.code == 0
    golden("cli/cost.txt", outcome.out)


def test_cost_of_the_choices_in_sydney_reads_as_its_golden(cli, stack, golden):
    stack("aus", "expected_monthly_active_users: 10000", region="ap-southeast", more="storage: {provider: wasabi}")

    outcome = cli("cost", "aus", "--compare")

    assert "(now)" in outcome.out
    golden("cli/cost-compare.txt", outcome.out)


def test_cost_as_data_adds_up(cli, stack):
    stack("social", "size: medium")

    data = json.loads(cli("cost", "social", "--compare", "--json").out)

    total = sum(Decimal(line["usd_month"]) for line in data["lines"])
    assert Decimal(data["total_usd_month"]) == total
    assert {choice["storage"] for choice in data["choices"]} == {"linode", "wasabi", "aws"}
    assert data["funding"]["report"] is None


def test_cost_with_funding_says_what_is_missing(cli, stack, golden):
    stack(
        "social",
        more="funding:\n  platform: patreon\n  patron_tiers:\n    - {usd_month: 3, patrons: 5}\n  reserve_usd: 200",
    )

    outcome = cli("cost", "social")

    assert "are missing" in outcome.out
    golden("cli/cost-funding.txt", outcome.out)


def test_cost_for_more_people_is_not_less(cli, stack):
    stack("social", "size: small")

    small, large = (
        Decimal(json.loads(cli("cost", "social", "--json", *words).out)["total_usd_month"])
        for words in ((), ("--mau", "10000"))
    )
    assert small < large
