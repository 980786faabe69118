"""The plan's shapes for everything between machines and the world: network, firewall, balancers, names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mastodon_infra.model.services import DnsProvider, NetworkMode
from mastodon_infra.plan.decided import Decided

SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class InternalHost:
    """A name that is resolved inside the instance only: a node's or a service's."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """The private network.

    ``balancer_cidr`` is the part of a VPC subnet that NodeBalancers speak from; empty on a VLAN. ``ping_sources`` may
    send ICMP to every machine: routers say how large a packet may be, and people see whether a machine is up.
    """

    mode: Decided[NetworkMode]
    label: str
    cidr: str
    balancer_cidr: str
    ping_sources: tuple[str, ...]
    hosts: tuple[InternalHost, ...]


class Enforcer(StrEnum):
    """Who can hold a firewall rule: the cloud's firewall in front of the interface, or nftables on the machine."""

    CLOUD = "cloud firewall"
    HOST = "nftables"


class Side(StrEnum):
    """Which interface a rule is about."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One opening: these sources may reach this port range of every node in the group.

    ``name`` is the group and what is opened: ``web/https``. ``sources`` are CIDR networks. ``who`` names them for
    people, ``purpose`` says what for.
    """

    name: str
    group: str
    side: Side
    protocol: str
    first_port: int
    last_port: int
    sources: tuple[str, ...]
    who: str
    purpose: str
    enforcers: tuple[Enforcer, ...]

    @property
    def label(self) -> str:
        """What is opened, unique within the group's firewall: ``https``."""
        return self.name.partition("/")[2]

    @property
    def ports(self) -> str:
        """``443`` or ``4000-4003``."""
        return str(self.first_port) if self.first_port == self.last_port else f"{self.first_port}-{self.last_port}"


class Bind(StrEnum):
    """How far a process listens."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that a process on every node of a group listens on."""

    group: str
    process: str
    first_port: int
    last_port: int
    bind: Bind


@dataclass(frozen=True, slots=True)
class BalancerPlan:
    """NodeBalancers in front of the web nodes: TCP with proxy protocol v2; TLS ends in nginx."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    count: Decided[int]
    ports: tuple[int, ...]
    nodes: tuple[str, ...]
    accepts: tuple[str, ...]


class TlsMode(StrEnum):
    """Where the public certificate comes from."""

    ORIGIN_CA = "origin-ca"
    ACME_HTTP = "acme-http-01"


@dataclass(frozen=True, slots=True)
class CertificateTiming:
    """When a certificate is asked for, and how failures are kept from troubling the authority."""

    renew_days_left: Decided[int]
    urgent_days_left: Decided[int]
    look_every_minutes: Decided[int]
    not_yet_seconds: Decided[int]
    first_pause_minutes: Decided[int]
    longest_pause_minutes: Decided[int]
    patience_minutes: Decided[int]

    @property
    def renew_seconds_left(self) -> int:
        """As openssl wants it."""
        return self.renew_days_left.value * SECONDS_OF_A_DAY

    @property
    def urgent_seconds_left(self) -> int:
        """As openssl wants it."""
        return self.urgent_days_left.value * SECONDS_OF_A_DAY


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """Certificates of the public names.

    ``acme_node`` is the one node that asks the authority; ``shares`` says that other web nodes get the chain from it.
    """

    mode: Decided[TlsMode]
    names: tuple[str, ...]
    acme_node: str
    shares: bool
    contact: str
    timing: CertificateTiming


class TargetKind(StrEnum):
    """What a DNS record points at: text as it is, or something known only once it exists."""

    TEXT = "text"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    SES_DKIM = "ses-dkim"


@dataclass(frozen=True, slots=True)
class DnsTarget:
    """A record's content: ``value`` is the text, the node or balancer whose address it is, or a token's index."""

    kind: TargetKind
    value: str


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record. ``name`` is its logical name, frozen; ``host`` the full name it answers for."""

    name: str
    host: str
    type: str
    target: DnsTarget
    ttl_seconds: int
    priority: int | None
    is_proxied: bool
    purpose: str


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """The zone and its records."""

    provider: DnsProvider
    zone: str
    records: tuple[DnsRecord, ...]
