"""Cross-field laws of a spec: what each field allows alone, but not together.

Laws that need the outside world's facts (regions, machine types, ports) are in ``plan.feasibility``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from mastodon_infra.errors import Problem
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.mastodon import Registrations
from mastodon_infra.model.role import REQUIRED_ROLES, SINGLE_ROLES, Queue, Role
from mastodon_infra.model.services import DnsProvider, MediaFront, SesMailSpec, SmtpMailSpec
from mastodon_infra.model.tier import Tier

Law = Callable[[InstanceSpec], Iterator[Problem]]

PRIVATE_SUFFIXES = ("local", "localhost", "internal", "lan", "home.arpa", "onion", "invalid")
SYSTEM_USERS = frozenset(
    {
        "root",
        "daemon",
        "nobody",
        "sync",
        "www-data",
        "mastodon",
        "postgres",
        "redis",
        "nginx",
        "prometheus",
        "debian",
    }
)


def problems(spec: InstanceSpec) -> tuple[Problem, ...]:
    """Every law that the spec breaks, in the order of the laws."""
    return tuple(problem for law in LAWS for problem in law(spec))


def is_under(name: str, zone: str) -> bool:
    """Whether a host name is the zone itself or inside it."""
    return name == zone or name.endswith(f".{zone}")


def dns_zone(spec: InstanceSpec) -> str:
    """The DNS zone that holds the instance's names."""
    return spec.edge.zone or spec.domain


def media_domain(spec: InstanceSpec) -> str:
    """The media host: a name of its own from the first day, so that storage can move."""
    return spec.edge.media_domain or f"files.{spec.website}"


def _one_size(spec: InstanceSpec) -> Iterator[Problem]:
    tiers = ", ".join(tier.value for tier in Tier)
    if spec.size is not None and spec.expected_monthly_active_users is not None:
        yield Problem(
            ("expected_monthly_active_users",),
            f"both a size ({spec.size}) and a number of users ({spec.expected_monthly_active_users}) are given",
            "keep one of the two",
        )
    elif spec.size is None and spec.expected_monthly_active_users is None:
        yield Problem(("size",), "nothing says how large the instance is", f"write size: one of {tiers}")


def _domain_can_federate(spec: InstanceSpec) -> Iterator[Problem]:
    for path, name in ((("domain",), spec.domain), (("web_domain",), spec.web_domain)):
        suffix = next((suffix for suffix in PRIVATE_SUFFIXES if name and is_under(name, suffix)), None)
        if suffix:
            yield Problem(
                path,
                f"{name!r} ends in .{suffix}, which no other server can resolve",
                "use a registered domain; it is for ever",
            )


def _web_domain(spec: InstanceSpec) -> Iterator[Problem]:
    if spec.web_domain is None:
        if not spec.edge.serve_local_domain:
            yield Problem(
                ("edge", "serve_local_domain"),
                "false, but without a web_domain the bare domain is the web site itself",
                "set web_domain, or leave serve_local_domain out",
            )
    elif spec.web_domain == spec.domain:
        yield Problem(("web_domain",), "the same as domain", "leave it out: the web site is on the domain already")
    elif not is_under(spec.web_domain, spec.domain):
        yield Problem(
            ("web_domain",),
            f"{spec.web_domain!r} is not under {spec.domain!r}, so the two could part ways",
            f"use a name inside it, such as social.{spec.domain}",
        )


def _zone(spec: InstanceSpec) -> Iterator[Problem]:
    zone = dns_zone(spec)
    if not is_under(spec.domain, zone):
        yield Problem(
            ("edge", "zone"),
            f"{spec.domain!r} is not inside the zone {zone!r}",
            f"use {spec.domain} or a parent of it",
        )
        return
    if spec.edge.dns is DnsProvider.MANUAL:
        return
    for field, name in (
        ("media_domain", spec.edge.media_domain),
        ("streaming_domain", spec.edge.streaming_domain),
    ):
        if name and not is_under(name, zone):
            yield Problem(
                ("edge", field),
                f"{name!r} is outside the zone {zone!r}",
                f"use a name under {zone}, or dns: manual",
            )


def _public_names_differ(spec: InstanceSpec) -> Iterator[Problem]:
    taken = {spec.website: "the web site", spec.domain: "the handles' domain"}
    for field, name, what in (
        (("edge", "media_domain"), media_domain(spec), "the media host"),
        (("edge", "streaming_domain"), spec.edge.streaming_domain, "the streaming host"),
    ):
        if name is None:
            continue
        if name in taken:
            yield Problem(
                field,
                f"{name!r} is {taken[name]} already",
                f"{what} needs a name of its own, so that cookies and caches stay apart",
            )
        taken[name] = what
    for index, name in enumerate(spec.mastodon.alternate_domains):
        path: tuple[str | int, ...] = ("mastodon", "alternate_domains", index)
        if name in taken:
            yield Problem(path, f"{name!r} is {taken[name]} already", "list only further domains")
        taken[name] = "an alternate domain"


