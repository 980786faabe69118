"""What every machine is asked: its units, its clock, its reboots, the bundle that it holds, its keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject, shell
from mastodon_infra.plan.types import NodePlan
from mastodon_infra.render.bundle_types import NodeBundle, UnitState
from mastodon_infra.render.fingerprints import mastodon_keys
from mastodon_infra.render.installer import INSTALLED_PATH
from mastodon_infra.render.scene import ETC

ACCESS, UNITS, CLOCK = Group("access"), Group("units"), Group("clock")
REBOOTS, BUNDLES, KEYS = Group("reboots"), Group("bundles"), Group("keys")
TARGET = "mastodon.target"
FINGERPRINTS = f"{ETC}/key-fingerprints"
MOST_OFFSET_SECONDS = 0.5
SHOWN = "--property=Id,LoadState,ActiveState,ConditionResult,ConditionTimestampMonotonic"
FAILED_UNITS = ("systemctl", "list-units", "--failed", "--no-legend", "--plain")
CLOCK_SCRIPT = f"systemctl show {SHOWN} chrony.service && chronyc -n tracking"
REBOOT_SCRIPT = "cat /run/reboot-required.pkgs 2> /dev/null || ! test -e /run/reboot-required"


def machine_questions(subject: Subject) -> Iterator[Question]:
    """The same to every node."""
    for node in subject.plan.nodes:
        yield from unit_questions(node, subject.bundles[node.name])
        yield from _state_questions(node, subject)


def unit_questions(node: NodePlan, bundle: NodeBundle) -> Iterator[Question]:
    """What should run, and what has failed."""
    name = node.name
    yield Question("access", name, OnNode(name, ("id", "--user")), partial(judge_access, name))
    yield Question("units", f"{name}: failed", OnNode(name, FAILED_UNITS), partial(judge_failed_units, name))
    planned = planned_units(bundle)
    yield Question(
        "units",
        f"{name}: planned",
        OnNode(name, ("systemctl", "show", SHOWN, "--", *planned)),
        partial(judge_units, name, planned),
    )


def planned_units(bundle: NodeBundle) -> tuple[str, ...]:
    """What is started on the node, and what Mastodon's target wants there."""
    started = [unit.name for unit in bundle.units if unit.state is UnitState.STARTED]
    wanted = [
        line.partition("=")[2]
        for file in bundle.files
        if file.path.startswith(f"/etc/systemd/system/{TARGET}.d/")
        for line in file.content.splitlines()
        if line.startswith("Wants=")
    ]
    return tuple(dict.fromkeys((*started, *wanted)))


def _state_questions(node: NodePlan, subject: Subject) -> Iterator[Question]:
    name, outputs = node.name, subject.outputs
    yield Question("clock", name, shell(name, CLOCK_SCRIPT), partial(judge_clock, name))
    yield Question("reboots", name, shell(name, REBOOT_SCRIPT), partial(judge_reboot, name))
    yield digest_question(name, outputs.bundle_digests.get(name, ""))
    if any(file.path == FINGERPRINTS for file in subject.bundles[name].files):
        judge = partial(judge_keys, name, mastodon_keys(subject.wiring))
        yield Question("keys", name, OnNode(name, ("cat", FINGERPRINTS)), judge)


def digest_question(node: str, wanted: str) -> Question:
    """Which bundle the node holds."""
    return Question("bundles", node, OnNode(node, ("cat", INSTALLED_PATH)), partial(judge_digest, node, wanted))


def judge_access(node: str, said: Said) -> Iterator[Check]:
    """It was asked as root."""
    if said and said.stdout.strip() == "0":
        yield ACCESS.ok(node, "it lets us in, with the host key that the stack gave it")
    else:
        yield ACCESS.failed(node, f"programs do not run as root there: {said.trouble}", "look at /etc/sudoers.d")


def judge_failed_units(node: str, said: Said) -> Iterator[Check]:
    """None has failed, planned or not."""
    name, units = f"{node}: failed", [line.split()[0] for line in said.stdout.splitlines() if line.strip()]
    if not said:
        yield UNITS.failed(name, f"systemd does not say: {said.trouble}", f"mastodon-infra ssh STACK {node}")
    elif units:
        remedy = f"mastodon-infra logs STACK {node} {units[0]}; docs/runbooks/unit-failed.md"
        yield UNITS.failed(name, ", ".join(units), remedy)
    else:
        yield UNITS.ok(name, "none")


