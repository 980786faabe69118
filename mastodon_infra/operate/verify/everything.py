"""Every question that an instance is asked, group by group, and the few of a quick look."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mastodon_infra.errors import ToolError
from mastodon_infra.operate.verify.backup import backup_questions
from mastodon_infra.operate.verify.data import data_questions
from mastodon_infra.operate.verify.doors import door_questions
from mastodon_infra.operate.verify.firewall import firewall_questions
from mastodon_infra.operate.verify.front import front_questions, web_questions
from mastodon_infra.operate.verify.kernel import kernel_questions
from mastodon_infra.operate.verify.machines import digest_question, machine_questions, unit_questions
from mastodon_infra.operate.verify.mail import mail_questions
from mastodon_infra.operate.verify.media import media_questions
from mastodon_infra.operate.verify.names import name_questions
from mastodon_infra.operate.verify.questions import Question, Subject
from mastodon_infra.operate.verify.watch import watch_questions
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.outputs import StackOutputs
from mastodon_infra.render.bundle import bundle

GROUPS = (
    "names",
    "tls",
    "front",
    "media",
    "streaming",
    "web",
    "access",
    "units",
    "kernel",
    "firewall",
    "sidekiq",
    "postgres",
    "redis",
    "backup",
    "restore",
    "mail",
    "monitoring",
    "clock",
    "reboots",
    "bundles",
    "keys",
    "doors",
)
"""Every group, in the order in which it is told."""

QUICK = ("home page", "instance API")


def subject_of(stack: str, plan: InstancePlan, outputs: StackOutputs) -> Subject:
    """What is looked at; raises ToolError where the stack's secrets are closed, which some questions need."""
    if outputs.wiring is None:
        raise ToolError("the stack's secrets are closed", hint="set PULUMI_CONFIG_PASSPHRASE_FILE", where=stack)
    bundles = {node.name: bundle(plan, node, outputs.wiring) for node in plan.nodes}
    return Subject(stack, plan, outputs, outputs.wiring, bundles)


def all_questions(
    subject: Subject, *, groups: Collection[str] = GROUPS, sends_mail: bool = False, all_ports: bool = False
) -> Iterator[Question]:
    """The questions of some groups, in the order of the groups."""
    asked = [
        *name_questions(subject),
        *front_questions(subject),
        *media_questions(subject),
        *web_questions(subject.plan),
        *machine_questions(subject),
        *kernel_questions(subject),
        *firewall_questions(subject),
        *data_questions(subject),
        *backup_questions(subject),
        *mail_questions(subject, sends=sends_mail),
        *watch_questions(subject.plan),
        *door_questions(subject, all_ports=all_ports),
    ]
    wanted = sorted((one for one in asked if one.group in groups), key=lambda one: GROUPS.index(one.group))
    return iter(wanted)


def quick_questions(subject: Subject) -> Iterator[Question]:
    """What a look of two seconds tells: units, page, targets, alerts, bundles."""
    yield from (one for one in front_questions(subject) if one.name in QUICK)
    for node in subject.plan.nodes:
        yield from unit_questions(node, subject.bundles[node.name])
        yield digest_question(node.name, subject.outputs.bundle_digests.get(node.name, ""))
    yield from watch_questions(subject.plan)
