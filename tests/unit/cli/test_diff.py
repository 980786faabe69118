import json

import pytest


def test_diff_of_a_size_reads_as_its_golden(cli, stack, golden):
    stack("social", "size: small")

    outcome = cli("diff", "social", "--mau", "3000")

    assert outcome.code == 0
    golden("cli/diff-small-3000.txt", outcome.out)


def test_diff_of_two_stacks_is_the_diff_of_the_change_between_them(cli, stack):
    stack("social", "size: small")
    stack("other", "size: large")

    by_file = json.loads(cli("diff", "social", "other", "--json").out)
    by_change = json.loads(cli("diff", "social", "--set", "size=large", "--json").out)

    del by_file["title"], by_change["title"]
    assert by_file == by_change
    assert by_file["machines"]


def test_diff_with_itself_says_that_nothing_changes(cli, stack):
    stack("social")

    assert cli("diff", "social", "social").out == "From social to social\n\nNothing changes.\n"


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ("size=medium", "moves from web-1 to postgres-1"),
        ("region=eu-central", "no volume and no bucket moves there"),
        ("domain=other.example", "A domain can never change"),
        ("storage.provider=wasabi", "The bucket for media becomes another one"),
        ("edge.media_domain=cdn.social.example", "The media host changes"),
    ],
)
def test_diff_says_plainly_what_would_touch_data(cli, stack, change, warning):
    stack("social")

    outcome = cli("diff", "social", "--set", change)

    assert outcome.code == 0
    assert outcome.out.splitlines()[2] == "Data: read this before anything else"
    assert warning in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("nodes.web.machine_type=g6-standard-6", "web-1 restarts for its new type: Linode stops a machine, moves it"),
        (
            "nodes.web.machine_type=g6-standard-6",
            "web-1 keeps its own disk as large as it was, while the plan counts on",
        ),
        ("region=eu-central", "A stack that is deployed in au-mel stays there: up refuses it. In eu-central it would"),
    ],
)
def test_diff_says_which_machines_stop_or_are_replaced(cli, stack, change, said):
    stack("social")

    outcome = cli("diff", "social", "--set", change)

    assert said in " ".join(outcome.out.split())


def test_diff_of_machines_that_stay_as_they_are_names_no_restart(cli, stack):
    stack("social")

    data = json.loads(cli("diff", "social", "--set", "mastodon.session_limit=5", "--json").out)

    assert data["interruptions"] == []


def test_diff_to_a_smaller_volume_says_that_no_volume_shrinks(cli, stack):
    stack("social", more="postgres: {volume_gib: 100}")

    outcome = cli("diff", "social", "--set", "postgres.volume_gib=50")

    assert "keep it with postgres.volume_gib: 100" in " ".join(outcome.out.split())


def test_diff_in_both_directions_changes_sign(cli, stack):
    stack("a", "size: small")
    stack("b", "size: large")

    there = json.loads(cli("diff", "a", "b", "--json").out)["usd_month"]
    back = json.loads(cli("diff", "b", "a", "--json").out)["usd_month"]

    assert there["difference"] == back["difference"].removeprefix("-")


@pytest.mark.parametrize(
    "words", [("social",), ("social", "other", "--mau", "5"), ("social", "--set", "size"), ("social", "--set", "=x")]
)
def test_diff_wants_one_thing_to_compare_with(cli, stack, words):
    stack("social")
    stack("other")

    assert cli("diff", *words).code == 2


def test_diff_with_an_impossible_change_says_so(cli, stack):
    stack("social")

    outcome = cli("diff", "social", "--set", "size=huge")

    assert outcome.code == 1
    assert outcome.err.startswith("on the command line: size\n")
