"""Linode: balancers, zones, buckets and keys, beside the machines and their networks."""

from __future__ import annotations

import re
import secrets
from ipaddress import IPv4Network
from typing import Any

from mastodon_infra.catalog.regions import region
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.rehearsal.clouds.linode_machines import MACHINES
from mastodon_infra.rehearsal.clouds.linode_networks import NETWORKS
from mastodon_infra.rehearsal.clouds.linode_rules import (
    BALANCER,
    FIREWALL,
    SUBNET,
    in_region,
    labelled,
    naming_an,
)
from mastodon_infra.rehearsal.clouds.records import fits_type
from mastodon_infra.rehearsal.kinds import Account, ApiError, Call, Kind, any_of, between, known, length, one_of
from mastodon_infra.rehearsal.provider import Cloud
from mastodon_infra.rehearsal.wire import is_known
from mastodon_infra.rehearsal.world import Thing, Values, World

CONFIG = "linode:index/nodeBalancerConfig:NodeBalancerConfig"
NODE = "linode:index/nodeBalancerNode:NodeBalancerNode"
DOMAIN = "linode:index/domain:Domain"
BUCKET, OBJECT = (
    "linode:index/objectStorageBucket:ObjectStorageBucket",
    "linode:index/objectStorageObject:ObjectStorageObject",
)
BALANCER_PREFIX = 30
RECORD_TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT")
DOMAIN_TTLS = (0, 30, 120, 300, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800, 1209600, 2419200)

# --- Balancers ------------------------------------------------------------------------------------------------------


def _balancer(call: Call) -> Values:
    number = call.number
    return {
        "ipv4": f"198.19.{number >> 8 & 255}.{number & 255}",
        "ipv6": f"2001:db8:1::{number >> 16:x}:{number & 0xFFFF:x}",
        "hostname": f"nb-{number}.example",
    }


def _ranges_are_networks(inputs: Values) -> str | None:
    for vpc in inputs.get("vpcs") or ():
        try:
            if vpc.get("ipv4Range") and is_known(vpc["ipv4Range"]):
                IPv4Network(vpc["ipv4Range"])
        except ValueError as error:
            return f"vpcs: {error}"
    return None


def _balancer_is_in_vpc(call: Call) -> None:
    """It speaks to its nodes from a range inside the subnet."""
    for vpc in call.get("vpcs") or ():
        within = call.needs(SUBNET, vpc["subnetId"], "subnet").inputs["ipv4"]
        own = vpc.get("ipv4Range")
        if own and not IPv4Network(own).subnet_of(IPv4Network(within)):
            raise ApiError(f"[vpcs] {own} is not in the subnet {within}")


def _range_is_as_linode_chooses_it(call: Call) -> None:
    """By itself Linode takes four addresses; what it says to another number, no documentation tells."""
    for vpc in call.get("vpcs") or ():
        own = vpc.get("ipv4Range")
        if own and not vpc.get("ipv4RangeAutoAssign") and IPv4Network(own).prefixlen != BALANCER_PREFIX:
            raise ApiError(f"[vpcs] {own} is no range of four addresses: /{BALANCER_PREFIX}")


def _proxy_protocol_is_for_tcp(inputs: Values) -> str | None:
    if inputs.get("proxyProtocol") in {"v1", "v2"} and inputs.get("protocol") != "tcp":
        return "proxyProtocol: v1 and v2 are for protocol tcp only"
    return None


def _port_is_free(call: Call) -> None:
    for other in call.others():
        if all(other.inputs.get(name) == call.get(name) for name in ("nodebalancerId", "port")):
            raise ApiError(f"[port] {call.get('port')} is configured already")


def _address_and_port(value: Any) -> str | None:
    return None if re.fullmatch(r"[0-9.]+:[0-9]{1,5}", value) else f"expected IP:port, got {value!r}"


def _node_is_in_vpc(call: Call) -> None:
    """Backends in a VPC are found by their subnet only."""
    balancer = call.needs(BALANCER, call.inputs["nodebalancerId"], "NodeBalancer")
    if call.inputs["address"].startswith("10.") and not (call.get("subnetId") and balancer.inputs.get("vpcs")):
        raise ApiError("[address] must be in a VPC of the NodeBalancer, and name its subnet_id")
    if call.get("subnetId") is None and not call.inputs["address"].startswith(("10.", "192.168.")):
        raise ApiError("[address] must be a private address")


# --- Zones ----------------------------------------------------------------------------------------------------------


def _master_has_a_contact(inputs: Values) -> str | None:
    return "soaEmail: required for a master" if inputs.get("type") == "master" and not inputs.get("soaEmail") else None


def _record_fits_its_type(inputs: Values) -> str | None:
    kind = inputs.get("recordType")
    if kind == "CAA" and inputs.get("tag") not in {"issue", "issuewild", "iodef"}:
        return "tag: a CAA record needs issue, issuewild or iodef"
    if kind == "MX" and inputs.get("priority") is None:
        return "priority: required for MX"
    return None


def _record_is_alone(call: Call) -> None:
    for other in call.others():
        if other.inputs["domainId"] != call.inputs["domainId"] or other.inputs.get("name") != call.get("name"):
            continue
        if "CNAME" in {other.inputs["recordType"], call.inputs["recordType"]}:
            raise ApiError(f"[name] {call.get('name')!r} has another record: a CNAME stands alone")
        if all(other.inputs.get(key) == call.get(key) for key in ("recordType", "target", "tag")):
            raise ApiError("[target] there is the same record already")


# --- Object storage -------------------------------------------------------------------------------------------------


def _bucket_name(value: Any) -> str | None:
    is_fine = re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]", value)
    return None if is_fine else f"{value!r} is no name of a bucket: 3 to 63 of a-z, 0-9, hyphen and dot"


