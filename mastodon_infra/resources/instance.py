"""A whole instance out of its components, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from mastodon_infra.model.services import NetworkMode
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.wiring import POSTGRES_CERTIFICATE, Wiring
from mastodon_infra.resources.clouds import Credentials
from mastodon_infra.resources.edge import Names
from mastodon_infra.resources.front import Front
from mastodon_infra.resources.keys import Authority, HostKeys, KeyPair, PullAuthority, SiteKey
from mastodon_infra.resources.media import MediaBucket, PrivateBucket
from mastodon_infra.resources.network import Firewalls, Network
from mastodon_infra.resources.nodes import Attachment, FirstBoot, Machines, PublicAddress, Volumes
from mastodon_infra.resources.records import Targets
from mastodon_infra.resources.secrets import GivenSecrets, Secrets
from mastodon_infra.resources.sites import Sites
from mastodon_infra.resources.wires import Certificates, Login, wired


class MastodonInstance(pulumi.ComponentResource):
    """One Mastodon server as its users know it.

    Pulumi type: ``mastodon:instance:MastodonInstance``

    Creates: network, firewalls, secrets, host-keys, authority, site-key, media, backup, mail, origin, origin-pulls,
        sites, machines, volumes, front, names, cloudflare - components - those that the plan asks for.
    Needs: the plan, the given secrets, the accounts' credentials, and how machines are handed what they install.
    Gives: ``addresses`` of nodes and balancers, ``host_keys``, ``wiring`` (secret), ``dns_to_set``.
    Replaced when: never as a whole; see the components.
    """

    addresses: Mapping[str, PublicAddress]
    host_keys: Mapping[str, KeyPair]
    wiring: pulumi.Output[Wiring]
    dns_to_set: tuple[Mapping[str, pulumi.Input[str]], ...]

    def __init__(
        self,
        name: str,
        *,
        plan: InstancePlan,
        given: GivenSecrets,
        credentials: Credentials,
        first_boot: FirstBoot,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:instance:MastodonInstance", name, None, opts)
        self._own = pulumi.ResourceOptions(parent=self)
        self._plan, self._credentials, self._first_boot = plan, credentials, first_boot
        self._is_protected = plan.media.is_protected

        self._mail_login, self._dkim_tokens = self._mail(given)
        self.wiring = self._wiring(given)
        attachment, balancer_firewall = self._network()
        machines = self._machines(attachment)
        front = self._front(attachment, balancer_firewall, machines)
        self.addresses = {**machines.addresses, **(front.addresses if front else {})}
        names = self._names()
        self.dns_to_set = names.to_set
        self._cloudflare(names)
        self.register_outputs({})

    def _mail(self, given: GivenSecrets) -> tuple[Login | None, pulumi.Output[list[str]] | None]:
        """The login at the relay, and what SES signs mail with."""
        mail = self._plan.mail
        if mail.provider == "smtp":
            return Login(mail.username, "" if given.smtp_password is None else given.smtp_password), None
        if mail.provider != "ses":
            return None, None
        # Imported only where it is used: most of the time it takes is Amazon's package.
        from mastodon_infra.resources.mail import SesSender  # noqa: PLC0415

        sender = SesSender("mail", mail=mail, slug=self._plan.slug, credentials=self._credentials, opts=self._own)
        return Login(sender.username, sender.password), sender.dkim_tokens

    def _wiring(self, given: GivenSecrets) -> pulumi.Output[Wiring]:
        """Everything secret, and the buckets whose keys belong to it."""
        plan = self._plan
        secrets = Secrets("secrets", given=given, is_protected=self._is_protected, opts=self._own)
        hosts = HostKeys("host-keys", nodes=[node.name for node in plan.nodes], opts=self._own)
        authority = Authority(
            "authority",
            slug=plan.slug,
            services=[POSTGRES_CERTIFICATE],
            is_protected=self._is_protected,
            opts=self._own,
        )
        media = MediaBucket("media", media=plan.media, credentials=self._credentials, opts=self._own)
        private = self._private_bucket()
        self.host_keys = hosts.pairs
        return wired(
            secrets=secrets,
            certificates=self._certificates(authority),
            host_keys=hosts.pairs,
            media=media.writer,
            backup=private.writer if private and plan.backups.is_enabled else None,
            payload=private.reader if private else None,
            mail=self._mail_login,
        )

    def _certificates(self, authority: Authority) -> Certificates:
        """The internal services' certificates, and what the public names need: Cloudflare's, or a key to ask with."""
        plan = self._plan
        self._pulls: PullAuthority | None = None
        if plan.tls.mode.value is not TlsMode.ORIGIN_CA:
            site = SiteKey("site-key", hosts=plan.tls.names, opts=self._own)
            return Certificates(authority, origin=None, pull_authority=None, site=site)
        # Imported only where it is used: the import alone takes two seconds.
        from mastodon_infra.resources.cloudflare import OriginCertificate  # noqa: PLC0415

        origin = OriginCertificate("origin", hosts=plan.tls.names, opts=self._own).pair
        self._pulls = PullAuthority("origin-pulls", slug=plan.slug, opts=self._own)
        return Certificates(authority, origin=origin, pull_authority=self._pulls.certificate, site=None)

    def _private_bucket(self) -> PrivateBucket | None:
        """Where backups go, and payloads: made where there are any of the two."""
        self._uploads: Mapping[str, pulumi.Resource] = {}
        if not (self._plan.backups.is_enabled or self._first_boot.payloads):
            return None
        bucket = PrivateBucket(
            "backup",
            backups=self._plan.backups,
            payloads=self._first_boot.payloads,
            is_protected=self._is_protected,
            credentials=self._credentials,
            opts=self._own,
        )
        self._uploads = bucket.uploads
        return bucket

    def _network(self) -> tuple[Attachment, pulumi.Output[int] | None]:
        """The private network and the firewalls: how machines are connected, and the balancers' firewall."""
        plan = self._plan
        network = Network("network", network=plan.network, region=plan.region.name, opts=self._own)
        firewalls = Firewalls(
            "firewalls",
            slug=plan.slug,
            groups=[group.name for group in plan.groups],
            rules=plan.firewall,
            ping_sources=plan.network.ping_sources,
            balancer=plan.balancer,
            opts=self._own,
        )
        is_vlan = plan.network.mode.value is NetworkMode.VLAN
        reached = frozenset(plan.balancer.nodes) if plan.balancer and is_vlan else frozenset[str]()
        sites = Sites(
            "sites",
            apart=plan.apart,
            reserved=plan.reserved,
            region=plan.region.name,
            is_disposable=not self._is_protected,
            opts=self._own,
        )
        attachment = Attachment(
            network=plan.network,
            subnet_id=network.subnet_id,
            firewall_ids=firewalls.group_ids,
            with_private_ip=reached,
            apart_ids=sites.apart_ids,
            reserved=sites.reserved,
        )
        return attachment, firewalls.balancer_id

    def _machines(self, attachment: Attachment) -> Machines:
        plan = self._plan
        keys = (key for administrator in plan.spec.administrators for key in administrator.ssh_keys)
        machines = Machines(
            "machines",
            nodes=plan.nodes,
            region=plan.region.name,
            attachment=attachment,
            wiring=self.wiring,
            first_boot=self._first_boot,
            uploads=self._uploads,
            root_keys=tuple(dict.fromkeys(keys)),
            opts=self._own,
        )
        Volumes("volumes", volumes=plan.volumes, region=plan.region.name, machine_ids=machines.ids, opts=self._own)
        return machines

    def _front(
        self, attachment: Attachment, firewall_id: pulumi.Output[int] | None, machines: Machines
    ) -> Front | None:
        plan = self._plan
        if plan.balancer is None or firewall_id is None:
            return None
        backends: dict[str, pulumi.Input[str]] = {
            node: machines.private_ips[node] if attachment.subnet_id is None else plan.node(node).address
            for node in plan.balancer.nodes
        }
        return Front(
            "front",
            balancer=plan.balancer,
            network=plan.network,
            subnet_id=attachment.subnet_id,
            firewall_id=firewall_id,
            backends=backends,
            region=plan.region.name,
            opts=self._own,
        )

    def _names(self) -> Names:
        return Names(
            "names",
            dns=self._plan.dns,
            contact=self._plan.tls.contact,
            targets=Targets(self.addresses, self._dkim_tokens),
            is_protected=self._is_protected,
            opts=self._own,
        )

    def _cloudflare(self, names: Names) -> None:
        """Last, so that the machines are there before requests are led to them in this way."""
        if self._plan.cloudflare is None or names.zone_id is None:
            return
        # Imported only where it is used: the import alone takes two seconds.
        from mastodon_infra.resources.cloudflare_zone import CloudflareZone  # noqa: PLC0415

        CloudflareZone(
            "cloudflare",
            zone_id=names.zone_id,
            plan=self._plan.cloudflare,
            pull=self._pulls.pair if self._pulls else None,
            opts=self._own,
        )
