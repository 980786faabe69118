"""Linode's core regions and what each can do.

The capability lists are the ones that Linode's own web manager keeps as a picture of the API. They were put
there on 2024-08-30 and hardly touched since, so that day is their date: a region may have gained more by
now. Preflight asks the API.

Regions that are younger than the picture are unconfirmed: their identifiers and places are sure, their
capabilities are those that the other new regions share, without premium machines.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from mastodon_infra.catalog.rows import Capability, Region
from mastodon_infra.catalog.sources import AKAMAI_DOCS, LINODE_MANAGER

_PICTURE = date(2024, 8, 30)
_OBJECT_STORAGE_GENERAL = date(2025, 1, 13)

_OLDER = frozenset(
    {
        Capability.VLAN,
        Capability.BLOCK_STORAGE,
        Capability.NODEBALANCER,
        Capability.CLOUD_FIREWALL,
        Capability.METADATA,
        Capability.PLACEMENT_GROUP,
    }
)
"""What every core region can do."""

_NEWER = _OLDER | {Capability.VPC, Capability.PREMIUM}
"""What the regions opened since 2023 can do, apart from object storage."""

_YOUNGEST = _OLDER | {Capability.VPC}
"""What is assumed of a region that the picture lacks."""


def _known(name: str, place: str, capabilities: frozenset[Capability], endpoint: str = "", factor: str = "1") -> Region:
    """A region of the picture; ``endpoint`` is the first label of its object storage host."""
    storage = {Capability.OBJECT_STORAGE} if endpoint else set[Capability]()
    return Region(
        name=name,
        as_of=_PICTURE,
        source=LINODE_MANAGER,
        place=place.rpartition(", ")[0],
        country=place.rpartition(", ")[2],
        capabilities=capabilities | storage,
        object_storage_endpoint=_host(endpoint),
        price_factor=Decimal(factor),
    )


def _assumed(name: str, place: str, endpoint: str = "") -> Region:
    """A region that the picture lacks."""
    storage = {Capability.OBJECT_STORAGE} if endpoint else set[Capability]()
    return Region(
        name=name,
        as_of=_OBJECT_STORAGE_GENERAL,
        source=AKAMAI_DOCS,
        confirmed=False,
        place=place.rpartition(", ")[0],
        country=place.rpartition(", ")[2],
        capabilities=_YOUNGEST | storage,
        object_storage_endpoint=_host(endpoint),
    )


def _host(label: str) -> str:
    return f"{label}.linodeobjects.com" if label else ""


REGIONS: tuple[Region, ...] = (
    # Oceania
    _known("ap-southeast", "Sydney, au", _OLDER),
    _assumed("au-mel", "Melbourne, au", "au-mel-1"),
    # Asia
    _known("ap-northeast", "Tokyo, jp", _OLDER),
    _known("ap-south", "Singapore, sg", _OLDER, "ap-south-1"),
    _known("ap-west", "Mumbai, in", _OLDER),
    _known("id-cgk", "Jakarta, id", _NEWER, "id-cgk-1", "1.2"),
    _assumed("in-bom-2", "Mumbai 2, in", "in-bom-1"),
    _known("in-maa", "Chennai, in", _NEWER, "in-maa-1"),
    _known("jp-osa", "Osaka, jp", _NEWER, "jp-osa-1"),
    _assumed("jp-tyo-3", "Tokyo 3, jp", "jp-tyo-1"),
    _assumed("sg-sin-2", "Singapore 2, sg", "sg-sin-1"),
    # Europe
    _assumed("de-fra-2", "Frankfurt 2, de", "de-fra-1"),
    _known("es-mad", "Madrid, es", _NEWER, "es-mad-1"),
    _known("eu-central", "Frankfurt, de", _OLDER, "eu-central-1"),
    _known("eu-west", "London, gb", _OLDER),
    _known("fr-par", "Paris, fr", _NEWER, "fr-par-1"),
    _assumed("fr-par-2", "Paris 2, fr"),
    _assumed("gb-lon", "London 2, gb", "gb-lon-1"),
    _known("it-mil", "Milan, it", _NEWER, "it-mil-1"),
    _known("nl-ams", "Amsterdam, nl", _NEWER, "nl-ams-1"),
    _known("se-sto", "Stockholm, se", _NEWER, "se-sto-1"),
    # America
    _known("br-gru", "São Paulo, br", _NEWER, "br-gru-1", "1.4"),
    _known("ca-central", "Toronto, ca", _OLDER),
    _known("us-central", "Dallas, us", _OLDER),
    _known("us-east", "Newark, us", _OLDER, "us-east-1"),
    _known("us-iad", "Washington DC, us", _NEWER, "us-iad-1"),
    _assumed("us-iad-2", "Washington DC 2, us"),
    _known("us-lax", "Los Angeles, us", _NEWER, "us-lax-1"),
    _known("us-mia", "Miami, us", _NEWER, "us-mia-1"),
    _known("us-ord", "Chicago, us", _NEWER, "us-ord-1"),
    _known("us-sea", "Seattle, us", _NEWER, "us-sea-1"),
    _known("us-southeast", "Atlanta, us", _OLDER, "us-southeast-1"),
    _known("us-west", "Fremont, us", _OLDER),
)
"""All core regions, by part of the world and then by identifier."""

API_WORDS = {
    Capability.VPC: "VPCs",
    Capability.VLAN: "Vlans",
    Capability.OBJECT_STORAGE: "Object Storage",
    Capability.BLOCK_STORAGE: "Block Storage",
    Capability.NODEBALANCER: "NodeBalancers",
    Capability.CLOUD_FIREWALL: "Cloud Firewall",
    Capability.METADATA: "Metadata",
    Capability.PLACEMENT_GROUP: "Placement Group",
    Capability.PREMIUM: "Premium Plans",
}
"""What Linode's API calls what a region can do."""

_BY_NAME = {row.name: row for row in REGIONS}


def region(name: str) -> Region | None:
    """The region of that identifier, or None where Linode has no such core region that we know of."""
    return _BY_NAME.get(name)
