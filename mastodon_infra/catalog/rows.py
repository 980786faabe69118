"""The shapes of the catalog's rows. Every row has a date and a source, because all of them age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from mastodon_infra.catalog.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One dated fact of the outside world.

    Attributes:
        name: The vendor's own identifier, unique within its table.
        as_of: The day on which the fact was last confirmed; a fact older than 90 days counts as stale.
        source: Where it was read.
        confirmed: False where the figure is derived or was not confirmed at its origin.
    """

    name: str
    as_of: date
    source: Source
    confirmed: bool = True


class MachineFamily(StrEnum):
    """Linode's plan families. Shared cores are lent by the host; dedicated ones are not."""

    SHARED = "shared"
    DEDICATED = "dedicated"
    HIGH_MEMORY = "high-memory"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType(Row):
    """A Linode plan row. Memory and disk are powers of 1024, transfer is TB of 1000 GB a month, pooled."""

    family: MachineFamily
    vcpus: int
    memory_mib: int
    disk_gib: int
    transfer_tb: int
    price_usd_month: Decimal


class Capability(StrEnum):
    """What a region can do, as far as this product asks."""

    VPC = "vpc"
    VLAN = "vlan"
    OBJECT_STORAGE = "object-storage"
    BLOCK_STORAGE = "block-storage"
    NODEBALANCER = "nodebalancer"
    CLOUD_FIREWALL = "cloud-firewall"
    METADATA = "metadata"
    PLACEMENT_GROUP = "placement-group"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region(Row):
    """A Linode region and what it can do.

    ``price_factor`` multiplies compute prices (a few regions cost more); 1 where no surcharge is known.
    ``object_storage_endpoint`` is the host name of its S3 endpoint, empty without object storage.
    """

    place: str
    country: str
    capabilities: frozenset[Capability]
    object_storage_endpoint: str = ""
    price_factor: Decimal = Decimal(1)

    def can(self, capability: Capability) -> bool:
        """Whether the region's row lists the capability."""
        return capability in self.capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore(Row):
    """What a provider of S3 storage charges and demands. GB and TB are powers of 1000.

    Attributes:
        included_gb: Volume covered by ``minimum_usd_month``.
        minimum_usd_month: Charged even for an empty bucket.
        price_usd_gb_month: Per GB above the included volume.
        minimum_days: An object deleted earlier is billed up to this age (0: no such rule).
        free_egress_ratio: Egress that is free, as a multiple of the stored volume; None: not tied to it.
        included_egress_gb: Egress covered by the minimum charge (pooled transfer where the provider has one).
        price_usd_egress_gb: Per GB of egress beyond what is free.
        regions: Region identifiers that the provider offers, mapped to the S3 endpoint's host name.
    """

    title: str
    included_gb: int
    minimum_usd_month: Decimal
    price_usd_gb_month: Decimal
    minimum_days: int
    free_egress_ratio: Decimal | None
    included_egress_gb: int
    price_usd_egress_gb: Decimal
    regions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProvider(Row):
    """A way to send mail, and the port to reach it on from a Linode (25, 465 and 587 are blocked there).

    Attributes:
        title: What people call it.
        host: The relay's host name; ``{region}`` stands for the region that sends, where there is a choice.
        port: Takes STARTTLS and is open from a Linode.
        price_usd_1000: For a thousand recipients; None where no price could be sourced.
        daily_quota: What a new account may send in a day; None where there is no such limit or none is known.
        regions: Regions that have an SMTP endpoint; empty where the host is one for the world.
    """

    title: str
    host: str
    port: int
    price_usd_1000: Decimal | None = None
    daily_quota: int | None = None
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Row):
    """A price that belongs to no machine: per month, GB or unit, as ``per`` says."""

    title: str
    price_usd: Decimal
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(Row):
    """A number that a vendor sets: a quota, a size limit, a port."""

    title: str
    value: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Row):
    """A version that is installed or pinned, with what must hold for it."""

    title: str
    version: str
