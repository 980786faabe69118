"""Where a day happens: the instance, the visitors, and the blows, each of which is recovered from."""

import json
import subprocess
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mastodon_infra.model.role import Role
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.bad_days import measure
from tests.machines.bad_days.steady import Load
from tests.machines.looking import Instance

ALERT_SECONDS, ALERT_STEP_SECONDS = 480, 5
FIRING = 'ALERTS{alertstate="firing"}'
OF_THE_BED = {"ClockNotSet"}
"""Alerts of half an hour here: no rehearsed machine may set this computer's clock."""


@dataclass
class Stage:
    """What a day's ``do`` is given. ``is_patient`` says whether there is time to wait for alerts."""

    instance: Instance
    load: Load
    is_patient: bool
    blows: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def nodes(self, role):
        """The names of the nodes that have a role: ``stage.nodes("web")``."""
        return [node.name for node in self.instance.plan.nodes if Role(role) in node.roles]

    def machine(self, node):
        """A node's machine: ``run``, ``must``, ``pid``, ``boots``."""
        return self.instance.machine(node)

    def power(self, node, state):
        """Take a machine's power away, or give it back: ``off`` or ``on``."""
        self.instance.rehearsal.order(f"power-{state}", machine=self.instance.plan.node(node).label)

    def filter(self, rules):
        """Give rules to the packet filter that stands between all machines: text for ``nft``."""
        rehearsal = self.instance.rehearsal
        root = rehearsal.folder / "system/root"
        words = rehearsal.command("chroot", str(root), "/usr/sbin/nft", "--file", "-")
        subprocess.run(words, input=rules, text=True, check=True)

    def blow(self):
        """From now on it is this moment from which recovery is counted."""
        self.blows.append(time.time())

    def mended(self):
        """What hurt is taken away: what failed until now was its effect, and recovery is counted from now on alone."""
        self.blows[:] = [time.time()]

    def note(self, text):
        """Something that was seen, for the table."""
        self.notes.append(text)

    def calm(self, seconds=300, calm=8):
        """Wait until all goes well again."""
        self.load.wait_until_calm(seconds, calm)

    def wait_for_alert(self, name, seconds=ALERT_SECONDS):
        """Wait until it fires, where there is time for that."""
        if self.is_patient:
            begun = self.blows[0]
            assert wait_until(lambda: name in names(fired(self.instance, begun, ())), seconds=seconds), name


def fired(instance, begun, before):
    """The alerts that have fired since then, but for those that fired before, and those that a rehearsal itself has."""
    words = {"query": FIRING, "start": begun, "end": time.time(), "step": ALERT_STEP_SECONDS}
    (node,) = [node.name for node in instance.plan.nodes if Role.MONITORING in node.roles]
    done = instance.machine(node).run(
        *("curl", "--silent", "--fail", f"http://127.0.0.1:9090/api/v1/query_range?{urlencode(words)}")
    )
    return measure.fired(json.loads(done.said), begun=begun, before={*before, *OF_THE_BED}) if done else ()


def names(alerts):
    """Their names alone."""
    return {one.name for one in alerts}
