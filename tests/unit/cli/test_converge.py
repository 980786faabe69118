"""What converge says before it changes anything, and what it refuses."""

import json
from dataclasses import replace

import pytest

from mastodon_infra.cli import converge as verb
from mastodon_infra.cli.converge_page import Outlook, end_data, end_lines, outlook_data, page_of
from mastodon_infra.operate.converge import carry, rounds
from mastodon_infra.operate.converge.decide import Steps, UnwellError, decide
from mastodon_infra.operate.converge.lease import Lease
from mastodon_infra.operate.converge.machine import probe
from mastodon_infra.operate.converge.rounds import Ahead
from mastodon_infra.operate.reach import Fleet, Roster
from mastodon_infra.render.bundle import bundle
from tests.unit.cli.pulumi_script import WIRING, Pulumi
from tests.unit.cost.made import plan_of
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

NGINX = "/etc/nginx/nginx.conf"
TUNING = "/etc/postgresql/17/main/conf.d/10-tuning.conf"


def bundle_with(nginx: str, tuning: str):
    return a_bundle(
        a_file(NGINX, nginx, need="reload nginx.service"),
        a_file(TUNING, tuning, need="restart postgresql@17-main.service"),
        units=("nginx.service", "postgresql@17-main.service"),
    )


@pytest.fixture
def machine(tmp_path):
    made = FolderMachine(tmp_path)
    made.boot(bundle_with("one\n", "small\n"))
    return made


def steps_of(machine: FolderMachine, wanted) -> Steps:
    return decide(wanted, machine.look(wanted), allow_restart=False)


def shown(steps, width=80, **more) -> str:
    return str(page_of(Outlook(steps, **more), width, is_plain=True))


def test_the_page_shows_lines_what_follows_what_was_edited_and_what_waits(machine):
    machine.put(NGINX, "mine\n")

    page = shown({"web-1": steps_of(machine, bundle_with("two\n", "large\n"))})

    assert "    -mine\n    +two\n" in page
    assert f"web-1: edited by hand or somebody's own, saved aside before they go\n  {NGINX}" in page
    assert "- nginx.service reloads, and goes on meanwhile" in page
    waits = page.partition("web-1: waits for --allow-restart\n")[2]
    assert " ".join(waits.split()).startswith(f"- postgresql@17-main.service restarts, because of {TUNING}")


def test_machines_that_change_alike_are_shown_once_and_others_are_counted(machine):
    one = steps_of(machine, bundle_with("two\n", "small\n"))
    second = replace(one, wanted=replace(one.wanted, node="web-2"), difference=replace(one.difference, node="web-2"))
    same = steps_of(machine, bundle_with("one\n", "small\n"))

    page = shown({"web-1": one, "web-2": second, "watch-1": same}, width=40)

    assert "web-2: as web-1" in page
    assert page.endswith("Nothing to change on 1 other machine.")


def test_a_package_that_is_no_longer_needed_is_told_with_who_may_remove_it(machine):
    machine.boot(a_bundle(packages=("nginx", "tor")))
    machine.active.clear()

    page = shown({"web-1": steps_of(machine, a_bundle(packages=("nginx",)))})

    assert "web-1: 1 package no longer needed\n  tor will stay installed; sudo apt-get autoremove" in page


def test_nothing_to_change_is_one_line(machine):
    page = shown({"web-1": steps_of(machine, bundle_with("one\n", "small\n"))})

    assert page == "Nothing to change on 1 machine."


SICK = "http://127.0.0.1:3000/health answers 500"


def test_what_is_not_well_is_told_though_nothing_is_to_be_changed(machine):
    same = replace(steps_of(machine, bundle_with("one\n", "small\n")), unwell=(SICK,))

    page = shown({"web-1": same})

    assert f"web-1: not well\n  - {SICK}\n  It needs no change" in page
    assert not Outlook({"web-1": same}).is_well


def test_a_node_that_would_be_put_back_is_part_of_what_is_asked(machine):
    outlook = Outlook({"web-1": steps_of(machine, bundle_with("one\n", "small\n"))}, frozenset({"web-1"}))

    assert outlook.is_work
    assert "web-1: out of the balancer since an earlier run\n  It goes back" in shown(outlook.steps, drained={"web-1"})
    assert outlook_data(outlook)["nodes"][0]["is_drained"]


def test_who_changes_before_the_data_that_it_asks_is_told_before_the_question_and_at_the_end(machine):
    steps = {"postgres-1": steps_of(machine, bundle_with("two\n", "large\n"))}
    ahead = Ahead(("postgres-1",), ("web-1", "web-2"))

    page = " ".join(shown(steps, ahead=ahead).split())
    end = list(end_lines(Outlook(steps, ahead=ahead), steps))

    assert "postgres-1 keeps its old settings until a run with --allow-restart; web-1 and web-2 do not wait" in page
    assert end[0].endswith("machine changed.")
    assert end[1].startswith("  postgres-1 waits for --allow-restart: postgresql@17-main.service restarts")
    assert "postgres-1 keeps its old settings" in end[2]