def _cloudflare(spec: InstanceSpec) -> Iterator[Problem]:
    if spec.edge.dns is DnsProvider.CLOUDFLARE:
        return
    if spec.edge.proxied:
        yield Problem(
            ("edge", "proxied"),
            f"Cloudflare can only proxy a zone that it serves, and dns is {spec.edge.dns}",
            "set dns: cloudflare",
        )
    if spec.edge.media is MediaFront.CLOUDFLARE:
        yield Problem(
            ("edge", "media"), f"Cloudflare can only serve media in a zone that it serves, and dns is {spec.edge.dns}",
            "set dns: cloudflare, or media: nginx",
        )  # fmt: skip


def _placement(spec: InstanceSpec) -> Iterator[Problem]:
    given = {name for name, group in spec.nodes.items() if group.roles is not None}
    if not given:
        return
    for name in sorted(set(spec.nodes) - given):
        yield Problem(
            ("nodes", name),
            "has no roles, while other groups have",
            "when one group gives roles, all groups must: together they are the placement",
        )
    groups = {name: group for name, group in spec.nodes.items() if group.roles is not None}
    for name, group in groups.items():
        for role, times in Counter(group.roles).items():
            if times > 1:
                yield Problem(("nodes", name, "roles"), f"lists {role} twice", "name each role once")
        singles = [role.value for role in Role if role in SINGLE_ROLES and role in (group.roles or ())]
        if singles and (group.count or 1) > 1:
            yield Problem(
                ("nodes", name, "count"),
                f"{group.count} nodes with {' and '.join(singles)}, which lives on exactly one",
                f"set count: 1, or move {' and '.join(singles)} to a group of its own",
            )
    for role in Role:
        holders = [name for name, group in groups.items() if role in (group.roles or ())]
        if role in REQUIRED_ROLES and not holders:
            yield Problem(("nodes",), f"no group has the role {role}", f"add {role} to a group's roles")
        if role in SINGLE_ROLES and len(holders) > 1:
            yield Problem(
                ("nodes", holders[-1], "roles"),
                f"{role} is also in {', '.join(holders[:-1])}",
                f"{role} lives on exactly one node",
            )


def _address_blocks(spec: InstanceSpec) -> Iterator[Problem]:
    """Addresses must not depend on the order of the file, so groups that could meet say where they are."""
    owners: dict[tuple[Role, int], str] = {}
    for name, group in spec.nodes.items():
        if not group.roles:
            continue
        first = next(role for role in Role if role in group.roles)
        owner = owners.setdefault((first, group.address_block), name)
        if owner != name:
            used = {block for role, block in owners if role is first}
            free = next((block for block in range(16) if block not in used), None)
            yield Problem(
                ("nodes", name),
                f"{owner!r} also starts with the role {first} and has address block {group.address_block}",
                f"give {name} address_block: {free}; it is part of its addresses, so never change it later"
                if free is not None
                else "put more nodes into fewer groups",
            )
            owners[first, -1 if free is None else free] = name


def _queues(spec: InstanceSpec) -> Iterator[Problem]:
    units = spec.sidekiq.units
    if units is None:
        return
    covered = {queue for unit in units.values() for queue in unit.queues}
    missing = [queue.value for queue in Queue if queue not in covered]
    if missing:
        yield Problem(
            ("sidekiq", "units"),
            f"no unit listens to {', '.join(missing)}",
            "their jobs would never run; add them to a unit's queues",
        )
    schedulers = {name: unit.processes for name, unit in units.items() if Queue.SCHEDULER in unit.queues}
    if sum(schedulers.values()) > 1:
        owners = ", ".join(f"{name} ({count} process{'es' if count > 1 else ''})" for name, count in schedulers.items())
        yield Problem(
            ("sidekiq", "units", list(schedulers)[-1]),
            f"the scheduler queue is worked by more than one process: {owners}",
            "exactly one process in the whole instance may have it, else mails and cron jobs run twice",
        )
    for name, unit in units.items():
        mixed = {weight is None for weight in unit.queues.values()}
        if len(mixed) > 1:
            yield Problem(
                ("sidekiq", "units", name, "queues"),
                "some queues have a weight and some have none",
                "give all of them a weight, or none",
            )


def _unit_groups(spec: InstanceSpec) -> Iterator[Problem]:
    for name, unit in (spec.sidekiq.units or {}).items():
        group = spec.nodes.get(unit.group) if unit.group else None
        if group is not None and group.roles is not None and Role.SIDEKIQ not in group.roles:
            yield Problem(
                ("sidekiq", "units", name, "group"),
                f"the group {unit.group!r} does not have the role sidekiq",
                "add the role, or name another group",
            )


