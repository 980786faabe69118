"""Composes a node's bundle out of the parts that its roles need, and refuses parts that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from mastodon_infra.errors import TemplateError
from mastodon_infra.model.role import Role
from mastodon_infra.plan.roles import OPTIONAL_ROLES, card_of
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render import app, backup, base, maintenance, monitoring, optional, pgbouncer, postgres, redis, web
from mastodon_infra.render.bundle_types import (
    BundleDirectory,
    BundleFile,
    BundleUnit,
    BundleUser,
    Need,
    NodeBundle,
)
from mastodon_infra.render.environment import render
from mastodon_infra.render.installer import installer_files
from mastodon_infra.render.manifest import FileEntry, Manifest, read_manifest
from mastodon_infra.render.scene import Scene
from mastodon_infra.render.wiring import Wiring

ADMINISTRATOR_GROUPS = ("adm", "sudo", "systemd-journal")


@dataclass(frozen=True, slots=True)
class PartOfBundle:
    """A folder of templates: when a node gets it, and what its templates see."""

    name: str
    wanted: Callable[[Scene], bool]
    context: Callable[[Scene], Any]


PARTS: tuple[PartOfBundle, ...] = (
    PartOfBundle("base", lambda _: True, base.base_context),
    PartOfBundle("volume", base.has_volumes, base.volume_context),
    PartOfBundle("mastodon", app.runs_mastodon, app.mastodon_context),
    PartOfBundle("web", lambda scene: scene.has(Role.WEB), web.web_context),
    PartOfBundle("streaming", lambda scene: scene.has(Role.STREAMING), app.streaming_context),
    PartOfBundle("sidekiq", lambda scene: bool(scene.node.sidekiq), app.sidekiq_context),
    PartOfBundle("leader", lambda scene: scene.node.is_leader, app.leader_context),
    PartOfBundle("maintenance", lambda scene: scene.node.is_leader, maintenance.maintenance_context),
    PartOfBundle("postgres", lambda scene: scene.has(Role.POSTGRES), postgres.postgres_context),
    PartOfBundle("backup", backup.has_backups, backup.backup_context),
    PartOfBundle("pgbouncer", lambda scene: scene.node.pgbouncer is not None, pgbouncer.pgbouncer_context),
    PartOfBundle("redis", lambda scene: scene.has(Role.REDIS), redis.redis_context),
    PartOfBundle(
        "monitoring",
        lambda scene: scene.has(Role.MONITORING),
        lambda scene: monitoring.monitoring_context(scene, _digests_of_others(scene)),
    ),
)
"""Every part that some instance cannot do without, in the order in which they are composed."""


def optional_parts() -> tuple[PartOfBundle, ...]:
    """One part for each optional role: the folder of its name, for the node that has the role."""
    return tuple(_optional_part(role) for role in OPTIONAL_ROLES)


def _optional_part(role: Role) -> PartOfBundle:
    return PartOfBundle(
        role.value, lambda scene: scene.has(role), lambda scene: optional.role_context(scene, card_of(role))
    )


def bundle(plan: InstancePlan, node: NodePlan, wiring: Wiring) -> NodeBundle:
    """Everything that a node gets.

    Raises:
        TemplateError: A template or manifest is wrong, or two parts want the same path or port.
    """
    scene = Scene(plan, node, wiring)
    parts = tuple(part for part in (*PARTS, *optional_parts()) if part.wanted(scene))
    manifests = {part.name: read_manifest(part.name).manifest for part in parts}
    _check_ports(scene, manifests)
    contexts = {part.name: part.context(scene) for part in parts}
    members = [_Members(name, manifests[name], contexts[name]) for name in manifests]
    packages = sorted({name for one in members for name in one.packages()})
    units = _one_each((unit for one in members for unit in one.units()), lambda unit: unit.name, "unit", node)
    directories = _one_each(
        (folder for one in members for folder in one.directories()), lambda folder: folder.path, "directory", node
    )
    files = [file for one in members for file in one.files()]
    files += installer_files(packages=packages, units=units, directories=directories, files=files)
    return NodeBundle(
        node=node.name,
        packages=tuple(packages),
        users=tuple(BundleUser(person.name, ADMINISTRATOR_GROUPS) for person in plan.spec.administrators),
        directories=tuple(sorted(directories, key=lambda folder: folder.path)),
        files=tuple(sorted(_one_each(files, lambda file: file.path, "file", node), key=lambda file: file.path)),
        units=units,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Deployment:
    """A plan with a wiring, equal to another when these very two are: what can be remembered of both."""

    plan: InstancePlan
    wiring: Wiring

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Deployment) and self.plan is other.plan and self.wiring is other.wiring

    def __hash__(self) -> int:
        return hash((id(self.plan), id(self.wiring)))


def _digests_of_others(scene: Scene) -> tuple[str, ...]:
    """What the machines beside the watching one should hold. Its own digest cannot stand in its own bundle."""
    return _digests_but_of(scene.node.name, _Deployment(scene.plan, scene.wiring))


@lru_cache(maxsize=4)
def _digests_but_of(watcher: str, deployment: _Deployment) -> tuple[str, ...]:
    plan, wiring = deployment.plan, deployment.wiring
    return tuple(bundle(plan, node, wiring).digest for node in plan.nodes if node.name != watcher)


@dataclass(frozen=True, slots=True)
class _Members:
    """What one part brings, with its switches asked and its lists spread out."""

    part: str
    manifest: Manifest
    context: Any

    def packages(self) -> Iterator[str]:
        for entry in self.manifest.packages:
            if self._is_on(entry.when):
                yield entry.name

    def units(self) -> Iterator[BundleUnit]:
        for entry in self.manifest.units:
            if self._is_on(entry.when):
                for item in self._items(entry.each):
                    yield BundleUnit(_named(entry.name, item), entry.state)

    def directories(self) -> Iterator[BundleDirectory]:
        for entry in self.manifest.directories:
            if self._is_on(entry.when):
                for item in self._items(entry.each):
                    yield BundleDirectory(_named(entry.path, item), entry.owner, entry.group, int(entry.mode, 8))

    def files(self) -> Iterator[BundleFile]:
        for entry in self.manifest.files:
            if self._is_on(entry.when):
                for item in self._items(entry.each):
                    yield self._file(entry, item)

    def _file(self, entry: FileEntry, item: Any) -> BundleFile:
        template = f"{self.part}/{entry.template or entry.path.lstrip('/') + '.j2'}"
        seen = {field.name: getattr(self.context, field.name) for field in fields(self.context)}
        seen |= {name: getattr(self.context, name) for name in _properties(self.context)}
        if item is not None:
            seen["item"] = item
        return BundleFile(
            path=_named(entry.path, item),
            content=render(template, seen),
            owner=entry.owner,
            group=entry.group,
            mode=int(entry.mode, 8),
            needs=Need(entry.need.action, _named(entry.need.unit, item)),
            is_secret=entry.secret,
            part=entry.part,
        )

    def _is_on(self, when: str) -> bool:
        return not when or bool(self._seen(when))

    def _items(self, each: str) -> tuple[Any, ...]:
        return tuple(self._seen(each)) if each else (None,)

    def _seen(self, name: str) -> Any:
        try:
            return getattr(self.context, name)
        except AttributeError:
            where = f"templates/{self.part}/manifest.toml"
            raise TemplateError(f"{where}: {type(self.context).__name__} has no {name!r}", where=where) from None


def _properties(context: object) -> Iterator[str]:
    for name, member in vars(type(context)).items():
        if isinstance(member, property):
            yield name


def _named(text: str, item: Any) -> str:
    """Fill ``{name}`` and its like from the member of a list."""
    return text if item is None else text.format_map(_Attributes(item))


class _Attributes(dict[str, str]):
    def __init__(self, item: object) -> None:
        super().__init__()
        self._item = item

    def __missing__(self, name: str) -> str:
        return str(getattr(self._item, name))


def _one_each(members: Iterable[Any], key: Callable[[Any], str], what: str, node: NodePlan) -> tuple[Any, ...]:
    """Each member once, in order; two that share a key must be equal."""
    found: dict[str, Any] = {}
    for member in members:
        known = found.setdefault(key(member), member)
        if known != member:
            raise TemplateError(f"{node.name}: two parts want the {what} {key(member)}, and not in the same way")
    return tuple(found.values())


def _check_ports(scene: Scene, manifests: dict[str, Manifest]) -> None:
    """No port has two owners, and every listener of the plan is some part's."""
    owner_of: dict[int, str] = {}
    for listener in scene.listeners():
        for port in range(listener.first_port, listener.last_port + 1):
            other = owner_of.setdefault(port, listener.process)
            if other != listener.process:
                raise TemplateError(f"{scene.node.name}: {other} and {listener.process} both want port {port}")
    answered = {process for manifest in manifests.values() for process in manifest.processes}
    for process in owner_of.values():
        if process not in answered:
            raise TemplateError(f"{scene.node.name}: the plan has a listener {process}, and no part brings it")
