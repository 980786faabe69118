"""What changes from one plan to another, as data: machines, data at risk, settings, names and openings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mastodon_infra.cli.explain import value_text
from mastodon_infra.cli.layout import listed
from mastodon_infra.plan.decided import decided_values
from mastodon_infra.plan.network_types import DnsRecord, FirewallRule, Side
from mastodon_infra.plan.types import InstancePlan, NodePlan, VolumePlan

_NODE = re.compile(r"nodes\.([^.]+)\.(.+)")
_NO_SETTINGS = ("demand.", "capacity.", "connections.", "groups.", "volumes.", "backups.stored", "media.stored")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is new, gone or different. ``before`` and ``after`` are text; empty for new and gone.

    Attributes:
        kind: What it is: ``machine``, ``volume``, ``record``, ``opening``, ``balancer``, ``setting``.
        name: Its name or path.
        is_inside: Whether it concerns the machines among themselves only.
    """

    kind: str
    name: str
    before: str
    after: str
    is_inside: bool = False

    @property
    def sign(self) -> str:
        """``+`` for new, ``-`` for gone, ``~`` for different."""
        if not self.before:
            return "+"
        return "~" if self.after else "-"


def machine_changes(old: InstancePlan, new: InstancePlan) -> list[Change]:
    """Machines that come, go, or get another type or other work."""
    return _compared("machine", old.nodes, new.nodes, _machine_words)


def around_changes(old: InstancePlan, new: InstancePlan) -> list[Change]:
    """Volumes, balancers, records and openings that come, go or change."""
    return [
        *_compared("volume", old.volumes, new.volumes, _volume_words),
        *_balancers(old, new),
        *_compared("record", old.dns.records, new.dns.records, _record_words),
        *_openings(old, new),
    ]


def _balancers(old: InstancePlan, new: InstancePlan) -> list[Change]:
    before = set(old.balancer.names if old.balancer else ())
    after = set(new.balancer.names if new.balancer else ())
    found = [Change("balancer", name, "", "a NodeBalancer") for name in sorted(after - before)]
    return [*found, *(Change("balancer", name, "a NodeBalancer", "") for name in sorted(before - after))]


def _openings(old: InstancePlan, new: InstancePlan) -> list[Change]:
    inside = {rule.name for rule in (*old.firewall, *new.firewall) if rule.side is Side.PRIVATE}
    found = _compared("opening", old.firewall, new.firewall, _opening_words)
    return [replace(change, is_inside=change.name in inside) for change in found]


def _compared(kind: str, old: Iterable[Any], new: Iterable[Any], words: Callable[[Any], str]) -> list[Change]:
    before = {one.name: words(one) for one in old}
    after = {one.name: words(one) for one in new}
    names = dict.fromkeys([*after, *before])
    changes = (Change(kind, name, before.get(name, ""), after.get(name, "")) for name in names)
    return [change for change in changes if change.before != change.after]


def _machine_words(node: NodePlan) -> str:
    return f"{node.machine.name}: {', '.join(role.value for role in node.roles)}"


def _volume_words(volume: VolumePlan) -> str:
    return f"{volume.size.value} GiB on {volume.node}"


def _record_words(record: DnsRecord) -> str:
    proxied = ", proxied" if record.is_proxied else ""
    return f"{record.type} {record.host} to {record.target.value}{proxied}"


def _opening_words(rule: FirewallRule) -> str:
    return f"{rule.group} {rule.protocol} {rule.ports} for {rule.who} ({rule.side})"


def setting_changes(old: InstancePlan, new: InstancePlan) -> list[Change]:
    """Settings that both plans have with different values; nodes of a group that change alike are named once."""
    before = {one.path: value_text(one.decided) for one in _settings(old)}
    after = {one.path: value_text(one.decided) for one in _settings(new)}
    group_of = {node.name: node.group for node in (*old.nodes, *new.nodes)}
    found: dict[tuple[str, str, str], list[str]] = {}
    for path, value in after.items():
        if path in before and before[path] != value:
            node = _NODE.fullmatch(path)
            shared = f"{group_of[node[1]]}\n{node[2]}" if node else path
            found.setdefault((shared, before[path], value), []).append(path)
    return [Change("setting", _together(paths), was, now) for (_, was, now), paths in found.items()]


def _together(paths: list[str]) -> str:
    others = len(paths) - 1
    return paths[0] if not others else f"{paths[0]} (and on {others} more)"


def _settings(plan: InstancePlan) -> Iterator[Any]:
    for one in decided_values(plan):
        if not one.path.startswith(_NO_SETTINGS) and ".memory." not in one.path:
            yield one


def said_changes(old: InstancePlan, new: InstancePlan) -> list[Change]:
    """Keys of the stack file, defaults included, that say something else."""
    before, after = (dict(_said(plan.spec.model_dump(mode="json"))) for plan in (old, new))
    names = dict.fromkeys([*after, *before])
    changes = (Change("said", name, before.get(name, ""), after.get(name, "")) for name in names)
    return [change for change in changes if change.before != change.after]


