"""What a wrong program is: good inputs with something changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Made = tuple[str, dict[str, Any]]
"""A kind, and what is changed in its good inputs."""


NEEDED: dict[str, tuple[str, ...]] = {
    "Instance": ("region",),
    "Volume": ("label",),
    "PlacementGroup": ("label", "region", "placementGroupType"),
    "ReservedIp": ("region",),
    "Vpc": ("label", "region"),
    "VpcSubnet": ("label", "vpcId"),
    "Firewall": ("label", "inboundPolicy", "outboundPolicy"),
    "NodeBalancerConfig": ("nodebalancerId",),
    "NodeBalancerNode": ("nodebalancerId", "configId", "label", "address"),
    "Domain": ("domain", "type"),
    "DomainRecord": ("domainId", "recordType", "target"),
    "ObjectStorageBucket": ("label", "region"),
    "ObjectStorageKey": ("label",),
    "ObjectStorageObject": ("bucket", "region", "key"),
    "BucketPublicAccessBlock": ("bucket",),
    "BucketPolicy": ("bucket", "policy"),
    "BucketCorsConfiguration": ("bucket", "corsRules"),
    "BucketLifecycleConfiguration": ("bucket",),
    "BucketObjectv2": ("bucket", "key"),
    "UserPolicy": ("user", "policy"),
    "AccessKey": ("user",),
    "EmailIdentity": ("emailIdentity",),
    "EmailIdentityMailFromAttributes": ("emailIdentity",),
    "DnsRecord": ("zoneId", "name", "type", "ttl"),
    "Ruleset": ("kind", "name", "phase"),
    "ZoneSetting": ("zoneId", "settingId", "value"),
    "BotManagement": ("zoneId",),
    "TieredCache": ("zoneId", "value"),
    "OriginCaCertificate": ("csr", "hostnames", "requestType"),
    "AuthenticatedOriginPullsCertificate": ("zoneId", "certificate", "privateKey"),
    "AuthenticatedOriginPullsHostnameCertificate": ("zoneId", "certificate", "privateKey"),
    "AuthenticatedOriginPullsSettings": ("zoneId", "enabled"),
    "AuthenticatedOriginPulls": ("zoneId", "configs"),
    "RandomBytes": ("length",),
    "RandomPassword": ("length",),
    "PrivateKey": ("algorithm",),
    "CertRequest": ("privateKeyPem",),
    "SelfSignedCert": ("privateKeyPem", "allowedUses", "validityPeriodHours"),
    "LocallySignedCert": ("caCertPem", "caPrivateKeyPem", "certRequestPem", "allowedUses", "validityPeriodHours"),
}
"""Inputs without which the providers do not even ask, by kind: what the SDKs make everybody give.

Beyond that a bucket's object needs its key and whatever is signed a private key, which the stand-ins cannot do without.
"""

ALONE: dict[str, tuple[str, ...]] = {
    "Instance": ("label",),
    "Volume": ("label",),
    "PlacementGroup": ("label",),
    "Vpc": ("label",),
    "VpcSubnet": ("vpcId", "label"),
    "Firewall": ("label",),
    "NodeBalancer": ("label",),
    "NodeBalancerNode": ("configId", "address"),
    "Domain": ("domain",),
    "ObjectStorageBucket": ("region", "label"),
    "Bucket": ("bucket",),
    "User": ("name",),
    "EmailIdentity": ("emailIdentity",),
}
"""Inputs that no two resources of a kind share, all of them together."""


@dataclass(frozen=True)
class Wrong:
    """A program, and words of the answer that it gets.

    Attributes:
        kind: What it makes, or changes.
        changed: What is changed in the kind's good inputs; None takes an input away.
        settings: Those of the provider.
        first: What is made before.
        was: What was changed in the good inputs before; None where the program makes something new.
    """

    kind: str
    changed: dict[str, Any]
    words: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    first: tuple[Made, ...] = ()
    was: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{self.words}"
