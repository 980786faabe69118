import json
from dataclasses import replace

import pytest

from mastodon_infra.catalog.regions import API_WORDS
from mastodon_infra.operate import preflight
from mastodon_infra.operate.accounts import clients_of
from mastodon_infra.operate.linode_checks import needed_scopes
from tests.unit.cli.pulumi_script import Pulumi
from tests.unit.cost.made import plan_of
from tests.unit.operate.made import linode_for
from tests.unit.operate.servers import TOKEN, serving

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def pulumi(folder) -> Pulumi:
    return Pulumi(folder)


@pytest.fixture
def linode(monkeypatch):
    """A Linode that is as the catalog says, and a token for it in the environment."""
    plan = plan_of(size="small")
    cloud = linode_for(plan, scopes=" ".join(needed_scopes(plan)))
    with serving(cloud) as url:
        monkeypatch.setenv("LINODE_URL", url)
        monkeypatch.setenv("LINODE_TOKEN", TOKEN)
        monkeypatch.setattr(preflight, "clients_of", lambda told: replace(clients_of(told), store_url=NOBODY))
        yield cloud


def test_preflight_of_a_new_stack_finds_nothing_in_the_way(cli, stack, pulumi, linode):
    stack("social")

    outcome = cli("preflight", "social")

    assert (outcome.code, outcome.err) == (0, "")
    assert "  ok       token's rights: it may do what the plan needs\n" in outcome.out
    assert "  ok       zone: social.example can be made" in outcome.out
    assert outcome.out.endswith("Nothing stands in the way.\n")


def test_every_failure_has_its_remedy_and_the_run_ends_with_3(cli, stack, pulumi, linode):
    stack("social")
    pulumi.is_deployed()
    linode.regions["au-mel"]["capabilities"].remove(API_WORDS[next(iter(API_WORDS))])

    outcome = cli("preflight", "social", "--json")

    told = json.loads(outcome.out)
    failed = {check["name"]: check for check in told["checks"] if check["outcome"] == "failed"}
    assert (outcome.code, told["failed"]) == (3, 2)
    assert set(failed) == {"keys", "region's capabilities"}
    assert all(check["remedy"] for check in failed.values())
    assert failed["keys"]["remedy"].startswith("mastodon-infra escrow social --out FILE")


def test_preflight_without_an_engine_is_refused(cli, stack, folder, monkeypatch):
    stack("social")
    (folder / "Pulumi.yaml").write_text("name: mastodon-infra\n")
    monkeypatch.setenv("PATH", str(folder))

    outcome = cli("preflight", "social")

    assert outcome.code == 3
    assert outcome.err.splitlines() == ["there is no Pulumi engine here", "  hint: make engine"]


def test_state_that_cannot_be_reached_is_told_and_the_clouds_are_asked_all_the_same(cli, stack, pulumi, linode):
    stack("social")
    pulumi.tell("whoami", "error: unable to open state directory", status=1)

    outcome = cli("preflight", "social", columns=100)

    assert outcome.code == 3
    assert "failed   backend: pulumi: unable to open state directory" in outcome.out
    assert "token's rights" in outcome.out


def test_second_run_after_a_first_that_was_cut_short_is_not_stopped_by_what_it_made(cli, stack, pulumi, linode):
    stack("social")
    label = plan_of(size="small").nodes[0].label
    linode.things = {"/linode/instances": [{"label": label}], "/domains": [{"id": 7, "domain": "social.example"}]}
    urn = "urn:pulumi:social::mastodon-infra::linode:index/instance:Instance::web-1"
    made = {"urn": urn, "custom": True, "type": "linode:index/instance:Instance"}

    first = cli("preflight", "social")
    pulumi.tell("stack export", json.dumps({"deployment": {"resources": [made]}}))
    second = cli("preflight", "social")

    assert first.code == 3
    assert f"taken already: {label}" in first.out
    assert second.code == 0


def test_rehearsal_asks_no_cloud(cli, stack, pulumi, linode, monkeypatch):
    stack("social")
    monkeypatch.setenv("MASTODON_INFRA_WORLD", "somewhere")

    outcome = cli("preflight", "social")

    assert outcome.code == 0
    assert "  skipped  clouds: a local cloud: no account is asked\n" in outcome.out
    assert linode.asked == []


def test_token_is_never_shown(cli, stack, pulumi, linode):
    stack("social")
    linode.token = "another"

    outcome = cli("preflight", "social")

    assert outcome.code == 3
    assert TOKEN not in outcome.out + outcome.err
