"""Good inputs for every kind of resource, in a world that has what they name."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

from mastodon_infra.rehearsal.clouds.amazon import AWS
from mastodon_infra.rehearsal.clouds.certificates import TLS
from mastodon_infra.rehearsal.clouds.cloudflare import CLOUDFLARE
from mastodon_infra.rehearsal.clouds.linode import LINODE
from mastodon_infra.rehearsal.clouds.randomness import RANDOM
from mastodon_infra.rehearsal.kinds import ApiError, Kind
from mastodon_infra.rehearsal.provider import Cloud, StandIn
from mastodon_infra.rehearsal.world import Thing, World
from tests.unit.rehearsal.material import CERTIFICATE, KEY, REQUEST

CLOUDS: dict[str, Cloud] = {cloud.package: cloud for cloud in (LINODE, AWS, CLOUDFLARE, RANDOM, TLS)}
REGION, VLAN_REGION = "au-mel", "ap-southeast"
USER_DATA = base64.b64encode(b"#cloud-config\n").decode()
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
PUBLIC_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::media-bucket/*"}
        ],
    }
)
WASABI = {"endpoints": '[{"s3": "https://s3.wasabi.example"}]', "region": "ap-southeast-2"}
KEYS = {"accessKey": "AKIA", "secretKey": "word"}


def rows() -> dict[str, Kind]:
    """Every kind of resource, by the last word of its type."""
    return {row.name: row for cloud in CLOUDS.values() for row in cloud.kinds}


def token_of(kind: str) -> str:
    """The type whose last word that is."""
    return rows()[kind].token


def stand_in(kind: str, world: World, settings: dict[str, Any] | None = None) -> StandIn:
    """The provider of a kind, configured with a token."""
    cloud = CLOUDS[token_of(kind).partition(":")[0]]
    provider = StandIn(cloud, world)
    usual: dict[str, Any] = {"linode": {"token": "t"}, "cloudflare": {"apiToken": "t"}, "aws": KEYS}.get(
        cloud.package, {}
    )
    provider.configure({"region": "ap-southeast-2", **usual, **(settings or {})}, {})
    return provider


def inputs_of(kind: str, changed: dict[str, Any]) -> dict[str, Any]:
    """Good inputs with something changed; what is None is taken away."""
    return {name: value for name, value in {**deepcopy(GOOD[kind]), **changed}.items() if value is not None}


def refusal(kind: str, world: World, inputs: dict[str, Any], settings: dict[str, Any] | None = None) -> str:
    """What a creation is refused with: by the provider, else by the API; empty where it is made."""
    provider = stand_in(kind, world, settings)
    if failures := provider.check(token_of(kind), inputs):
        return "\n".join(failures)
    try:
        provider.create(token_of(kind), inputs, is_preview=False)
    except ApiError as error:
        return str(error)
    return ""


THERE: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("Firewall", "1", {"label": "first-firewall"}, {}),
    ("Vpc", "2", {"label": "first-vpc", "region": REGION}, {}),
    ("VpcSubnet", "3", {"label": "first", "vpcId": 2, "ipv4": "10.64.0.0/16"}, {}),
    ("Instance", "4", {"label": "first-machine", "region": REGION}, {"ipv4s": ["198.18.0.1"]}),
    ("NodeBalancer", "5", {"label": "first-balancer", "region": REGION, "vpcs": [{"subnetId": 3}]}, {}),
    ("NodeBalancerConfig", "6", {"nodebalancerId": 5, "port": 443}, {}),
    ("Domain", "7", {"domain": "first.example"}, {}),
    ("DomainRecord", "8", {"domainId": 7, "name": "www", "recordType": "CNAME", "target": "first.example"}, {}),
    ("PlacementGroup", "9", {"label": "first-group", "region": VLAN_REGION}, {}),
    ("PlacementGroup", "12", {"label": "second-group", "region": REGION}, {}),
    ("Volume", "13", {"label": "first-volume", "region": REGION, "size": 20}, {}),
    ("NodeBalancerNode", "14", {"nodebalancerId": 5, "configId": 6, "address": "10.64.0.9:443", "subnetId": 3}, {}),
    ("ObjectStorageBucket", "au-mel:first-bucket", {"label": "first-bucket", "region": REGION}, {}),
    ("Bucket", "media-bucket", {"bucket": "media-bucket"}, {}),
    ("User", "first-user", {"name": "first-user"}, {}),
    ("EmailIdentity", "first.example", {"emailIdentity": "first.example"}, {}),
    ("DnsRecord", "10", {"zoneId": "z1", "name": "www.first.example", "type": "CNAME", "content": "x.example"}, {}),
    ("Ruleset", "11", {"zoneId": "z1", "phase": "http_config_settings", "kind": "zone", "name": "config"}, {}),
    ("AuthenticatedOriginPullsHostnameCertificate", "15", {"zoneId": "z1"}, {}),
)
"""Kind, id, inputs and outputs of what other resources name, under ids that are easy to remember."""


def furnished(world: World) -> World:
    """A world in which all of that exists."""
    for kind, identity, inputs, outputs in THERE:
        world.put(Thing(token_of(kind), identity, inputs, outputs))
    world.put(Thing("cloudflare:index/zone:Zone", "z1", {"name": "first.example"}, {}))
    return world


GOOD: dict[str, dict[str, Any]] = {
    "Instance": {
        "label": "web-1",
        "region": REGION,
        "type": "g6-standard-2",
        "image": "linode/debian13",
        "authorizedKeys": ["ssh-ed25519 AAAA"],
        "interfaceGeneration": "linode",
        "metadatas": [{"userData": USER_DATA}],
        "linodeInterfaces": [
            {"firewallId": 1, "public": {}},
            {"firewallId": 1, "vpc": {"subnetId": 3, "ipv4": {"addresses": [{"address": "10.64.1.1"}]}}},
        ],
    },
    "Volume": {"label": "data-postgres", "region": REGION, "size": 20, "linodeId": 4},
    "Vpc": {"label": "second-vpc", "region": REGION},
    "VpcSubnet": {"label": "private", "vpcId": 2, "ipv4": "10.65.0.0/16"},
    "Firewall": {
        "label": "second-firewall",
        "inboundPolicy": "DROP",
        "outboundPolicy": "ACCEPT",
        "inbounds": [{"action": "ACCEPT", "label": "web", "protocol": "TCP", "ports": "443", "ipv4s": ["0.0.0.0/0"]}],
    },
    "PlacementGroup": {"label": "web", "region": REGION, "placementGroupType": "anti_affinity:local"},
    "ReservedIp": {"region": REGION},
    "NodeBalancer": {
        "label": "balancer-1",
        "region": REGION,
        "firewallId": 1,
        "vpcs": [{"subnetId": 3, "ipv4Range": "10.64.9.0/30"}],
    },
    "NodeBalancerConfig": {"nodebalancerId": 5, "port": 80, "protocol": "tcp", "proxyProtocol": "v2"},
    "NodeBalancerNode": {
        "nodebalancerId": 5,
        "configId": 6,
        "label": "web-1",
        "address": "10.64.1.1:443",
        "subnetId": 3,
    },
    "Domain": {"domain": "social.example", "type": "master", "soaEmail": "admin@social.example"},
    "DomainRecord": {"domainId": 7, "name": "", "recordType": "A", "target": "198.18.0.1", "ttlSec": 300},
    "ObjectStorageBucket": {"label": "media-of-social", "region": REGION, "acl": "private"},
    "ObjectStorageKey": {
        "label": "writer",
        "bucketAccesses": [{"bucketName": "first-bucket", "region": REGION, "permissions": "read_write"}],
    },
    "ObjectStorageObject": {"bucket": "first-bucket", "region": REGION, "key": "a/b", "contentBase64": "YQ=="},
    "Bucket": {"bucket": "social-media"},
    "BucketPublicAccessBlock": {"bucket": "media-bucket", "blockPublicPolicy": False},
    "BucketPolicy": {"bucket": "media-bucket", "policy": PUBLIC_POLICY},
    "BucketCorsConfiguration": {
        "bucket": "media-bucket",
        "corsRules": [{"allowedMethods": ["GET"], "allowedOrigins": ["*"]}],
    },
    "BucketLifecycleConfiguration": {"bucket": "media-bucket", "rules": [{"id": "a", "status": "Enabled"}]},
    "BucketObjectv2": {"bucket": "media-bucket", "key": "a/b", "contentBase64": "YQ=="},
    "User": {"name": "social-mail"},
    "UserPolicy": {"user": "first-user", "name": "send", "policy": POLICY},
    "AccessKey": {"user": "first-user"},
    "EmailIdentity": {"emailIdentity": "social.example"},
    "EmailIdentityMailFromAttributes": {"emailIdentity": "first.example", "mailFromDomain": "bounce.first.example"},
    "DnsRecord": {
        "zoneId": "z1",
        "name": "first.example",
        "type": "A",
        "ttl": 1,
        "content": "198.18.0.1",
        "proxied": True,
    },
    "Ruleset": {
        "zoneId": "z1",
        "kind": "zone",
        "name": "cache",
        "phase": "http_request_cache_settings",
        "rules": [{"action": "set_cache_settings", "expression": "true", "ref": "all"}],
    },
    "ZoneSetting": {"zoneId": "z1", "settingId": "ssl", "value": "strict"},
    "BotManagement": {"zoneId": "z1", "fightMode": False},
    "TieredCache": {"zoneId": "z1", "value": "on"},
    "OriginCaCertificate": {"csr": REQUEST, "hostnames": ["first.example"], "requestType": "origin-ecc"},
    "AuthenticatedOriginPullsCertificate": {"zoneId": "z1", "certificate": CERTIFICATE, "privateKey": KEY},
    "AuthenticatedOriginPullsHostnameCertificate": {"zoneId": "z1", "certificate": CERTIFICATE, "privateKey": KEY},
    "AuthenticatedOriginPulls": {
        "zoneId": "z1",
        "configs": [{"certId": "15", "hostname": "first.example", "enabled": True}],
    },
    "AuthenticatedOriginPullsSettings": {"zoneId": "z1", "enabled": True},
    "RandomBytes": {"length": 32},
    "RandomPassword": {"length": 40, "special": False},
    "PrivateKey": {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
    "CertRequest": {"privateKeyPem": KEY, "dnsNames": ["first.example"]},
    "SelfSignedCert": {"privateKeyPem": KEY, "allowedUses": ["server_auth"], "validityPeriodHours": 24},
    "LocallySignedCert": {
        "caCertPem": CERTIFICATE,
        "caPrivateKeyPem": KEY,
        "certRequestPem": REQUEST,
        "allowedUses": ["server_auth"],
        "validityPeriodHours": 24,
    },
}
