"""Volumes that would go to another machine, under the real engine: only where the operator says so."""

import json
import os
import subprocess
import sys

import pytest

from tests.engine.rehearsed import LIMIT_SECONDS, ROOT, STACK

VOLUME = "linode:index/volume:Volume"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def growing(copy_of):
    """A stack on one machine that is asked to become several, with its keys in an escrow."""
    stack = copy_of("small")
    stack.ask({"size": "medium"})
    code, problem, _ = given(stack, "escrow", "--out", str(stack.cloud.folder / "escrow"))
    assert code == 0, problem
    return stack


def given(stack, verb, *words):
    """Give one of our commands on a stack, where nobody can be asked: exit code, errors and progress, answer."""
    file = stack.project / "stacks" / f"Pulumi.{STACK}.yaml"
    told = {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "MASTODON_INFRA_ESCROW_PASSPHRASE": PASSPHRASE}
    done = subprocess.run(
        [sys.executable, "-m", "mastodon_infra", verb, str(file), *words],
        env={**os.environ, **stack.cloud.environment(), **told},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr, done.stdout


def places(stack):
    """The machine that each volume is at, by the volume's label."""
    return {volume.inputs["label"]: volume.inputs.get("linodeId") for volume in stack.world.all(VOLUME)}


def test_volumes_leave_a_machine_only_when_that_was_said(growing):
    before, ids = places(growing), {volume.id for volume in growing.world.all(VOLUME)}

    code, problem, told = given(growing, "up", "--yes")

    assert code == 1
    assert "this would take data-postgres and data-redis off a machine" in problem
    assert "--move-data" in problem
    assert "The volume data-postgres is taken off its machine" in told
    assert places(growing) == before, "nothing was done"

    code, problem, told = given(growing, "up", "--yes", "--move-data", "--json")

    assert code == 0, problem
    after, machines = places(growing), growing.machines()
    assert after["social-example-data-postgres"] == int(machines["social-example-postgres-1"])
    assert after["social-example-data-redis"] == int(machines["social-example-redis-1"])
    assert {volume.id for volume in growing.world.all(VOLUME)} == ids, "the same volumes, with what is on them"
    moved = [one for one in json.loads(told)["done"] if "linodeId" in one["keys"]]
    assert {(one["operation"], one["name"]) for one in moved} == {("update", "data-postgres"), ("update", "data-redis")}


def test_replacing_a_machine_takes_no_volume_off_another(growing):
    """web-1 is made anew, and is no longer the machine that the volumes are planned for."""
    before, machines = places(growing), growing.machines()

    code, problem, _ = given(growing, "up", "--yes", "--replace", "web-1")

    assert code == 1
    assert "this would take data-postgres and data-redis off a machine" in problem
    assert (places(growing), growing.machines()) == (before, machines), "nothing was done"


def test_machine_that_is_made_anew_gets_its_own_volume_back(copy_of):
    stack = copy_of("medium")
    code, problem, _ = given(stack, "escrow", "--out", str(stack.cloud.folder / "escrow"))
    assert code == 0, problem
    machine, volumes = stack.machines()["social-example-postgres-1"], {one.id for one in stack.world.all(VOLUME)}

    code, problem, _ = given(stack, "up", "--yes", "--replace", "postgres-1")

    assert code == 0, problem
    now = stack.machines()["social-example-postgres-1"]
    assert now != machine
    assert places(stack)["social-example-data-postgres"] == int(now)
    assert {one.id for one in stack.world.all(VOLUME)} == volumes
