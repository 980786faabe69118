"""Numbers and networks that vendors set: quotas, lengths, sizes, address ranges.

Each is a constant of its own, so that a wrong name is a type error; ``LIMITS`` and ``NETWORKS`` list all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mastodon_infra.catalog.rows import Limit, Row
from mastodon_infra.catalog.sources import (
    AKAMAI_DOCS,
    AWS_SES,
    CLOUDFLARE,
    DEBIAN,
    JUDGEMENT,
    LINODE,
    LINODE_FIREWALLS,
    LINODE_MANAGER,
    MASTODON,
    Source,
)

_Seen = tuple[date, Source]
"""The day and the place of a reading."""

_LINODE: _Seen = (date(2026, 11, 22), LINODE)
_MANAGER: _Seen = (date(2025, 12, 12), LINODE_MANAGER)
_FIREWALLS: _Seen = (date(2025, 8, 15), LINODE_FIREWALLS)
_CHANGELOG: _Seen = (date(2026, 9, 30), AKAMAI_DOCS)
_VPC_GUIDE: _Seen = (date(2024, 1, 1), AKAMAI_DOCS)
_MASTODON: _Seen = (date(2026, 8, 20), MASTODON)
_SES: _Seen = (date(2026, 7, 22), AWS_SES)
_DEBIAN: _Seen = (date(2026, 11, 22), DEBIAN)
_CLOUDFLARE: _Seen = (date(2025, 1, 1), CLOUDFLARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Row):
    """Addresses that a vendor uses, as prefixes."""

    title: str
    prefixes: tuple[str, ...]


def _limit(name: str, title: str, value: int, unit: str, seen: _Seen, *, confirmed: bool = True) -> Limit:
    as_of, source = seen
    return Limit(name=name, as_of=as_of, source=source, confirmed=confirmed, title=title, value=value, unit=unit)


# --- First boot ---------------------------------------------------------------------------------------------

USER_DATA = _limit("user-data", "user data, once base64 is undone", 16384, "bytes", _LINODE)
USER_DATA_CEILING = _limit(
    "user-data-ceiling",
    "user data that we send, gzipped",
    16000,
    "bytes",
    (date(2026, 11, 22), JUDGEMENT),
    confirmed=False,
)

# --- Network ------------------------------------------------------------------------------------------------

NODEBALANCER_CONNECTIONS = _limit(
    "nodebalancer-connections",
    "connections at once, basic NodeBalancer",
    10_000,
    "connections",
    _CHANGELOG,
)
NODEBALANCER_PREMIUM_CONNECTIONS = _limit(
    "nodebalancer-premium-connections",
    "connections at once, premium NodeBalancer",
    100_000,
    "connections",
    _CHANGELOG,
)
VPC_SUBNETS = _limit("vpc-subnets", "subnets in a VPC", 10, "subnets", _VPC_GUIDE)
VPCS_PER_REGION = _limit("vpcs-per-region", "VPCs of an account in a region", 10, "VPCs", _VPC_GUIDE)
INTERFACES_PER_NODE = _limit("interfaces-per-node", "network interfaces of a Linode", 3, "interfaces", _LINODE)
FIREWALL_RULES = _limit("firewall-rules", "rules in a Cloud Firewall", 25, "rules", _FIREWALLS, confirmed=False)
PLACEMENT_GROUP_MEMBERS = _limit(
    "placement-group-members",
    "Linodes in a strict placement group",
    5,
    "Linodes",
    _MANAGER,
)

# --- Volumes ------------------------------------------------------------------------------------------------

VOLUME_MINIMUM = _limit("volume-minimum", "smallest volume", 10, "GiB", _MANAGER)
VOLUME_MAXIMUM = _limit("volume-maximum", "largest volume", 16384, "GiB", _MANAGER)
VOLUMES_PER_NODE = _limit(
    "volumes-per-node",
    "volumes that any Linode can hold, its disks not counted",
    8,
    "volumes",
    _MANAGER,
)

# --- Labels -------------------------------------------------------------------------------------------------

LABEL_MINIMUM = _limit("label-minimum", "shortest label of most things", 3, "characters", _MANAGER)
INSTANCE_LABEL = _limit("instance-label", "label of a Linode", 64, "characters", _MANAGER)
VOLUME_LABEL = _limit("volume-label", "label of a volume", 32, "characters", _MANAGER)
FIREWALL_LABEL = _limit("firewall-label", "label of a firewall", 32, "characters", _MANAGER)
FIREWALL_RULE_LABEL = _limit("firewall-rule-label", "label of a rule", 32, "characters", _MANAGER)
NODEBALANCER_LABEL = _limit("nodebalancer-label", "label of a NodeBalancer", 32, "characters", _MANAGER)
PLACEMENT_GROUP_LABEL = _limit("placement-group-label", "label of a placement group", 32, "characters", _MANAGER)
VPC_LABEL = _limit("vpc-label", "label of a VPC or a subnet", 64, "characters", _MANAGER)
VLAN_LABEL = _limit("vlan-label", "label of a VLAN", 64, "characters", _MANAGER)
BUCKET_NAME = _limit("bucket-name", "name of a bucket", 63, "characters", _MANAGER)
TAG_LENGTH = _limit("tag-length", "length of a tag", 50, "characters", _MANAGER)

# --- What users send ----------------------------------------------------------------------------------------

UPLOAD = _limit("upload", "largest upload that Mastodon takes: a video", 99, "MB", _MASTODON)
UPLOAD_IMAGE = _limit("upload-image", "largest image that Mastodon takes", 16, "MB", _MASTODON)
CLOUDFLARE_UPLOAD = _limit(
    "cloudflare-upload",
    "largest request through Cloudflare's Free and Pro plans",
    100,
    "MB",
    _CLOUDFLARE,
    confirmed=False,
)
CLOUDFLARE_IDLE = _limit(
    "cloudflare-idle",
    "silence after which Cloudflare ends a connection",
    100,
    "seconds",
    _CLOUDFLARE,
    confirmed=False,
)
CLOUDFLARE_RATE_PERIOD = _limit(
    "cloudflare-rate-period",
    "period of a rate limit on Cloudflare's Free plan, which has one rule",
    10,
    "seconds",
    (date(2024, 5, 16), CLOUDFLARE),
    confirmed=False,
)
STREAMING_PING = _limit("streaming-ping", "time between pings of streaming", 30, "seconds", _MASTODON)

# --- Mail ---------------------------------------------------------------------------------------------------

SES_SANDBOX_DAY = _limit("ses-sandbox-day", "mails a day in SES's sandbox", 200, "mails", _SES)
SES_SANDBOX_SECOND = _limit("ses-sandbox-second", "mails a second in SES's sandbox", 1, "mails", _SES)

# --- Packaged defaults --------------------------------------------------------------------------------------

PGBOUNCER_CLIENTS = _limit("pgbouncer-clients", "clients, as packaged", 100, "connections", _DEBIAN)
PGBOUNCER_POOL = _limit("pgbouncer-pool", "server connections of a pool, as packaged", 20, "connections", _DEBIAN)
MASTODON_UID = _limit("mastodon-uid", "user and group of the official images", 991, "id", _MASTODON)

LIMITS: tuple[Limit, ...] = (
    USER_DATA,
    USER_DATA_CEILING,
    NODEBALANCER_CONNECTIONS,
    NODEBALANCER_PREMIUM_CONNECTIONS,
    VPC_SUBNETS,
    VPCS_PER_REGION,
    INTERFACES_PER_NODE,
    FIREWALL_RULES,
    PLACEMENT_GROUP_MEMBERS,
    VOLUME_MINIMUM,
    VOLUME_MAXIMUM,
    VOLUMES_PER_NODE,
    LABEL_MINIMUM,
    INSTANCE_LABEL,
    VOLUME_LABEL,
    FIREWALL_LABEL,
    FIREWALL_RULE_LABEL,
    NODEBALANCER_LABEL,
    PLACEMENT_GROUP_LABEL,
    VPC_LABEL,
    VLAN_LABEL,
    BUCKET_NAME,
    TAG_LENGTH,
    UPLOAD,
    UPLOAD_IMAGE,
    CLOUDFLARE_UPLOAD,
    CLOUDFLARE_IDLE,
    CLOUDFLARE_RATE_PERIOD,
    STREAMING_PING,
    SES_SANDBOX_DAY,
    SES_SANDBOX_SECOND,
    PGBOUNCER_CLIENTS,
    PGBOUNCER_POOL,
    MASTODON_UID,
)

METADATA = Network(
    name="metadata",
    as_of=date(2023, 9, 1),
    source=LINODE,
    title="Linode's metadata service",
    prefixes=("169.254.169.254/32", "fd00:a9fe:a9fe::1/128"),
)
SHARED_PRIVATE = Network(
    name="shared-private",
    as_of=date(2025, 12, 12),
    source=LINODE_MANAGER,
    title="legacy private addresses, shared by all customers of a region",
    prefixes=("192.168.128.0/17",),
)
NODEBALANCER_SOURCES = Network(
    name="nodebalancer-sources",
    as_of=date(2025, 1, 1),
    source=LINODE,
    confirmed=False,
    title="where a NodeBalancer without a VPC calls its nodes from",
    prefixes=("192.168.255.0/24",),
)
CLOUDFLARE_IPV4 = Network(
    name="cloudflare-ipv4",
    as_of=date(2026, 1, 1),
    source=CLOUDFLARE,
    title="Cloudflare's proxies, IPv4",
    prefixes=(
        "103.21.244.0/22",
        "103.22.200.0/22",
        "103.31.4.0/22",
        "104.16.0.0/13",
        "104.24.0.0/14",
        "108.162.192.0/18",
        "131.0.72.0/22",
        "141.101.64.0/18",
        "162.158.0.0/15",
        "172.64.0.0/13",
        "173.245.48.0/20",
        "188.114.96.0/20",
        "190.93.240.0/20",
        "197.234.240.0/22",
        "198.41.128.0/17",
    ),
)
CLOUDFLARE_IPV6 = Network(
    name="cloudflare-ipv6",
    as_of=date(2026, 1, 1),
    source=CLOUDFLARE,
    title="Cloudflare's proxies, IPv6",
    prefixes=(
        "2400:cb00::/32",
        "2405:8100::/32",
        "2405:b500::/32",
        "2606:4700::/32",
        "2803:f800::/32",
        "2a06:98c0::/29",
        "2c0f:f248::/32",
    ),
)

NETWORKS: tuple[Network, ...] = (
    METADATA,
    SHARED_PRIVATE,
    NODEBALANCER_SOURCES,
    CLOUDFLARE_IPV4,
    CLOUDFLARE_IPV6,
)
