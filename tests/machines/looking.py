"""How tests look at machines: by the verbs that an administrator would use, and from inside where none is enough."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.operate.engine import Engine
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.program.outputs import read_outputs
from mastodon_infra.rehearsal.machines.bed import SKIPPED_UNITS
from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal, wait_until
from mastodon_infra.rehearsal.machines.settling import look
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import UnitState
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SMALLEST

START_SECONDS, SCRAPE_SECONDS, BOOT_SECONDS, INSTALL_SECONDS = 240, 90, 90, 900


class Instance:
    """An instance that is rehearsed: its plan, its machines by the names of their nodes, and the verbs on it."""

    def __init__(self, rehearsal, plan, file):
        self.rehearsal, self.plan, self.file = rehearsal, plan, file

    def verb(self, *words, status=0):
        """Run ``mastodon-infra rehearse STACK ...``; gives what it said, and demands that exit code."""
        command = [sys.executable, "-m", "mastodon_infra", "rehearse", str(self.file)]
        command += ["--folder", str(self.rehearsal.folder), *words]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == status, done.stdout[-6000:]
        return done.stdout

    def change(self, changed):
        """Have the rehearsal's stack file changed, and deploy that; gives what ``up`` said."""
        file = self.rehearsal.file
        document = YAML().load(file)
        changed(document["config"]["mastodon-infra:instance"])
        with file.open("w", encoding="utf-8") as out:
            YAML().dump(document, out)
        return self.verb("--", "up", "--yes")

    def wiring(self):
        """Every secret of the deployed stack, from the output that converge reads."""
        environment = self.rehearsal.environment()
        pulumi = shutil.which("pulumi", path=environment["PATH"])
        assert pulumi
        engine = Engine(Path(pulumi), self.rehearsal.file.parents[1], self.rehearsal.stack, environment)
        return read_outputs(engine.outputs()).wiring

    def machine(self, node):
        """The machine of a node."""
        return Machine(self.rehearsal, self.plan.node(node).label)

    @property
    def machines(self):
        """All of them, by node."""
        return {node.name: self.machine(node.name) for node in self.plan.nodes}

    def units(self, node):
        """What the node's bundle says about units."""
        return bundle(self.plan, self.plan.node(node), Wiring.placeholder(self.plan)).units

    def reboot(self, *nodes):
        """Reboot machines all at once, and wait until they have come to rest."""
        before = {node: self.machine(node).boots for node in nodes}
        for node in nodes:
            self.rehearsal.order("reboot", machine=self.plan.node(node).label)
        for node, boots in before.items():
            booted = wait_until(partial(self._has_booted, node, boots), seconds=BOOT_SECONDS)
            assert booted, f"{node} did not boot again"
        self.settle()

    def _has_booted(self, node, boots):
        return self.machine(node).boots > boots

    def settle(self, seconds=START_SECONDS):
        """Wait until nothing is being started any more."""
        for node, machine in self.machines.items():
            state: list[Any] = []

            def is_settled(machine=machine, state=state):
                state[:] = [look(machine.run)] if machine.pid else []
                return state and state[0].is_settled

            assert wait_until(is_settled, seconds=seconds), (node, state, self.rehearsal.running())

    def replace(self, node):
        """Make a machine anew, as an administrator would, and wait until it has come to rest."""
        before = self.machine(node).pid
        self.verb("--", "up", "--yes", "--replace", node)
        assert wait_until(lambda: self.machine(node).pid not in {0, before}, seconds=BOOT_SECONDS)
        self.settle(INSTALL_SECONDS)


class Machine:
    """One machine, whichever process it is by now."""

    def __init__(self, rehearsal, label):
        self._rehearsal, self._label = rehearsal, label

    @property
    def pid(self):
        running = self._rehearsal.running()
        return running[self._label].pid if self._label in running else 0

    @property
    def boots(self):
        return self._rehearsal.running()[self._label].boots

    def run(self, *words, seconds=60):
        return self._rehearsal.run(self._label, *words, seconds=seconds)

    def must(self, *words, seconds=60):
        done = self.run(*words, seconds=seconds)
        assert done, (words, done.status, done.said[-3000:])
        return done.said


