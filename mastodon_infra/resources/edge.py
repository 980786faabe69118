"""Names that the world resolves: the zone's records at Linode or at Cloudflare, or a list to set by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_linode as linode

from mastodon_infra.model.services import DnsProvider
from mastodon_infra.plan.network_types import DnsPlan, DnsRecord
from mastodon_infra.resources.records import CaaValue, Targets


class Names(pulumi.ComponentResource):
    """The instance's DNS records.

    Pulumi type: ``mastodon:edge:Names``

    Creates: by DNS provider. linode: zone - linode.Domain - one, <record> - linode.DomainRecord - one per record.
        cloudflare: <record> - cloudflare.DnsRecord - one per record, in a zone that is already there. manual: nothing.
    Needs: the DNS plan, public addresses of nodes and balancers, SES's DKIM tokens.
    Gives: ``zone_id`` (cloudflare only), ``to_set``: the records to set by hand (manual only).
    Replaced when: a record's type changes. The zone at Linode is protected unless the stack is disposable.
    """

    zone_id: pulumi.Output[str] | None
    to_set: tuple[Mapping[str, pulumi.Input[str]], ...]

    def __init__(
        self,
        name: str,
        *,
        dns: DnsPlan,
        contact: str,
        targets: Targets,
        is_protected: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:edge:Names", name, None, opts)
        self.zone_id, self.to_set = None, ()
        match dns.provider:
            case DnsProvider.LINODE:
                _linode_zone(self, dns, contact, targets, is_protected=is_protected)
            case DnsProvider.CLOUDFLARE:
                # Imported only where it is used: the import alone takes two seconds.
                from mastodon_infra.resources.cloudflare import cloudflare_zone  # noqa: PLC0415

                self.zone_id = cloudflare_zone(self, dns, targets)
            case DnsProvider.MANUAL:
                self.to_set = tuple(_as_told(record, targets) for record in dns.records)
        self.register_outputs({})


def _linode_zone(parent: pulumi.Resource, dns: DnsPlan, contact: str, targets: Targets, *, is_protected: bool) -> None:
    # In state: deleting the zone deletes records that others have put into it.
    zone = linode.Domain(
        "zone",
        domain=dns.zone,
        type="master",
        soa_email=contact,
        opts=pulumi.ResourceOptions(parent=parent, protect=is_protected),
    )
    for record in dns.records:
        caa = CaaValue.of(record.target.value) if record.type == "CAA" else None
        linode.DomainRecord(
            record.name,
            domain_id=zone.id.apply(int),
            name=targets.host_of(record).apply(lambda host: relative_to(dns.zone, host)),
            record_type=record.type,
            target=caa.value if caa else targets.content_of(record),
            tag=caa.tag if caa else None,
            priority=record.priority,
            ttl_sec=record.ttl_seconds,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def relative_to(zone: str, host: str) -> str:
    """A name as Linode wants it: without the zone, and empty for the zone itself."""
    return host.removesuffix(zone).removesuffix(".")


def _as_told(record: DnsRecord, targets: Targets) -> Mapping[str, pulumi.Input[str]]:
    told: dict[str, pulumi.Input[str]] = {
        "host": targets.host_of(record),
        "type": record.type,
        "content": targets.content_of(record),
        "purpose": record.purpose,
    }
    return told if record.priority is None else {**told, "priority": str(record.priority)}