def _bucket(call: Call) -> Values:
    row = region(call.inputs["region"])
    host = row.object_storage_endpoint if row else ""
    return {"endpoint": host, "hostname": f"{call.inputs['label']}.{host}", "s3Endpoint": host, "endpointType": "E1"}


def _bucket_is_empty_or_emptied(world: World, thing: Thing, account: Account) -> None:
    held = [one for one in world.all(OBJECT) if one.inputs["bucket"] == thing.inputs["label"]]
    if held and not account.settings.get("objBucketForceDelete"):
        raise ApiError(f"bucket {thing.inputs['label']} is not empty: it holds {len(held)} objects", status=409)
    for one in held:
        world.remove(OBJECT, one.id)


def _accessed_buckets_exist(call: Call) -> None:
    for access in call.get("bucketAccesses") or ():
        _bucket_exists(call, access["bucketName"], access["region"])


def _bucket_exists(call: Call, name: str, where: str) -> None:
    if all((one.inputs["label"], one.inputs["region"]) != (name, where) for one in call.world.all(BUCKET)):
        raise ApiError(f"bucket {name} not found in {where}", status=404)


def _access_is_known(inputs: Values) -> str | None:
    for access in inputs.get("bucketAccesses") or ():
        if access.get("permissions") not in {"read_only", "read_write"}:
            return "bucketAccesses: permissions are read_only or read_write"
    return None


LINODE = Cloud(
    "linode",
    (
        *MACHINES,
        *NETWORKS,
        Kind(
            token=BALANCER,
            checks=(labelled(3, 32), between("clientConnThrottle", 0, 20), _ranges_are_networks),
            rules=(in_region(Capability.NODEBALANCER), naming_an(FIREWALL, "firewallId"), _balancer_is_in_vpc),
            unsure=(_range_is_as_linode_chooses_it,),
            unique=(("label",),),
            replace_on=frozenset({"region", "firewallId", "vpcs", "ipv4", "type", "backendConnectivity"}),
            computed=_balancer,
        ),
        Kind(
            token=CONFIG,
            required=("nodebalancerId",),
            checks=(
                between("port", 1, 65535),
                one_of("protocol", "http", "https", "tcp", "udp"),
                one_of("algorithm", "roundrobin", "leastconn", "source"),
                one_of("stickiness", "none", "table", "http_cookie"),
                one_of("check", "none", "connection", "http", "http_body"),
                one_of("proxyProtocol", "none", "v1", "v2"),
                between("checkInterval", 2, 3600),
                between("checkTimeout", 1, 30),
                between("checkAttempts", 1, 30),
                _proxy_protocol_is_for_tcp,
            ),
            rules=(naming_an(BALANCER, "nodebalancerId"), _port_is_free),
            replace_on=frozenset({"nodebalancerId"}),
        ),
        Kind(
            token=NODE,
            required=("nodebalancerId", "configId", "label", "address"),
            checks=(
                labelled(3, 32),
                known(_address_and_port, "address"),
                between("weight", 1, 255),
                one_of("mode", "accept", "reject", "drain", "backup"),
            ),
            rules=(naming_an(CONFIG, "configId"), _node_is_in_vpc),
            unique=(("configId", "address"),),
            replace_on=frozenset({"nodebalancerId", "configId", "subnetId"}),
            computed=lambda _: {"status": "UP"},
        ),
        Kind(
            token=DOMAIN,
            required=("domain", "type"),
            checks=(one_of("type", "master", "slave"), one_of("ttlSec", *DOMAIN_TTLS), _master_has_a_contact),
            unique=(("domain",),),
            replace_on=frozenset({"type"}),
        ),
        Kind(
            token="linode:index/domainRecord:DomainRecord",  # noqa: S106  # a type's name
            required=("domainId", "recordType", "target"),
            checks=(
                one_of("recordType", *RECORD_TYPES),
                one_of("ttlSec", *DOMAIN_TTLS),
                between("priority", 0, 255),
                _record_fits_its_type,
                fits_type("recordType", "target"),
            ),
            rules=(naming_an(DOMAIN, "domainId"), _record_is_alone),
            replace_on=frozenset({"domainId", "recordType"}),
        ),
        Kind(
            token=BUCKET,
            required=("label", "region"),
            checks=(
                known(_bucket_name, "label"),
                one_of("acl", "private", "public-read", "authenticated-read", "public-read-write"),
            ),
            rules=(in_region(Capability.OBJECT_STORAGE),),
            unique=(("region", "label"),),
            replace_on=frozenset({"label", "region", "endpointType", "s3Endpoint"}),
            computed=_bucket,
            identity=lambda call: f"{call.inputs['region']}:{call.inputs['label']}",
            on_delete=_bucket_is_empty_or_emptied,
        ),
        Kind(
            token="linode:index/objectStorageKey:ObjectStorageKey",  # noqa: S106  # a type's name
            required=("label",),
            checks=(length("label", 3, 50), _access_is_known),
            rules=(_accessed_buckets_exist,),
            replace_on=frozenset({"bucketAccesses"}),
            computed=lambda _: {
                "accessKey": secrets.token_hex(10).upper(),
                "secretKey": secrets.token_urlsafe(30),
                "limited": True,
            },
            secret_outputs=frozenset({"secretKey"}),
        ),
        Kind(
            token=OBJECT,
            required=("bucket", "region", "key"),
            checks=(any_of("content", "contentBase64", "source"),),
            rules=(lambda call: _bucket_exists(call, call.inputs["bucket"], call.inputs["region"]),),
            replace_on=frozenset({"bucket", "region", "key"}),
            identity=lambda call: f"{call.inputs['bucket']}/{call.inputs['key']}",
        ),
    ),
    credentials={"token": "LINODE_TOKEN"},
)
