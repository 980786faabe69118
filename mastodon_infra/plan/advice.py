"""Notes on a finished plan: what its reader should know before building it."""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.catalog.storage import object_store
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.laws import dns_zone, is_under
from mastodon_infra.model.mastodon import Registrations
from mastodon_infra.model.role import Queue, Role
from mastodon_infra.model.services import DnsProvider, MediaFront, NetworkMode
from mastodon_infra.plan.capacity_types import Capacity
from mastodon_infra.plan.edge import has_own_mail
from mastodon_infra.plan.network_types import NetworkPlan
from mastodon_infra.plan.notes import Level, Note
from mastodon_infra.plan.tuning.sidekiq import SidekiqUnit
from mastodon_infra.plan.types import Group, MediaPlan, NodePlan

NEAR_PERCENT = 110
EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
MOST_USEFUL_CONCURRENCY = 25


def notes_on(
    spec: InstanceSpec,
    *,
    groups: tuple[Group, ...],
    nodes: tuple[NodePlan, ...],
    units: tuple[SidekiqUnit, ...],
    network: NetworkPlan,
    media: MediaPlan,
    capacity: Capacity,
) -> tuple[Note, ...]:
    """Every note, the gravest first."""
    notes = [
        *_capacity_notes(spec, capacity),
        *_mail_notes(spec),
        *_data_notes(spec, nodes),
        *_network_notes(spec, network),
        *_domain_notes(spec),
        *_media_notes(media),
        *_sidekiq_notes(groups, units),
        *_idle_notes(nodes),
        *_mastodon_notes(spec),
    ]
    order = list(Level)
    return tuple(sorted(notes, key=lambda note: order.index(note.level)))


def _capacity_notes(spec: InstanceSpec, capacity: Capacity) -> Iterator[Note]:
    """A warning for each limit below the expected users; otherwise a word on the first one when it is near."""
    users = spec.monthly_active_users
    for limit in capacity.limits:
        if limit.users.value < users:
            yield Note(
                f"limit-{limit.name}",
                Level.WARNING,
                f"Enough for about {limit.users.value:,} people only, not the {users:,} expected: {limit.title}. "
                f"Beyond that, {limit.symptom}.",
                limit.remedy,
            )
    first = capacity.first
    if users <= first.users.value and first.users.value * 100 < users * NEAR_PERCENT:
        yield Note(
            f"near-{first.name}",
            Level.INFO,
            f"Full at about {first.users.value:,} people: {first.title}. Beyond that, {first.symptom}.",
            first.remedy,
        )


def _mail_notes(spec: InstanceSpec) -> Iterator[Note]:
    if spec.mail == "none":
        yield Note(
            "mail-none",
            Level.WARNING,
            "No mail is sent: nobody can confirm a sign-up or reset a password, and you get no alerts by mail.",
            "set mail: {provider: ses, region: …} or {provider: smtp, host: …, username: …}",
        )
        if has_own_mail(spec):
            yield Note(
                "mail-records-left-alone",
                Level.INFO,
                f"Somebody reads mail at {spec.domain}, so its SPF and DMARC records are left alone.",
            )
        if spec.mastodon.registrations is not Registrations.NONE:
            yield Note(
                "mail-none-registrations",
                Level.WARNING,
                f"Registrations are {spec.mastodon.registrations}, but without mail no new account can be confirmed.",
                "set mastodon.registrations: none until mail works",
            )
    elif spec.mail.provider == "ses":
        yield Note(
            "mail-ses-sandbox",
            Level.ADVICE,
            "A new SES account may send 200 mails a day, and only to addresses that it knows.",
            "ask Amazon for production access before inviting people; it takes about a day",
        )


def _data_notes(spec: InstanceSpec, nodes: tuple[NodePlan, ...]) -> Iterator[Note]:
    if spec.disposable:
        yield Note(
            "disposable",
            Level.WARNING,
            "This stack is disposable: destroying it destroys its data, and nothing asks twice.",
            "remove disposable: true before people move in",
        )
    yield Note(
        "single-database",
        Level.INFO,
        "There is one PostgreSQL and one Redis: when their machine is down, so is the instance. "
        "Data survives on volumes and in backups.",
    )
    if not spec.alerts.heartbeat_host and not spec.disposable:
        yield Note(
            "alerts-no-heartbeat",
            Level.ADVICE,
            "When the monitoring machine itself dies, nobody is told.",
            "set alerts.heartbeat_host to a service that calls you when a heartbeat stays away",
        )
    if len(nodes) == 1:
        yield Note(
            "one-machine",
            Level.INFO,
            "Everything runs on one machine: its maintenance is the instance's downtime, and it watches itself.",
            "size: medium splits the roles",
        )
    if spec.backups.enabled and (spec.backups.provider or spec.storage.provider) == spec.storage.provider:
        yield Note(
            "backups-same-provider",
            Level.ADVICE,
            f"Backups and media are both kept by {_keeper(spec)}, with separate credentials.",
            "set backups.provider to another one, so that losing an account is not losing everything",
        )


def _keeper(spec: InstanceSpec) -> str:
    store = object_store(spec.storage.provider)
    return store.title if store else spec.storage.provider


