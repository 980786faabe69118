"""How tests look at machines: all of it from outside, by programs that an administrator would use too."""

import json
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from mastodon_infra.rehearsal.machines.bed import SKIPPED_UNITS
from mastodon_infra.rehearsal.machines.instance import Rehearsal, wait_until
from mastodon_infra.render.bundle_types import UnitState
from tests.parsers.wiring import true_to_life

INSTALL_SECONDS, START_SECONDS, SCRAPE_SECONDS = 420, 180, 90


@contextmanager
def rehearsed(plan, parts, folder):
    """The instance, once all that its machines have begun has come to an end, with a public certificate."""
    wiring = true_to_life(plan)
    # The S3 server here has one identity.
    wiring = replace(
        wiring,
        payload_access_key_id=wiring.backup_access_key_id,
        payload_secret_access_key=wiring.backup_secret_access_key,
    )
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, folder)
        rehearsal = ending.enter_context(Rehearsal(plan, wiring, parts=parts, folder=folder))
        for machine in rehearsal.machines.values():
            wait_until(
                partial(machine.run, "test", "-e", "/var/lib/cloud/data/result.json"),
                seconds=INSTALL_SECONDS,
                what="cloud-init has finished",
            )
        settled(rehearsal)
        for node in plan.nodes:
            if node.web is not None:
                rehearsal.certify(node.name)
        yield rehearsal


def settled(rehearsal):
    """Nothing is being started any more, and Mastodon's processes run."""

    def is_settled(name, machine):
        if machine.run("systemctl", "list-jobs", "--no-legend").said:
            return False
        wanted = [unit.name for unit in rehearsal.planned_units(name) if unit.name == "mastodon.target"]
        wants = machine.run("systemctl", "show", "--property=Wants", "--value", *wanted).said.split() if wanted else []
        return bool(machine.run("systemctl", "is-active", *wanted, *wants)) if wanted else True

    for name, machine in rehearsal.machines.items():
        wait_until(
            partial(is_settled, name, machine),
            seconds=START_SECONDS,
            what=f"all units of {name} have started",
        )


def sql(machine, text):
    """The lines that a query of Mastodon's database gives, asked on its own machine."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "--dbname=mastodon_production", f"--command={text}"]
    return machine.must(*command).splitlines()


def page(machine, path):
    """A page as a visitor's browser asks for it, certificate checked."""
    return machine.must("curl", "--silent", "--show-error", "--fail", f"https://social.example{path}")


def check_units(rehearsal, node):
    """Every planned unit is as the bundle says, and no unit has failed."""
    machine = rehearsal.machines[node]
    assert machine.must("systemctl", "list-units", "--failed", "--no-legend", "--plain") == "", node
    for unit in rehearsal.planned_units(node):
        active = machine.run("systemctl", "is-active", unit.name).said
        wanted = "inactive" if unit.state is UnitState.DISABLED or unit.name in SKIPPED_UNITS else "active"
        assert (node, unit.name, active) == (node, unit.name, wanted)


def down(machine):
    """The targets that Prometheus on this machine does not reach, once it has asked all of them."""
    answers: list[Any] = []

    def asked():
        answer = json.loads(machine.must("curl", "--silent", "--fail", "http://127.0.0.1:9090/api/v1/targets"))
        answers[:] = [one["labels"] for one in answer["data"]["activeTargets"] if one["health"] != "up"]
        return not answers

    try:
        wait_until(asked, seconds=SCRAPE_SECONDS, what="every target up")
    except TimeoutError:
        return answers
    return []
