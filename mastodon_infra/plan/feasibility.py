"""Laws that need the catalog: whether what is asked for exists in that region, and is known to work."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator

from mastodon_infra.catalog.limits import BUCKET_NAME, VOLUME_MINIMUM
from mastodon_infra.catalog.machine_types import MACHINE_TYPES, machine_type
from mastodon_infra.catalog.mail import BLOCKED_PORTS, mail_provider
from mastodon_infra.catalog.regions import REGIONS, region
from mastodon_infra.catalog.rows import Capability, MachineFamily, Region
from mastodon_infra.catalog.storage import nearest_region, object_store
from mastodon_infra.catalog.tiers import TIER_GROUPS
from mastodon_infra.catalog.versions import MASTODON_MINIMUM, MASTODON_RELEASE
from mastodon_infra.errors import Path, Problem
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.laws import media_domain
from mastodon_infra.model.role import REQUIRED_ROLES, SINGLE_ROLES, Role
from mastodon_infra.model.services import MediaFront, NetworkMode, SesMailSpec, SmtpMailSpec, StorageProvider
from mastodon_infra.plan import roles as optional
from mastodon_infra.plan.demand import database_gib
from mastodon_infra.plan.placement import tier_of, wanted_groups
from mastodon_infra.plan.tuning.postgres import MAX_WAL_GIB


def problems(spec: InstanceSpec) -> tuple[Problem, ...]:
    """Every law of this kind that the spec breaks. An unknown region silences the laws about regions."""
    row = region(spec.region)
    found = list(_no_region(spec)) if row is None else [problem for law in _REGION_LAWS for problem in law(spec, row)]
    found.extend(problem for law in _LAWS for problem in law(spec))
    return tuple(found)


def media_region(spec: InstanceSpec) -> str | None:
    """The media bucket's region: the one asked for, or the provider's nearest; None where there is none.

    Linode's default is the machines' own region only, so that nothing moves abroad unasked.
    """
    if spec.storage.region:
        return spec.storage.region
    if spec.storage.provider is StorageProvider.LINODE:
        row = region(spec.region)
        return spec.region if row and row.can(Capability.OBJECT_STORAGE) else None
    return nearest_region(spec.storage.provider, spec.region)


def backup_region(spec: InstanceSpec) -> str | None:
    """The backup bucket's region: asked for, or beside the media bucket, or the other provider's nearest."""
    if spec.backups.region:
        return spec.backups.region
    provider = spec.backups.provider or spec.storage.provider
    return media_region(spec) if provider is spec.storage.provider else nearest_region(provider, spec.region)


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean …?`` with the nearest known words, or a list of them when they are few."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(words[:12])}{' …' if len(words) > 12 else ''}"  # noqa: PLR2004


def _no_region(spec: InstanceSpec) -> Iterator[Problem]:
    by_place = [row.name for row in REGIONS if spec.region.lower() in row.place.lower()]
    hint = f"did you mean {' or '.join(by_place)}?" if by_place else nearest(spec.region, (row.name for row in REGIONS))
    yield Problem(("region",), f"no region {spec.region!r} is in the catalog", hint)


def _region_can(spec: InstanceSpec, row: Region) -> Iterator[Problem]:
    where = f"{row.name} ({row.place})"
    if not row.can(Capability.METADATA):
        yield Problem(
            ("region",),
            f"{where} has no metadata service, so machines cannot be set up there",
            "choose another region",
        )
    if spec.network.mode is NetworkMode.VPC and not row.can(Capability.VPC):
        yield Problem(
            ("network", "mode"),
            f"{where} has no VPC (as of {row.as_of})",
            "leave it out for a VLAN, or choose a region that has one",
        )
    if spec.network.mode is NetworkMode.VLAN and not row.can(Capability.VLAN):
        yield Problem(("network", "mode"), f"{where} has no VLAN", "leave it out")
    needs_volumes = spec.postgres.volume_gib != 0 or spec.redis.volume_gib != 0
    if needs_volumes and not row.can(Capability.BLOCK_STORAGE):
        yield Problem(("region",), f"{where} has no block storage for the data volumes", "choose another region")


def _storage_there(spec: InstanceSpec, row: Region) -> Iterator[Problem]:
    if spec.storage.provider is StorageProvider.LINODE and media_region(spec) is None:
        near = nearest_region("linode", row.name)
        yield Problem(
            ("storage",),
            f"{row.name} ({row.place}) has no object storage of Linode's own",
            f"write storage: {{provider: wasabi}}, or {{provider: linode, region: {near}}} to keep media there",
        )
    for path, provider, name in (
        (("storage", "region"), spec.storage.provider, spec.storage.region),
        (("backups", "region"), spec.backups.provider or spec.storage.provider, spec.backups.region),
    ):
        store = object_store(provider)
        if name and store and name not in dict(store.regions):
            yield Problem(
                path,
                f"{store.title} has no region {name!r} in the catalog",
                nearest(name, dict(store.regions)),
            )


def _machine_types(spec: InstanceSpec, row: Region) -> Iterator[Problem]:
    for name, group in spec.nodes.items():
        if group.machine_type is None:
            continue
        path: Path = ("nodes", name, "machine_type")
        machine = machine_type(group.machine_type)
        if machine is None:
            yield Problem(
                path,
                f"no machine type {group.machine_type!r} is in the catalog",
                nearest(group.machine_type, (one.name for one in MACHINE_TYPES)),
            )
        elif machine.family is MachineFamily.PREMIUM and not row.can(Capability.PREMIUM):
            yield Problem(
                path,
                f"{row.name} ({row.place}) has no premium machines",
                f"use g6-dedicated-{machine.vcpus} instead",
            )


def _group_names(spec: InstanceSpec) -> Iterator[Problem]:
    """Adjusted groups, and groups that units name, must exist in the placement."""
    own = [name for name, group in spec.nodes.items() if group.roles is not None]
    tier = tier_of(spec)
    known = own or [preset.name for preset in TIER_GROUPS[tier]]
    if not own:
        for name in spec.nodes:
            if name not in known:
                hint = f"{nearest(name, known)} (or give every group its roles for a placement of your own)"
                yield Problem(("nodes", name), f"a {tier} instance has no group {name!r}", hint)
        singles = {preset.name for preset in TIER_GROUPS[tier] if SINGLE_ROLES & set(preset.roles)}
        for name, group in spec.nodes.items():
            if name in singles and (group.count or 1) > 1:
                yield Problem(
                    ("nodes", name, "count"),
                    f"{group.count} nodes, but in a {tier} instance {name} holds data and lives on exactly one",
                    "set count: 1 and a larger machine_type"
                    + (", or size: medium, which splits the roles" if len(known) == 1 else ""),
                )
    workers = own and [name for name in own if Role.SIDEKIQ in (spec.nodes[name].roles or ())]
    able = workers or [preset.name for preset in TIER_GROUPS[tier] if Role.SIDEKIQ in preset.roles]
    for name, unit in (spec.sidekiq.units or {}).items():
        if unit.group and unit.group not in known:
            yield Problem(
                ("sidekiq", "units", name, "group"),
                f"there is no group {unit.group!r}",
                nearest(unit.group, able),
            )
        elif unit.group and not own and unit.group not in able:
            yield Problem(
                ("sidekiq", "units", name, "group"),
                f"the group {unit.group!r} does not have the role sidekiq",
                f"use {' or '.join(able)}",
            )


def _cloudflare_bucket(spec: InstanceSpec) -> Iterator[Problem]:
    """Storage finds a bucket by the host that Cloudflare asks for, so the bucket bears that host's name."""
    host = media_domain(spec)
    if spec.edge.media is not MediaFront.CLOUDFLARE:
        return
    if spec.storage.bucket and spec.storage.bucket != host:
        yield Problem(
            ("storage", "bucket"),
            f"Cloudflare asks storage for {host}, and the bucket {spec.storage.bucket!r} is not found by that name",
            f"leave it out, and the bucket is called {host}; or set edge.media: nginx",
        )
    elif len(host) > BUCKET_NAME.value:
        yield Problem(
            ("edge", "media_domain"),
            f"a bucket named after {host} would have {len(host)} characters, and {BUCKET_NAME.value} are the most",
            "choose a shorter media_domain, or set media: nginx",
        )