def test_how_it_ended_is_told_as_data(machine):
    one = steps_of(machine, bundle_with("two\n", "large\n"))
    outlook = Outlook({"postgres-1": one, "web-1": one, "web-2": replace(one, unwell=(SICK,))})
    error = UnwellError("it is not well after its change", where="web-1")

    told = end_data(outlook, {"postgres-1": one}, frozenset({"web-1"}), error)

    assert {name: told[name] for name in ("changed", "failed", "drained", "unwell")} == {
        "changed": ["postgres-1"],
        "failed": ["web-1"],
        "drained": ["web-1"],
        "unwell": ["web-2", "web-1"],
    }
    assert told["waiting"]["postgres-1"][0]["unit"] == "postgresql@17-main.service"


@pytest.fixture
def pulumi(folder) -> Pulumi:
    made = Pulumi(folder)
    made.is_deployed()
    return made


def deployed_with(pulumi: Pulumi, digests: dict[str, str]) -> None:
    outputs = json.loads(pulumi.answers["stack output"][1])
    pulumi.tell("stack output", json.dumps(outputs | {"bundleDigests": digests}))


def test_nobody_is_surprised(cli, stack, pulumi):
    stack("social")

    outcome = cli("converge", "social")

    assert outcome.code == 1
    assert "there is nobody to ask" in outcome.err


def test_a_stack_file_that_was_not_deployed_is_refused(cli, stack, pulumi):
    stack("social")
    deployed_with(pulumi, {"web-1": "0" * 64})

    outcome = cli("converge", "social", "--yes")

    assert outcome.code == 1
    assert "mastodon-infra up social" in outcome.err


def test_a_machine_that_is_not_in_the_plan_is_told(cli, stack, pulumi):
    stack("social")

    outcome = cli("converge", "social", "--yes", "--node", "web-9")

    assert outcome.code == 1
    assert "there is no machine web-9" in outcome.err


def test_machines_that_are_not_reached_are_told_in_three_lines(cli, stack, pulumi):
    stack("social")
    plan = plan_of(size="small")
    deployed_with(pulumi, {node.name: bundle(plan, node, WIRING).digest for node in plan.nodes})

    outcome = cli("converge", "social", "--yes")

    assert outcome.code != 0
    assert outcome.out == ""
    assert "bug" not in outcome.err


class Reached(Fleet):
    """A machine in a folder, as if it were reached."""

    async def connect(self, nodes):
        pass


@pytest.fixture
def at_work(stack, pulumi, machine, monkeypatch):
    """A deployed stack whose one machine is a folder that should get other files; gives those."""
    stack("social")
    wanted = bundle_with("two\n", "small\n")

    async def ask(_, __, program, asked, **___):
        return machine.probed(asked) if program is probe else machine.launched(asked)

    async def hold(self):
        pass

    monkeypatch.setattr(verb, "_bundles", lambda *_: {"web-1": wanted})
    monkeypatch.setattr(Fleet, "of", lambda plan, _, **__: Reached(Roster({}, plan.jump, "", "alice")))
    monkeypatch.setattr(Lease, "hold", hold)
    monkeypatch.setattr(carry, "_ask", ask)
    monkeypatch.setattr(carry, "APART_SECONDS", 0)
    monkeypatch.setattr(carry, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(rounds, "COMING_SECONDS", 0)
    return wanted


def test_as_data_a_run_is_one_answer_with_how_it_ended(cli, at_work):
    outcome = cli("converge", "social", "--yes", "--json")

    told = json.loads(outcome.out)
    assert outcome.code == 0
    assert told["nodes"][0]["is_changed"]
    assert told["result"]["changed"] == ["web-1"]
    assert json.loads(cli("converge", "social", "--yes", "--json").out)["result"]["changed"] == []


def test_a_machine_that_is_not_well_afterwards_has_an_exit_code_of_its_own(cli, at_work, machine):
    machine.trouble = SICK

    outcome = cli("converge", "social", "--yes", "--json")

    told = json.loads(outcome.out)
    assert outcome.code == 4
    assert told["result"]["unwell"] == ["web-1"]
    assert SICK in told["problems"][0]["message"]


def test_nothing_to_change_on_a_machine_that_is_not_well_is_no_success(cli, at_work, machine):
    machine.boot(at_work)
    machine.trouble = SICK

    outcome = cli("converge", "social", "--yes")

    assert outcome.code == 4
    assert "Nothing to change on 1 machine." in outcome.out
    assert "web-1: not well" in outcome.out
    assert cli("converge", "social", "--dry-run").code == 0


def test_what_waits_is_said_again_at_the_end_and_is_no_failure(cli, at_work, machine, monkeypatch):
    monkeypatch.setattr(verb, "_bundles", lambda *_: {"web-1": bundle_with("two\n", "large\n")})

    outcome = cli("converge", "social", "--yes")

    assert outcome.code == 0
    assert "Done: 1 machine changed." in outcome.err
    assert "web-1 waits for --allow-restart: postgresql@17-main.service restarts" in outcome.err