def judge_units(node: str, planned: Sequence[str], said: Said) -> Iterator[Check]:
    """All that is planned is active. What systemd passed over because of a condition proves nothing."""
    found = _shown(said.stdout)
    idle = [unit for unit in planned if found.get(unit, {}).get("ActiveState") != "active"]
    passed = [unit for unit in idle if _is_passed_over(found.get(unit, {}))]
    broken = [unit for unit in idle if unit not in passed]
    if broken:
        told = ", ".join(f"{unit} is {_state(found.get(unit, {}))}" for unit in broken)
        remedy = f"mastodon-infra logs STACK {node} {broken[0]}; docs/runbooks/unit-failed.md"
        yield UNITS.failed(f"{node}: planned", told, remedy)
    else:
        yield UNITS.ok(f"{node}: planned", f"{len(planned) - len(passed)} of {len(planned)} are active")
    for unit in passed:
        yield UNITS.unproven(f"{node}: {unit}", "systemd passed it over: a condition of it does not hold there")


def _state(shown: Mapping[str, str]) -> str:
    return shown.get("ActiveState", "not there") if shown.get("LoadState") == "loaded" else "not there"


def _is_passed_over(shown: Mapping[str, str]) -> bool:
    """Whether systemd looked at its conditions, and did not start it for them; it says ``no`` also before it looks."""
    return (
        shown.get("LoadState") == "loaded"
        and shown.get("ActiveState") == "inactive"
        and shown.get("ConditionResult") == "no"
        and shown.get("ConditionTimestampMonotonic", "0") != "0"
    )


def _shown(text: str) -> dict[str, dict[str, str]]:
    """What ``systemctl show`` says, by unit."""
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n"))
    return {block["Id"]: block for block in blocks if block.get("Id")}


def judge_clock(node: str, said: Said) -> Iterator[Check]:
    """The clock follows a source, and is near it. Where chrony may not run, nobody here can say."""
    values = {
        key.strip(): value.strip() for key, _, value in (_parted(line) for line in said.stdout.splitlines()) if value
    }
    remedy = "docs/runbooks/clock-wrong.md"
    if _is_passed_over(values):
        yield CLOCK.unproven(node, "chrony may not set this machine's clock, and was passed over")
    elif not said:
        yield CLOCK.failed(node, f"chrony does not answer: {said.trouble}", remedy)
    elif values.get("Leap status") != "Normal":
        yield CLOCK.failed(node, f"not synchronised ({values.get('Leap status', 'no status')})", remedy)
    else:
        offset = float(values["System time"].split()[0])
        seen = f"off by {offset * 1000:.1f} ms"
        yield CLOCK.ok(node, seen) if offset <= MOST_OFFSET_SECONDS else CLOCK.failed(node, seen, remedy)


def _parted(line: str) -> tuple[str, str, str]:
    """Both forms of a line: ``name=value`` by systemctl, ``name : value`` by chronyc."""
    return line.partition(" : ") if " : " in line else line.partition("=")


def judge_reboot(node: str, said: Said) -> Iterator[Check]:
    """No fix waits for a reboot; one that does is a warning, and no fault."""
    packages = sorted(set(said.stdout.split()))
    if said and not packages:
        yield REBOOTS.ok(node, "none is waited for")
    elif said.status not in {0, 1}:
        yield REBOOTS.failed(node, f"it does not say: {said.trouble}", f"mastodon-infra ssh STACK {node}")
    else:
        told = f"fixes wait for a reboot: {', '.join(packages) or 'of a package'}"
        yield REBOOTS.warn(node, told, "docs/runbooks/reboot-pending.md")


def judge_digest(node: str, wanted: str, said: Said) -> Iterator[Check]:
    """It holds what the last deployment wanted it to hold."""
    found = said.stdout.strip()
    if said and found == wanted:
        yield BUNDLES.ok(node, f"it holds {wanted[:12]}")
    else:
        seen = f"it holds {found[:12] or 'none'}, and should hold {wanted[:12] or 'none'}"
        yield BUNDLES.failed(node, seen, f"mastodon-infra converge STACK --node {node}")


def judge_keys(node: str, wanted: Mapping[str, str], said: Said) -> Iterator[Check]:
    """The life-long keys there are those of the state, each of them and no other."""
    found = dict(line.split() for line in said.stdout.splitlines())
    if others := differences(wanted, found):
        told = f"other keys than the state's: {', '.join(others)}" if found else "no fingerprints there"
        yield KEYS.failed(node, told, "docs/how-to/keep-the-keys.md, and do not deploy before")
    else:
        yield KEYS.ok(node, f"{len(found)} life-long keys are those of the state")


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Names that only one side has, or that mean another value on each."""
    return sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
