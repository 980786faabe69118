"""Records and the origin certificate at Cloudflare. Imported only where it is used: it takes two seconds."""

from __future__ import annotations

import pulumi
import pulumi_cloudflare as cloudflare

from mastodon_infra.plan.network_types import DnsPlan, DnsRecord
from mastodon_infra.resources.keys import KeyPair, certificate_request, ecdsa_key
from mastodon_infra.resources.records import CaaValue, Targets

ORIGIN_CERTIFICATE_DAYS = 5475


def cloudflare_zone(parent: pulumi.Resource, dns: DnsPlan, targets: Targets) -> pulumi.Output[str]:
    """Put every record into the zone of that name, which is already there; gives the zone's id."""
    found = cloudflare.get_zone_output(filter={"name": dns.zone}, opts=pulumi.InvokeOutputOptions(parent=parent))
    zone_id: pulumi.Output[str] = found.apply(lambda zone: str(zone.zone_id))
    for record in dns.records:
        _record(parent, zone_id, record, targets)
    return zone_id


def _record(parent: pulumi.Resource, zone_id: pulumi.Output[str], record: DnsRecord, targets: Targets) -> None:
    caa = CaaValue.of(record.target.value) if record.type == "CAA" else None
    content = targets.content_of(record)
    if record.type == "TXT":
        content = pulumi.Output.concat('"', content, '"')
    cloudflare.DnsRecord(
        record.name,
        zone_id=zone_id,
        # The full name: that is how the API gives it back.
        name=targets.host_of(record),
        type=record.type,
        ttl=record.ttl_seconds,
        content=None if caa else content,
        data={"flags": caa.flags, "tag": caa.tag, "value": caa.value} if caa else None,
        priority=record.priority,
        proxied=record.is_proxied,
        opts=pulumi.ResourceOptions(parent=parent),
    )


class OriginCertificate(pulumi.ComponentResource):
    """The certificate that Cloudflare accepts from the machines behind it.

    Pulumi type: ``mastodon:cloudflare:OriginCertificate``

    Creates: origin - tls.PrivateKey (P-256), tls.CertRequest, cloudflare.OriginCaCertificate - one each.
    Needs: the names that nginx answers for.
    Gives: ``pair``: private key and certificate, in PEM.
    Replaced when: the names change. It is valid for fifteen years, and nothing here renews it before its end: then
        it is replaced by name.
    """

    pair: KeyPair

    def __init__(self, name: str, *, hosts: tuple[str, ...], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mastodon:cloudflare:OriginCertificate", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        key = ecdsa_key("origin", own)
        request = certificate_request("origin", key, list(hosts), own)
        signed = cloudflare.OriginCaCertificate(
            "origin",
            csr=request.cert_request_pem,
            hostnames=sorted(hosts),
            request_type="origin-ecc",
            requested_validity=ORIGIN_CERTIFICATE_DAYS,
            opts=own,
        )
        self.pair = KeyPair(key.private_key_pem, signed.certificate)
        self.register_outputs({})
