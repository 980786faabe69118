import json
import textwrap

import pytest

TIERS = ("solo", "small", "medium", "large", "xlarge")
USERS = (1, 50, 250, 1_000, 3_000, 10_000, 30_000, 100_000)


@pytest.mark.parametrize("tier", TIERS)
def test_plan_of_each_tier_reads_as_its_golden(cli, stack, golden, tier):
    stack("social", f"size: {tier}")

    outcome = cli("plan", "social")

    assert (outcome.code, outcome.err) == (0, "")
    golden(f"plan/{tier}.txt", outcome.out)


@pytest.mark.parametrize("users", USERS)
def test_plan_for_each_number_of_people_reads_as_its_golden(cli, stack, golden, users):
    stack("social", f"expected_monthly_active_users: {users}")

    outcome = cli("plan", "social")

    assert outcome.code == 0
    golden(f"plan/mau-{users}.txt", outcome.out)


def test_plan_for_sydney_has_a_vlan_and_reads_as_its_golden(cli, stack, golden):
    stack(
        "aus",
        "expected_monthly_active_users: 10000",
        region="ap-southeast",
        more="storage: {provider: wasabi}",
    )

    outcome = cli("plan", "aus")

    assert "a VLAN, 10.64.0.0/16" in outcome.out
    golden("plan/sydney-10000.txt", outcome.out)


def test_plan_for_melbourne_in_a_narrow_terminal_has_no_line_that_is_too_long(cli, stack, golden):
    stack("aus", "expected_monthly_active_users: 10000")

    outcome = cli("plan", "aus", columns=60)

    assert "a VPC, 10.64.0.0/16" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 60
    golden("plan/melbourne-10000-narrow.txt", outcome.out)


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 300])
def test_plan_fits_into_any_terminal(cli, stack, columns):
    stack("social", "size: xlarge")

    lines = cli("plan", "social", columns=columns).out.splitlines()

    assert max(map(len, lines)) <= min(columns, 100)
    assert not [line for line in lines if line != line.rstrip()]


def test_plan_with_another_number_of_people_is_the_plan_of_a_file_that_says_so(cli, stack):
    stack("social", "size: small")
    stack("other", "expected_monthly_active_users: 5000")

    assert cli("plan", "social", "--mau", "5000").out == cli("plan", "other").out


def test_plan_as_data_reads_as_its_golden(cli, stack, golden):
    stack("social", "size: small")

    outcome = cli("plan", "social", "--json")

    data = json.loads(outcome.out)
    assert data["postgres"]["max_connections"] == {"value": 100, "unit": "connections"}
    assert data["nodes"][0]["name"] == "web-1"
    golden("plan/small.json", outcome.out)


def test_plan_as_data_is_the_same_each_time(cli, stack):
    stack("social", "size: large")

    assert cli("plan", "social", "--json").out == cli("plan", "social", "--json").out


def test_plan_that_does_not_fit_names_the_line_in_the_file(cli, stack):
    stack("social", "size: large", more="nodes:\n  postgres:\n    machine_type: g6-nanode-1")

    outcome = cli("plan", "social")

    assert outcome.code == 1
    where, what, hint = outcome.err.splitlines()
    assert where == "stacks/Pulumi.social.yaml:16: nodes.postgres.machine_type"
    assert what.startswith("  the postgres nodes do not hold what they must run: g6-nanode-1 has 1 GiB, and ")
    assert hint == "  hint: nodes.postgres.machine_type: g6-standard-2 would do, or leave it to the plan"


@pytest.mark.parametrize("mau", ["0", "100001", "many", "-5", "1.5"])
def test_plan_for_an_impossible_number_of_people_is_a_usage_error(cli, stack, mau):
    stack("social")

    outcome = cli("plan", "social", "--mau", mau)

    assert outcome.code == 2
    assert "--mau" in outcome.err


def test_next_step_can_be_copied_into_the_stack_file(cli, stack):
    stack("social", "size: large")
    step = cli("plan", "social", columns=100).out.partition("In the stack file:\n")[2].partition("\n\n")[0]

    stack("after", "size: large", more=textwrap.dedent(step))

    assert "sidekiq:" in step
    before, after = (
        json.loads(cli("plan", name, "--json").out)["capacity"]["limits"][0] for name in ("social", "after")
    )
    assert after["users"]["value"] >= before["users"]["value"] * 1.1