def _said(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _said(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _said(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, yaml_word(value)


def yaml_word(value: Any) -> str:
    """A single value as a stack file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _protection_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    if new.spec.disposable and not old.spec.disposable:
        yield "The stack becomes disposable: nothing protects its data any more, and destroying the stack destroys it."
    elif old.spec.disposable and not new.spec.disposable:
        yield "The stack is no longer disposable: its volumes, buckets and keys become protected against deletion."


def interruptions(old: InstancePlan, new: InstancePlan) -> list[str]:
    """What machines are stopped for or replaced by, in whole sentences."""
    return list(_interruptions(old, new))


def _interruptions(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    if old.region.name != new.region.name:
        yield (
            f"A stack that is deployed in {old.region.name} stays there: up refuses it. In {new.region.name} it would "
            "be another stack, with new machines and new public addresses."
        )
        return
    before = {node.name: node.machine for node in old.nodes}
    resized = [node.name for node in new.nodes if before.get(node.name, node.machine).name != node.machine.name]
    grown = [name for name in resized if new.node(name).machine.disk_gib > before[name].disk_gib]
    if resized:
        restart = "restarts for its new type" if len(resized) == 1 else "restart for their new type"
        yield (
            f"{listed(resized)} {restart}: Linode stops a machine, moves it and starts it again, and it is down for "
            "minutes."
        )
    if grown:
        keeps = (
            "keeps its own disk as large as it was" if len(grown) == 1 else "keep their own disks as large as they were"
        )
        yield (
            f"{listed(grown)} {keeps}, while the plan counts on the new type's: enlarge it at Linode (Storage, Resize) "
            "before converge. A machine whose disk was enlarged fits its smaller type no more, so nothing here does it."
        )


def data_warnings(old: InstancePlan, new: InstancePlan) -> list[str]:
    """What would move, shrink, leave behind or lose something that holds data, in whole sentences."""
    return [
        *_protection_warnings(old, new),
        *_domain_warnings(old, new),
        *_region_warnings(old, new),
        *_volume_warnings(old, new),
        *_bucket_warnings(old, new),
        *_disk_warnings(old, new),
    ]


def _domain_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    if old.mastodon.local_domain != new.mastodon.local_domain:
        yield (
            f"The domain changes from {old.mastodon.local_domain} to {new.mastodon.local_domain}: to the fediverse "
            "that is another server. A domain can never change; these are two instances."
        )
    elif old.mastodon.web_domain != new.mastodon.web_domain:
        yield "The web domain changes, which breaks every account on other servers. It can never change."


def _region_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    if old.region.name != new.region.name:
        yield (
            f"The region changes from {old.region.name} to {new.region.name}: no volume and no bucket moves there. "
            "Data comes along only from a backup, into a new stack."
        )


def _volume_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    after = {volume.name: volume for volume in new.volumes}
    for volume in old.volumes:
        now = after.get(volume.name)
        if now is None:
            yield f"The volume {volume.name} would go, and with it what is on it."
            continue
        if now.node != volume.node:
            yield (
                f"The volume {volume.name} moves from {volume.node} to {now.node}: it is attached there with its data, "
                "while the instance is stopped."
            )
        if now.size.value < volume.size.value:
            key = volume.name.removeprefix("data-")
            yield (
                f"The volume {volume.name} would shrink from {volume.size.value} to {now.size.value} GiB, which no "
                f"volume can: keep it with {key}.volume_gib: {volume.size.value}."
            )
    for service in ("postgres", "redis"):
        name = f"data-{service}"
        if name in after and name not in {volume.name for volume in old.volumes}:
            yield f"{name} becomes a volume; what is on the machine's own disk must be copied to it."


def _bucket_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    for what, was, now in (("media", old.media, new.media), ("backups", old.backups, new.backups)):
        before = (was.provider.value, was.region, was.bucket)
        after = (now.provider.value, now.region, now.bucket)
        if before != after:
            yield (
                f"The bucket for {what} becomes another one ({' '.join(before)} to {' '.join(after)}): what is in the "
                "old one does not move by itself."
            )
    if old.media.host != new.media.host:
        yield f"The media host changes from {old.media.host} to {new.media.host}: links on other servers break."


def _disk_warnings(old: InstancePlan, new: InstancePlan) -> Iterator[str]:
    after = {node.name: node for node in new.nodes}
    for node in old.nodes:
        now = after.get(node.name)
        if now and now.machine.disk_gib < node.machine.disk_gib:
            yield (
                f"{node.name} gets a smaller disk ({node.machine.disk_gib} to {now.machine.disk_gib} GiB): Linode "
                "resizes it only when what is on it fits."
            )
