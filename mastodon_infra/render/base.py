"""What the templates of ``base`` and ``volume`` see: logins, firewall, kernel, names and disks of any node."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.limits import METADATA
from mastodon_infra.model.instance import AdministratorSpec
from mastodon_infra.plan.naming import service_host
from mastodon_infra.plan.network import SERVICES
from mastodon_infra.plan.network_types import FirewallRule, InternalHost, Side
from mastodon_infra.plan.tuning.kernel import KernelTuning
from mastodon_infra.plan.tuning.upgrades import UpgradeTuning
from mastodon_infra.render.scene import STATE, Scene

SWAP_FILE = f"{STATE}/swapfile"
WATCHED_UNITS = (
    *("mastodon", "nginx", "postgresql", "pgbouncer", "redis", "prometheus", "nftables", "chrony", "ssh[.]"),
    *("apt-daily", "unattended-upgrades", "systemd-(journald|sysctl)"),
)
"""How the names of units begin, as regular expressions, whose state the node exporter tells."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A firewall rule as nftables words. ``to_address`` is empty where any address of the machine is meant."""

    rule: FirewallRule
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]
    to_address: str


@dataclass(frozen=True, slots=True)
class BaseContext:
    """Any node.

    Attributes:
        own_services: Internal hosts of services that run here: they are reached over loopback.
        other_hosts: All other internal hosts, and this node's own.
        may_forward: Whether administrators pass through this node to the others.
        group_memory_mib: What Mastodon's processes and Redis have together; 0 where there are none.
    """

    hostname: str
    short_name: str
    administrators: tuple[AdministratorSpec, ...]
    may_forward: bool
    openings: tuple[Opening, ...]
    metadata_ipv4: str
    metadata_ipv6: str
    own_services: tuple[str, ...]
    other_hosts: tuple[InternalHost, ...]
    kernel: KernelTuning
    upgrades: UpgradeTuning
    group_memory_mib: int
    swap_file: str
    node_exporter_addresses: tuple[str, ...]
    watched_units: tuple[str, ...]
    state: str
    ca_certificate: str


def base_context(scene: Scene) -> BaseContext:
    """What every node gets."""
    ipv4, ipv6 = (prefix.partition("/")[0] for prefix in METADATA.prefixes)
    own = tuple(service_host(service) for role, service in SERVICES if scene.has(role))
    port = scene.first_port("node-exporter")
    return BaseContext(
        hostname=scene.node.hostname,
        short_name=scene.node.name,
        administrators=scene.plan.spec.administrators,
        may_forward=scene.node.name == scene.plan.jump,
        openings=tuple(_opening(rule, scene.node.address) for rule in scene.rules()),
        metadata_ipv4=ipv4,
        metadata_ipv6=ipv6,
        own_services=own,
        other_hosts=tuple(host for host in scene.plan.network.hosts if host.name not in own),
        kernel=scene.node.kernel,
        upgrades=scene.node.upgrades,
        group_memory_mib=group.value if (group := scene.node.memory.group_most) else 0,
        swap_file=SWAP_FILE,
        node_exporter_addresses=tuple(f"{address}:{port}" for address in scene.addresses("node-exporter")),
        watched_units=(*WATCHED_UNITS, *(name for card in scene.node.optional for name in card.units)),
        state=STATE,
        ca_certificate=scene.wiring.ca_certificate,
    )


def _opening(rule: FirewallRule, private_address: str) -> Opening:
    by_version: dict[int, list[str]] = {4: [], 6: []}
    for source in rule.sources:
        by_version[ipaddress.ip_network(source).version].append(source)
    to_address = private_address if rule.side is Side.PRIVATE else ""
    return Opening(rule, tuple(by_version[4]), tuple(by_version[6]), to_address)


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk of this node. ``unit`` is its mount unit; ``name`` what it holds."""

    name: str
    device: str
    mount_path: str
    unit: str

    @property
    def device_unit(self) -> str:
        """What systemd calls the device."""
        return f"{escape_path(self.device)}.device"


@dataclass(frozen=True, slots=True)
class VolumeContext:
    """A node that holds data on volumes."""

    volumes: tuple[Volume, ...]


def volume_context(scene: Scene) -> VolumeContext:
    """The disks that outlive this machine."""
    return VolumeContext(tuple(_volumes(scene)))


def _volumes(scene: Scene) -> Iterator[Volume]:
    for volume in scene.plan.volumes:
        if volume.node == scene.node.name:
            unit = f"{escape_path(volume.mount_path)}.mount"
            yield Volume(volume.name, volume.device, volume.mount_path, unit)


def escape_path(path: str) -> str:
    r"""A path as systemd writes it in unit names: ``/var/lib/redis-queue`` becomes ``var-lib-redis\x2dqueue``."""
    kept = [
        char if char.isascii() and (char.isalnum() or char in "_.:") else "-" if char == "/" else f"\\x{ord(char):02x}"
        for char in path.strip("/")
    ]
    return "".join(kept)


def has_volumes(scene: Scene) -> bool:
    """Whether a volume of the plan is attached to the node."""
    return any(volume.node == scene.node.name for volume in scene.plan.volumes)