@contextmanager
def rehearsed(name, asked, folder):
    """The instance, from nothing to all green."""
    with _written(name, asked, folder) as instance:
        sys.stdout.write(instance.verb("--keep"))
        yield instance


@contextmanager
def deployed(name, asked, folder, parts, *, held_back=(), release=None):
    """The instance once it is deployed, while its machines begin to boot; what is held back does not come yet.

    ``release`` is the folder of another release, which deploys it: Python looks for packages there first.
    """
    with _written(name, asked, folder) as instance:
        rehearsal = instance.rehearsal
        rehearsal.prepare(instance.file.read_text(encoding="utf-8"), instance.plan, {})
        rehearsal.begin(parts)
        for label in held_back:
            rehearsal.order("hold-back", label=label)
        engine = ["pulumi", "--cwd", str(rehearsal.file.parents[1]), "--non-interactive", "stack", "init", name]
        for words in (engine, [sys.executable, "-m", "mastodon_infra", "up", str(rehearsal.file), "--yes"]):
            done = subprocess.run(
                words,
                env=rehearsal.environment(),
                cwd=release,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        yield instance


@contextmanager
def _written(name, asked, folder):
    instance: dict[str, Any] = SMALLEST | asked
    file = folder / "stacks" / f"Pulumi.{name}.yaml"
    file.parent.mkdir(parents=True)
    with file.open("w", encoding="utf-8") as out:
        YAML().dump({"config": {"mastodon-infra:instance": instance}}, out)
    plan = plan_instance(InstanceSpec.model_validate(instance | {"disposable": True}))
    found = Instance(Rehearsal(folder / "rehearsal", name), plan, file)
    try:
        yield found
    finally:
        if not os.environ.get("KEEP"):
            found.verb("--down")
            shutil.rmtree(folder)


def sql(machine, text):
    """The lines that a query of Mastodon's database gives, asked on its own machine."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "--dbname=mastodon_production", f"--command={text}"]
    return machine.must(*command).splitlines()


def redis(machine, *words):
    """Ask the Redis of the queues on its own machine, as Mastodon's user."""
    script = """
        read -r _ user _ _ password _ < <(grep -h '^user .* +@all' /etc/redis/redis-queue.conf)
        REDISCLI_AUTH=${password#>} redis-cli --no-auth-warning --user "$user" "$@"
    """
    return machine.must("bash", "-c", script, "redis", *words)


def page(instance, path):
    """A page as a visitor's browser asks for it, certificate checked."""
    rehearsal = instance.rehearsal
    command = rehearsal.command("curl", "--silent", "--show-error", "--fail", f"https://social.example{path}")
    environment = rehearsal.environment()
    done = subprocess.run(
        [*command, "--cacert", environment["SSL_CERT_FILE"]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check_units(instance, node):
    """Every planned unit is as the bundle says, and no unit has failed."""
    machine = instance.machine(node)
    assert machine.must("systemctl", "list-units", "--failed", "--no-legend", "--plain") == "", node
    for unit in instance.units(node):
        active = machine.run("systemctl", "is-active", unit.name).said
        wanted = "inactive" if unit.state is UnitState.DISABLED or unit.name in SKIPPED_UNITS else "active"
        assert (node, unit.name, active) == (node, unit.name, wanted)


def down(machine):
    """The targets that Prometheus on this machine does not reach, once it has asked all of them."""
    answers: list[Any] = []
    wait_until(partial(_all_up, machine, answers), seconds=SCRAPE_SECONDS)
    return answers


def _all_up(machine, answers):
    answer = json.loads(machine.must("curl", "--silent", "--fail", "http://127.0.0.1:9090/api/v1/targets"))
    answers[:] = [one["labels"] for one in answer["data"]["activeTargets"] if one["health"] != "up"]
    return not answers
