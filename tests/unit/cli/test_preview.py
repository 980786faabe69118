import json


def test_preview_offline_reads_as_its_golden(cli, stack, golden):
    stack("social")

    outcome = cli("preview", "social", "--offline")

    assert (outcome.code, outcome.err) == (0, "")
    golden("cli/preview.txt", outcome.out)


def test_preview_offline_as_data_holds_no_secret(cli, stack):
    stack("social", "size: medium")

    outcome = cli("preview", "social", "--offline", "--json")

    data = json.loads(outcome.out)
    assert list(data) == ["what", "why", "cost", "resources"]
    assert {"web-1", "postgres-1"} <= {node["node"] for node in data["what"]}
    names = {(resource["type"], resource["name"]) for resource in data["resources"]}
    assert ("linode:index/instance:Instance", "web-1") in names
    assert "PRIVATE KEY" not in outcome.out


def test_preview_offline_is_the_same_each_time(cli, stack):
    stack("social")

    assert cli("preview", "social", "--offline", "--json").out == cli("preview", "social", "--offline", "--json").out


def test_preview_without_offline_needs_the_engine(cli, stack):
    stack("social")

    outcome = cli("preview", "stacks/Pulumi.social.yaml")

    assert outcome.code == 3
    assert "no Pulumi.yaml lies above" in outcome.err
    assert "--offline" in outcome.err


def test_up_of_an_unknown_stack_says_so_before_it_asks_for_a_yes(cli, stack):
    stack("social")

    outcome = cli("up", "nosuch")

    assert outcome.code == 1
    assert "no stack 'nosuch'" in outcome.err
    assert "nobody to ask" not in outcome.err
