"""The test bed's own layer over Debian: what a machine in here must have, and a machine in a cloud has from elsewhere.

Each change is one that a rehearsal cannot do without, and says what is therefore not proven.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from mastodon_infra.rehearsal.machines.addresses import GATEWAY

PACKAGES = "/srv/packages"
STREAMING_FILES = 65_535

NOT_PROVEN = (
    "time synchronisation: no machine may set this computer's clock, so chrony is skipped",
    "swap: a container cannot have its own",
    "kernel settings outside the network: /proc/sys is this computer's and read-only",
    "memory limits: the settings are there, their effect is not",
    "the size of machines: each sees the processors, memory and disk of this computer, and so do its alerts",
    "separate networks: one place leads all addresses, so there is no layer 2 of a VPC's or VLAN's own",
    "IPv6 to the outside: there is none here",
    "downloads from Debian: packages come from a folder",
    "vendors themselves: quotas, capacity in a region, tokens' rights, and mail to strangers",
)
"""What a rehearsal does not show. What comes before the colon stands in docs/how-to/rehearse.md as well."""

STAND_IN_NOT_PROVEN = "Mastodon itself: a stand-in takes its place"
"""Neither does it show this, unless it pulls Mastodon's own image."""

SKIPPED_UNITS = ("chrony.service", "mastodon-infra-swap.service")
"""Planned units that a container is too small for."""

NETWORK_UNITS = {
    "multi-user.target.wants/systemd-networkd.service": "systemd-networkd.service",
    "sockets.target.wants/systemd-networkd.socket": "systemd-networkd.socket",
    "network-online.target.wants/systemd-networkd-wait-online.service": "systemd-networkd-wait-online.service",
    "dbus-org.freedesktop.network1.service": "systemd-networkd.service",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What ``scripts/machine-parts`` makes."""

    folder: Path

    @property
    def base(self) -> Path:
        """The root file system of a fresh machine."""
        return self.folder / "base"

    @property
    def packages(self) -> Path:
        """A folder that apt can install from."""
        return self.folder / "packages"

    @property
    def image_system(self) -> Path:
        """A tar of Debian with Python."""
        return self.folder / "image.tar"

    @property
    def outside(self) -> Path:
        """The root file system of what plays the world outside."""
        return self.folder / "outside"

    @property
    def acme(self) -> Path:
        """The certificate authority."""
        return self.folder / "pebble"

    @property
    def store(self) -> Path:
        """The S3 server."""
        return self.folder / "versitygw"


def write_layer(folder: Path, parts: Parts, authority: str) -> None:
    """Write the layer; ``authority`` is the certificate that machines trust beside Debian's own."""
    trusted = (parts.base / "etc/ssl/certs/ca-certificates.crt").read_text(encoding="utf-8")
    files = {
        "etc/apt/sources.list": f"deb [trusted=yes] file:{PACKAGES} ./\n",
        "etc/resolv.conf": f"nameserver {GATEWAY}\n",
        "etc/ssl/certs/ca-certificates.crt": trusted + authority,
        "usr/local/share/ca-certificates/rehearsal.crt": authority,
        "etc/containers/containers.conf.d/rehearsal.conf": "[containers]\npids_limit = 0\n",
        "etc/systemd/system/mastodon-infra-swap.service.d/rehearsal.conf": (
            "[Unit]\nConditionVirtualization=!container\n"
        ),
        "etc/systemd/system/systemd-sysctl.service.d/rehearsal.conf": (
            "[Unit]\nConditionPathIsReadWrite=\nConditionPathIsReadWrite=/proc/sys/net\n"
        ),
    }
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < STREAMING_FILES:
        # Here root itself may not open as many files as the streaming server is to have.
        files["etc/containers/systemd/mastodon-streaming@.container.d/rehearsal.conf"] = (
            "[Container]\nUlimit=\nUlimit=host\n"
        )
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    units = folder / "etc/systemd/system"
    for link, unit in NETWORK_UNITS.items():
        (units / link).parent.mkdir(parents=True, exist_ok=True)
        (units / link).symlink_to(f"/usr/lib/systemd/system/{unit}")
    (units / "systemd-resolved.service").symlink_to("/dev/null")