def _network_notes(spec: InstanceSpec, network: NetworkPlan) -> Iterator[Note]:
    if network.mode.value is NetworkMode.VLAN:
        yield Note(
            "vlan",
            Level.ADVICE,
            f"{spec.region} has no VPC in the catalog, so machines talk over a VLAN, which the cloud's firewall "
            "cannot filter: "
            "nftables on each machine holds every private rule alone.",
            "a region with a VPC, such as au-mel",
        )
    if set(spec.allowed_networks) & EVERYWHERE:
        yield Note(
            "ssh-everywhere",
            Level.ADVICE,
            "SSH is open to every address (keys only).",
            "set allowed_networks to the networks that you log in from",
        )
    if spec.edge.dns is DnsProvider.MANUAL:
        yield Note(
            "dns-manual",
            Level.WARNING,
            "No DNS records are made for you.",
            "set those that the plan lists before the first start",
        )


def _domain_notes(spec: InstanceSpec) -> Iterator[Note]:
    outside = [name for name in spec.mastodon.alternate_domains if not is_under(name, dns_zone(spec))]
    if not outside:
        return
    proxied = " and proxy them as well, since only Cloudflare reaches the machines" if spec.edge.proxied else ""
    yield Note(
        "alternate-domains-elsewhere",
        Level.WARNING,
        f"{', '.join(outside)}: outside the zone {dns_zone(spec)}, so no records are made for them.",
        f"whoever serves their zones must point them here{proxied}",
    )


def _media_notes(media: MediaPlan) -> Iterator[Note]:
    store = object_store(media.provider)
    if store and store.minimum_days > media.remote_retention_days.value:
        yield Note(
            "storage-minimum-days",
            Level.INFO,
            f"{store.title} bills every object for at least {store.minimum_days} days: keeping other servers' media "
            f"for {media.remote_retention_days.value} days costs as much as {store.minimum_days}.",
            f"mastodon.remote_media_retention_days: {store.minimum_days} costs nothing more",
        )
    if store and store.free_egress_ratio is not None:
        yield Note(
            "storage-first-months",
            Level.ADVICE,
            f"{store.title} gives away as much as it stores. In the first months little is stored and people look "
            "already: the media cache has to answer more than nine of ten requests.",
            "watch what leaves the bucket; for the first months edge.media: cloudflare helps",
        )
    if media.provider == "wasabi":
        yield Note(
            "wasabi-public",
            Level.ADVICE,
            "Wasabi accounts made since March 2023 cannot open a bucket to the public until support allows it, "
            "and never on a trial.",
            "ask Wasabi's support before the first start",
        )
    if media.front is MediaFront.CLOUDFLARE:
        yield Note(
            "cloudflare-media-terms",
            Level.ADVICE,
            "Cloudflare's terms limit serving mostly images and video from storage outside Cloudflare "
            "without a paid product.",
            "read them, or set edge.media: nginx",
        )


def _idle_notes(nodes: tuple[NodePlan, ...]) -> Iterator[Note]:
    """Machines that were asked for and have nothing to run."""
    idle = [node for node in nodes if node.roles == (Role.SIDEKIQ,) and not node.sidekiq]
    if idle:
        names = ", ".join(node.name for node in idle)
        yield Note(
            f"idle-{idle[0].group}",
            Level.WARNING,
            f"{names} would run nothing: there are fewer sidekiq processes than machines.",
            f"nodes.{idle[0].group}.count: {idle[0].ordinal - 1}, or more processes in sidekiq.units",
        )


def _sidekiq_notes(groups: tuple[Group, ...], units: tuple[SidekiqUnit, ...]) -> Iterator[Note]:
    for unit in units:
        if unit.concurrency.value > MOST_USEFUL_CONCURRENCY:
            yield Note(
                f"sidekiq-concurrency-{unit.name}",
                Level.ADVICE,
                f"The unit {unit.name} has {unit.concurrency.value} threads a process; "
                f"beyond {MOST_USEFUL_CONCURRENCY} Ruby gains nothing.",
                f"sidekiq.units.{unit.name}: more processes of 10",
            )
        if len(unit.queues) > 1 and Queue.INGRESS in {queue for queue, _ in unit.queues} and unit.processes.value > 4:  # noqa: PLR2004
            yield Note(
                f"sidekiq-mixed-{unit.name}",
                Level.ADVICE,
                f"The unit {unit.name} mixes ingress, which needs processors, with queues that wait for the network.",
                "give ingress a unit of its own with concurrency 5",
            )
    mixed = [group.name for group in groups if {Role.WEB, Role.SIDEKIQ} <= set(group.roles)]
    if mixed and len(groups) > 1:
        yield Note(
            "ingress-on-web",
            Level.ADVICE,
            f"Sidekiq shares the machines of {', '.join(mixed)} with web: media jobs have taken web nodes down.",
            "give sidekiq a group of its own",
        )


def _mastodon_notes(spec: InstanceSpec) -> Iterator[Note]:
    if spec.mastodon.secure_mode:
        yield Note(
            "secure-mode",
            Level.INFO,
            "Secure mode demands a signature for every read: public objects cannot be cached, and web nodes work more.",
        )
    if spec.web_domain and not spec.edge.serve_local_domain:
        yield Note(
            "webfinger-elsewhere",
            Level.WARNING,
            f"Whoever serves {spec.domain} must redirect /.well-known/webfinger to {spec.web_domain}, "
            "query string and CORS header included.",
            f"test it: curl -I 'https://{spec.domain}/.well-known/webfinger"
            f"?resource=acct:{spec.owner.username}@{spec.domain}'",
        )
