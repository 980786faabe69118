"""The plan's shapes: frozen, complete, and free of anything known only at deploy time."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.rows import MachineType, Region
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.mastodon import Registrations
from mastodon_infra.model.role import REQUIRED_ROLES, Role
from mastodon_infra.model.services import MediaFront, PoolerPlace, StorageProvider
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan.affinity import PlacementGroupPlan, ReservedAddressPlan
from mastodon_infra.plan.alerts_types import AlertGroup, Probe, Recording
from mastodon_infra.plan.budget import ConnectionBudget, MemoryBudget
from mastodon_infra.plan.capacity_types import Capacity
from mastodon_infra.plan.cloudflare_types import CloudflarePlan
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import Demand
from mastodon_infra.plan.network_types import (
    BalancerPlan,
    DnsPlan,
    FirewallRule,
    Listener,
    NetworkPlan,
    TlsPlan,
)
from mastodon_infra.plan.notes import Note
from mastodon_infra.plan.roles import RoleCard
from mastodon_infra.plan.tuning.containers import ContainerTuning, UploadTuning
from mastodon_infra.plan.tuning.kernel import KernelTuning
from mastodon_infra.plan.tuning.maintenance import MaintenancePlan
from mastodon_infra.plan.tuning.nginx import NginxTuning
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning
from mastodon_infra.plan.tuning.postgres import PostgresTuning
from mastodon_infra.plan.tuning.prometheus import PrometheusTuning
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqProcess, SidekiqStop, SidekiqUnit
from mastodon_infra.plan.tuning.streaming import StreamingTuning
from mastodon_infra.plan.tuning.upgrades import UpgradeTuning
from mastodon_infra.plan.tuning.web import WebTuning


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that share roles and machine type.

    Attributes:
        name: The first part of its nodes' names.
        roles: What its nodes do; the first one owns the address block.
        block: Which of the role's 16 sub-blocks of addresses the group has.
        count: How many nodes.
        machine_type: Their Linode type.
        machine: The catalog's row for it.
        cidr: The group's address block, which firewalls and pg_hba open as a whole.
    """

    name: str
    roles: tuple[Role, ...]
    block: int
    count: Decided[int]
    machine_type: Decided[str]
    machine: MachineType
    cidr: str

    @property
    def is_shared(self) -> bool:
        """Whether databases or sidekiq share these nodes with the web processes."""
        return Role.WEB in self.roles and bool((set(self.roles) & REQUIRED_ROLES) - {Role.WEB, Role.STREAMING})


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One virtual machine.

    Attributes:
        name: Its logical name, ``web-1``: role or group and ordinal, and never changed.
        label: Its name at the vendor.
        hostname: Its own host name, inside the private service domain.
        address: Its private address.
        is_leader: Whether it does first start and migrations.
        volumes: Logical names of the volumes that it holds.
        optional: Cards of its optional roles.
    """

    name: str
    group: str
    ordinal: int
    roles: tuple[Role, ...]
    machine: MachineType
    label: str
    hostname: str
    address: str
    is_leader: bool
    volumes: tuple[str, ...]
    memory: MemoryBudget
    kernel: KernelTuning
    upgrades: UpgradeTuning
    web: WebTuning | None
    nginx: NginxTuning | None
    streaming: StreamingTuning | None
    sidekiq: tuple[SidekiqProcess, ...]
    pgbouncer: PgBouncerTuning | None
    optional: tuple[RoleCard, ...]


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """A disk that outlives machines, named by what it holds.

    ``label`` is at most 32 characters and fixes the device's path, so that cloud-init finds it.
    """

    name: str
    label: str
    node: str
    size: Decided[int]
    mount_path: str
    is_protected: bool

    @property
    def device(self) -> str:
        """Where the machine sees it (Linode derives the path from the label)."""
        return f"/dev/disk/by-id/scsi-0Linode_Volume_{self.label}"


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """The media bucket and the host that serves it."""

    provider: StorageProvider
    region: str
    endpoint: str
    bucket: str
    host: str
    front: MediaFront
    remote_retention_days: Decided[int]
    stored_gb: Decided[int]
    is_protected: bool


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """pgBackRest to a bucket of its own. Times are UTC, in systemd's calendar form.

    ``uri_style`` is pgBackRest's word: where the bucket's name stands in an address, ``path`` or ``host``.
    """

    is_enabled: bool
    provider: StorageProvider
    region: str
    endpoint: str
    bucket: str
    retention_days: Decided[int]
    full_schedule: Decided[str]
    differential_schedule: Decided[str]
    verify_schedule: Decided[str]
    archive_timeout_seconds: Decided[int]
    archive_queue_max_mib: Decided[int]
    process_max: Decided[int]
    compress_level: Decided[int]
    uri_style: Decided[str]
    stored_gb: Decided[int]


@dataclass(frozen=True, slots=True)
class MailPlan:
    """How mail leaves. ``provider`` is ses, smtp or none."""

    provider: str
    host: str
    port: Decided[int] | None
    username: str
    from_address: str
    sender_domain: str
    ses_region: str


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """Something that Prometheus asks: a port of a node, under a job's name.

    ``address`` is loopback where nobody but the node itself may ask. ``process`` names one of several alike.
    """

    job: str
    node: str
    address: str
    port: int
    process: str = ""
    path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class MonitoringPlan:
    """What is watched, how long it is kept, and who hears of it.

    ``webhook_host`` and ``heartbeat_host`` are empty where there is none.
    """

    node: str
    targets: tuple[ScrapeTarget, ...]
    probes: tuple[Probe, ...]
    recordings: tuple[Recording, ...]
    groups: tuple[AlertGroup, ...]
    tuning: PrometheusTuning
    retention_days: Decided[int]
    retention_mib: Decided[int]
    alert_email: str
    webhook_host: str
    heartbeat_host: str


@dataclass(frozen=True, slots=True)
class MastodonPlan:
    """Mastodon itself: images, names and behaviour."""

    version: Decided[str]
    web_image: str
    streaming_image: str
    local_domain: str
    web_domain: str
    streaming_domain: str
    alternate_domains: tuple[str, ...]
    default_locale: str
    registrations: Registrations
    single_user: bool
    limited_federation: bool
    secure_mode: bool
    private_api: bool
    session_limit: Decided[int]
    restart_nightly: bool
    containers: ContainerTuning
    sidekiq_stop: SidekiqStop
    uploads: UploadTuning
    maintenance: MaintenancePlan
    owner_username: str
    owner_email: str


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """Everything decided about one instance. Nothing that is not here has been decided.

    Attributes:
        spec: What was asked for.
        slug: The domain as a short name for labels and buckets.
        tier: The tier whose shape the placement has.
        leader: The node that does first start and migrations.
        jump: The node that administrators log in to first; the others accept SSH from it only.
        apart: Nodes that must not share a host.
        reserved: Nodes whose public address must outlive them.
        cloudflare: What Cloudflare does with requests; None where nothing passes through it.
        pooler: Where PgBouncer runs.
        postgres, redis: Settings of the data services, which live on one node each.
    """

    spec: InstanceSpec
    slug: str
    region: Region
    tier: Tier
    demand: Demand
    groups: tuple[Group, ...]
    nodes: tuple[NodePlan, ...]
    leader: str
    jump: str
    network: NetworkPlan
    firewall: tuple[FirewallRule, ...]
    listeners: tuple[Listener, ...]
    volumes: tuple[VolumePlan, ...]
    balancer: BalancerPlan | None
    apart: tuple[PlacementGroupPlan, ...]
    reserved: tuple[ReservedAddressPlan, ...]
    tls: TlsPlan
    dns: DnsPlan
    cloudflare: CloudflarePlan | None
    media: MediaPlan
    backups: BackupPlan
    mail: MailPlan
    monitoring: MonitoringPlan
    mastodon: MastodonPlan
    sidekiq: tuple[SidekiqUnit, ...]
    pooler: Decided[PoolerPlace]
    connections: ConnectionBudget
    postgres: PostgresTuning
    redis: RedisTuning
    capacity: Capacity
    notes: tuple[Note, ...]

    def node(self, name: str) -> NodePlan:
        """The node of that name; KeyError with the known names otherwise."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        message = f"no node {name!r}; there are: {known}"
        raise KeyError(message)

    def holders(self, role: Role) -> tuple[NodePlan, ...]:
        """The nodes that have a role."""
        return tuple(node for node in self.nodes if role in node.roles)

    def address_of(self, service: str) -> str:
        """The private address behind an internal host name."""
        return next(host.address for host in self.network.hosts if host.name == service)