def _volumes(spec: InstanceSpec) -> Iterator[Problem]:
    """What the smallest volume allows."""
    for service, size in (("postgres", spec.postgres.volume_gib), ("redis", spec.redis.volume_gib)):
        if size is not None and 0 < size < VOLUME_MINIMUM.value:
            yield Problem(
                (service, "volume_gib"),
                f"{size} GiB, and Linode's smallest volume has {VOLUME_MINIMUM.value}",
                f"use {VOLUME_MINIMUM.value} or more, or leave it to the plan",
            )


def _database_fits(spec: InstanceSpec) -> Iterator[Problem]:
    """A volume that cannot hold today's data, and the write-ahead log that PostgreSQL may keep, is full at once."""
    asked = spec.postgres.volume_gib
    if asked is None or asked < VOLUME_MINIMUM.value:
        return
    data = database_gib(spec.monthly_active_users)
    if asked < data + MAX_WAL_GIB:
        yield Problem(
            ("postgres", "volume_gib"),
            f"{asked} GiB, and the database is expected to have {data} GiB and {MAX_WAL_GIB} GiB of write-ahead log",
            "leave it to the plan, which gives room to grow as well",
        )


def _mail_ports(spec: InstanceSpec) -> Iterator[Problem]:
    mail = spec.smtp
    if isinstance(mail, SmtpMailSpec) and mail.port in BLOCKED_PORTS:
        yield Problem(
            ("mail", "port"),
            f"Linode blocks outgoing port {mail.port} on new accounts",
            "use 2525 where the relay offers it, or provider: ses",
        )
    if isinstance(mail, SesMailSpec):
        row = mail_provider("ses")
        if row and mail.region not in row.regions:
            yield Problem(
                ("mail", "region"),
                f"SES has no region {mail.region!r} in the catalog",
                nearest(mail.region, row.regions),
            )