def _people(spec: InstanceSpec) -> Iterator[Problem]:
    seen: set[str] = set()
    keys: dict[str, str] = {}
    for index, person in enumerate(spec.administrators):
        if person.name in seen:
            yield Problem(
                ("administrators", index, "name"),
                f"{person.name!r} is there twice",
                "put all keys of one person together",
            )
        if person.name in SYSTEM_USERS:
            yield Problem(
                ("administrators", index, "name"),
                f"{person.name!r} is a system account of the machines",
                "use the person's own name",
            )
        seen.add(person.name)
        for key_index, key in enumerate(person.ssh_keys):
            blob = key.split(" ")[1]
            if keys.setdefault(blob, person.name) != person.name:
                yield Problem(
                    ("administrators", index, "ssh_keys", key_index),
                    f"{keys[blob]!r} has the same key",
                    "one key belongs to one person",
                )
    networks = Counter(spec.allowed_networks)
    for index, network in enumerate(spec.allowed_networks):
        if networks[network] > 1 and spec.allowed_networks.index(network) != index:
            yield Problem(("allowed_networks", index), f"{network} is there twice", "name each network once")


def _not_rendered_yet(spec: InstanceSpec) -> Iterator[Problem]:
    if spec.postgres.replicas:
        yield Problem(
            ("postgres", "replicas"),
            f"{spec.postgres.replicas} replicas are asked for, but high availability of data is not rendered yet",
            "leave it out: backups with point-in-time recovery are the safety today",
        )
    if spec.search:
        yield Problem(
            ("search",),
            "full-text search is not rendered yet",
            "leave it out; people still find names, tags and links",
        )


def _data_is_safe(spec: InstanceSpec) -> Iterator[Problem]:
    if spec.disposable:
        return
    if not spec.backups.enabled:
        yield Problem(
            ("backups", "enabled"),
            "backups are off on an instance that is not disposable",
            "leave them on, or set disposable: true for a trial",
        )
    for service, size in (("postgres", spec.postgres.volume_gib), ("redis", spec.redis.volume_gib)):
        if size == 0:
            yield Problem(
                (service, "volume_gib"),
                "0 would keep the data on the machine's own disk, which dies with the machine",
                "leave it out for a volume of the right size, or set disposable: true for a trial",
            )


def _buckets(spec: InstanceSpec) -> Iterator[Problem]:
    same_place = (spec.backups.provider or spec.storage.provider) == spec.storage.provider
    if spec.backups.bucket and spec.backups.bucket == spec.storage.bucket and same_place:
        yield Problem(
            ("backups", "bucket"),
            f"{spec.backups.bucket!r} is the media bucket",
            "whoever may delete media must not be able to delete backups",
        )


def _mastodon(spec: InstanceSpec) -> Iterator[Problem]:
    mastodon = spec.mastodon
    if mastodon.single_user and mastodon.registrations is not Registrations.NONE:
        yield Problem(
            ("mastodon", "single_user"),
            f"one user only, but registrations are {mastodon.registrations}",
            "set registrations: none",
        )
    digests = (mastodon.image_digest, mastodon.streaming_image_digest)
    if any(digests) and not all(digests):
        missing = "streaming_image_digest" if mastodon.image_digest else "image_digest"
        yield Problem(
            ("mastodon", missing),
            "only one of the two images is pinned by digest",
            "web and streaming must be of one release: pin both or none",
        )
    if any(digests) and mastodon.version is None:
        yield Problem(
            ("mastodon", "version"),
            "a digest is pinned, but not the release it belongs to",
            "add version: vX.Y.Z",
        )


def _mail(spec: InstanceSpec) -> Iterator[Problem]:
    mail = spec.smtp
    zone = dns_zone(spec)
    if isinstance(mail, SesMailSpec) and mail.from_address:
        sender = mail.from_address.rpartition("@")[2]
        if not is_under(sender, zone):
            yield Problem(
                ("mail", "from_address"),
                f"SES would have to prove {sender!r}, which is outside the zone {zone!r}",
                f"send from an address under {zone}",
            )
    if isinstance(mail, SmtpMailSpec):
        for name in mail.dkim:
            if not is_under(name, zone):
                yield Problem(
                    ("mail", "dkim", name),
                    f"the record is outside the zone {zone!r}",
                    f"DKIM names end in ._domainkey.{zone}",
                )


LAWS: tuple[Law, ...] = (
    _one_size,
    _domain_can_federate,
    _web_domain,
    _zone,
    _public_names_differ,
    _cloudflare,
    _placement,
    _address_blocks,
    _queues,
    _unit_groups,
    _people,
    _not_rendered_yet,
    _data_is_safe,
    _buckets,
    _mastodon,
    _mail,
)
