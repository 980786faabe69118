"""What converge says before it changes anything, and what it refuses."""

import json
from dataclasses import replace

import pytest

from mastodon_infra.cli.converge import page_of
from mastodon_infra.operate.converge.decide import Steps, decide
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


def test_the_page_shows_lines_what_follows_what_was_edited_and_what_waits(machine):
    machine.put(NGINX, "mine\n")

    page = str(page_of({"web-1": steps_of(machine, bundle_with("two\n", "large\n"))}, 80, is_plain=True))

    assert "    -mine\n    +two\n" in page
    assert f"web-1: edited by hand, saved aside before they go\n  {NGINX}" in page
    assert "- nginx.service reloads, and goes on meanwhile" in page
    waits = page.partition("web-1: waits for --allow-restart\n")[2]
    assert " ".join(waits.split()).startswith(f"- postgresql@17-main.service restarts, because of {TUNING}")


def test_machines_that_change_alike_are_shown_once_and_others_are_counted(machine):
    one = steps_of(machine, bundle_with("two\n", "small\n"))
    second = replace(one, wanted=replace(one.wanted, node="web-2"), difference=replace(one.difference, node="web-2"))
    same = steps_of(machine, bundle_with("one\n", "small\n"))

    page = str(page_of({"web-1": one, "web-2": second, "watch-1": same}, 40, is_plain=True))

    assert "web-2: as web-1" in page
    assert page.endswith("Nothing to change on 1 other machine.")


def test_a_package_that_is_no_longer_needed_is_told_with_who_may_remove_it(machine):
    machine.boot(a_bundle(packages=("nginx", "tor")))
    machine.active.clear()

    page = str(page_of({"web-1": steps_of(machine, a_bundle(packages=("nginx",)))}, 80, is_plain=True))

    assert "web-1: 1 package no longer needed\n  tor will stay installed; sudo apt-get autoremove" in page


def test_nothing_to_change_is_one_line(machine):
    page = page_of({"web-1": steps_of(machine, bundle_with("one\n", "small\n"))}, 80, is_plain=True)

    assert str(page) == "Nothing to change on 1 machine."


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