def _version(spec: InstanceSpec) -> Iterator[Problem]:
    version = spec.mastodon.version
    if version is None:
        return
    asked, least, newest = (_numbers(text) for text in (version, MASTODON_MINIMUM.version, MASTODON_RELEASE.version))
    if asked < least:
        yield Problem(
            ("mastodon", "version"),
            f"{version} is older than {MASTODON_MINIMUM.version}, the oldest that can be installed",
            f"use {MASTODON_RELEASE.version}; an interrupted migration of older ones could not be run again",
        )
    elif asked[:2] > newest[:2]:
        yield Problem(
            ("mastodon", "version"),
            f"{version} is a series that this toolkit does not know; it knows {MASTODON_RELEASE.version}",
            "update the toolkit first: settings and migrations change between series",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _optional_roles(spec: InstanceSpec) -> Iterator[Problem]:
    """What every instance needs is placed by the tier or by ``roles``; ``also`` adds what it may do without."""
    for name, group in spec.nodes.items():
        for role in sorted(REQUIRED_ROLES & set(group.also)):
            yield Problem(
                ("nodes", name, "also"),
                f"{role} is not optional",
                "every instance has it: place it with roles, in all groups",
            )
    yield from optional.problems(tuple((one.name, one.roles) for one in wanted_groups(spec)))


_REGION_LAWS: tuple[Callable[[InstanceSpec, Region], Iterator[Problem]], ...] = (
    _region_can,
    _storage_there,
    _machine_types,
)
_LAWS: tuple[Callable[[InstanceSpec], Iterator[Problem]], ...] = (
    _group_names,
    _cloudflare_bucket,
    _volumes,
    _database_fits,
    _mail_ports,
    _version,
    _optional_roles,
)
