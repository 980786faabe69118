"""What the templates of ``web`` see: nginx in front of Puma, streaming and the media bucket."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.limits import CLOUDFLARE_IPV4, CLOUDFLARE_IPV6
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import MediaFront
from mastodon_infra.plan.firewall import ACME_PORT, HTTPS_PORT
from mastodon_infra.plan.network_types import CertificateTiming, TlsMode
from mastodon_infra.plan.tuning.nginx import NginxTuning
from mastodon_infra.render.app import PumaContext, puma_context
from mastodon_infra.render.installer import INSTALLED_PATH
from mastodon_infra.render.scene import ETC, LIBRARY, STATE, Scene

NOT_YET_STATUS = 75
"""What programs say when the same may work later: EX_TEMPFAIL of sysexits(3)."""


@dataclass(frozen=True, slots=True)
class MediaHost:
    """The host that serves media out of the bucket, through a cache on disk."""

    host: str
    is_proxied: bool
    bucket_host: str
    cache_mb: int
    cache_keys_mb: int


@dataclass(frozen=True, slots=True)
class Site:
    """Names under which the web site is shown. ``is_proxied``: Cloudflare stands in front of them, and nobody else."""

    names: tuple[str, ...]
    is_proxied: bool


@dataclass(frozen=True, slots=True)
class HandleDomain:
    """The handles' domain where it is not the site's and is served here."""

    name: str
    is_proxied: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of the public names, and how nginx comes to it.

    Attributes:
        is_ours: It came with the bundle, and nothing has to fetch one.
        asks: This node asks the authority.
        asking_node: Elsewhere, address and port at which the asking node answers the others; else empty.
        listens: Address and port at which this node answers them; empty where the certificate is not shared.
        folder: Where the chain and key lie that nginx shows. ``chain_path`` and ``key_path`` are in it.
        given_key_path: Where the bundle puts the key: nginx' own copy changes only together with the chain.
        webroot, published: Folders of the authority's challenges, and of the chain for the other nodes.
        get, show: Scripts that get a chain, and that put one in force.
        not_yet_status: What the first of them ends with while there is nothing to get.
    """

    is_ours: bool
    asks: bool
    asking_node: str
    listens: str
    folder: str
    chain_path: str
    key_path: str
    given_key_path: str
    request_path: str
    webroot: str
    published: str
    get: str
    show: str
    not_yet_status: int
    origin_certificate: str
    private_key: str
    request: str
    names: tuple[str, ...]
    contact: str
    timing: CertificateTiming


@dataclass(frozen=True, slots=True)
class NginxContext:
    """nginx on a web node.

    Attributes:
        sites: The web site's names: its own, alternate ones, and a streaming host; apart by who stands in front.
        streams: Address and port of each streaming process that this nginx asks.
        balancers: Networks of the NodeBalancers, whose connections start with the PROXY protocol; empty without them.
        cloudflare: Networks whose word about the client's address is believed; empty without Cloudflare.
        origin_pull_ca: What Cloudflare's client certificate must chain to; empty without Cloudflare.
        installed_path: A file that lies there once the machine has been installed.
        maintenance_flag: While a file lies there, visitors are told to come back.
        assets: Where files of this image and of earlier ones are kept, whose names change with their content.
        status_socket: Where the exporter reads nginx' own numbers.
        exporter_addresses: Where the exporter of nginx' numbers listens.
    """

    tuning: NginxTuning
    sites: tuple[Site, ...]
    web_domain: str
    handle_domain: HandleDomain | None
    app: str
    streams: tuple[str, ...]
    balancers: tuple[str, ...]
    cloudflare: tuple[str, ...]
    origin_pull_ca: str
    origin_pull_ca_path: str
    certificate: Certificate
    media: tuple[MediaHost, ...]
    installed_path: str
    maintenance_flag: str
    assets: str
    status_socket: str
    exporter_addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebContext:
    """A web node."""

    puma: PumaContext
    nginx: NginxContext
    has_puma_metrics: bool

    @property
    def serves_media(self) -> bool:
        """Whether media come through this nginx."""
        return bool(self.nginx.media)

    @property
    def shows_origin_certificate(self) -> bool:
        """Whether the certificate came with the bundle."""
        return self.nginx.certificate.is_ours

    @property
    def shows_public_certificate(self) -> bool:
        """Whether the certificate is a public authority's."""
        return not self.nginx.certificate.is_ours

    @property
    def asks_for_certificate(self) -> bool:
        """Whether this node asks the authority."""
        return self.nginx.certificate.asks

    @property
    def fetches_certificate(self) -> bool:
        """Whether the chain comes from the node that asks."""
        return bool(self.nginx.certificate.asking_node)

    @property
    def shares_certificate(self) -> bool:
        """Whether this node answers other web nodes."""
        return bool(self.nginx.certificate.listens)


def web_context(scene: Scene) -> WebContext:
    """Nginx and Puma."""
    puma = puma_context(scene)
    return WebContext(puma=puma, nginx=nginx_context(scene), has_puma_metrics=puma.has_metrics)


def nginx_context(scene: Scene) -> NginxContext:
    """The front of a web node."""
    plan, tuning, mastodon = scene.plan, scene.node.nginx, scene.plan.mastodon
    assert tuning is not None
    is_proxied = plan.spec.edge.proxied
    port = scene.first_port("nginx-exporter")
    return NginxContext(
        tuning=tuning,
        sites=_sites(scene),
        web_domain=mastodon.web_domain,
        handle_domain=_handle_domain(scene),
        app=f"{scene.address('puma')}:{scene.first_port('puma')}",
        streams=_streams(scene),
        balancers=scene.sources(HTTPS_PORT) if plan.balancer else (),
        cloudflare=(*CLOUDFLARE_IPV4.prefixes, *CLOUDFLARE_IPV6.prefixes) if is_proxied else (),
        origin_pull_ca=scene.wiring.origin_pull_ca,
        origin_pull_ca_path=f"{ETC}/tls/origin-pull-ca.crt",
        certificate=_certificate(scene),
        media=_media(scene, tuning),
        installed_path=INSTALLED_PATH,
        maintenance_flag=f"{STATE}/maintenance",
        assets=f"{STATE}/assets",
        status_socket="/run/mastodon-infra/nginx-status.sock",
        exporter_addresses=tuple(f"{address}:{port}" for address in scene.addresses("nginx-exporter")),
    )


def _proxied_names(scene: Scene) -> frozenset[str]:
    """Names whose record says that Cloudflare stands in front."""
    return frozenset(record.host for record in scene.plan.dns.records if record.is_proxied)


def _sites(scene: Scene) -> tuple[Site, ...]:
    """The web site's names in one server block, or in two where Cloudflare stands in front of some only."""
    special, proxied = {scene.plan.media.host}, _proxied_names(scene)
    if domain := _handle_domain(scene):
        special.add(domain.name)
    names = tuple(name for name in scene.plan.tls.names if name not in special)
    sites = (
        Site(tuple(name for name in names if name in proxied), is_proxied=True),
        Site(tuple(name for name in names if name not in proxied), is_proxied=False),
    )
    return tuple(site for site in sites if site.names)


def _handle_domain(scene: Scene) -> HandleDomain | None:
    mastodon = scene.plan.mastodon
    if mastodon.local_domain == mastodon.web_domain or mastodon.local_domain not in scene.plan.tls.names:
        return None
    return HandleDomain(mastodon.local_domain, mastodon.local_domain in _proxied_names(scene))


def _streams(scene: Scene) -> tuple[str, ...]:
    """Streaming on this machine where it runs here, else on all streaming nodes."""
    if scene.node.streaming is not None:
        address = scene.address("streaming")
        return tuple(f"{address}:{port}" for port in scene.node.streaming.ports)
    return tuple(
        f"{node.address}:{port}"
        for node in scene.plan.holders(Role.STREAMING)
        if node.streaming
        for port in node.streaming.ports
    )


def _media(scene: Scene, tuning: NginxTuning) -> tuple[MediaHost, ...]:
    media = scene.plan.media
    if media.front is not MediaFront.NGINX or tuning.media_cache_mb is None or tuning.media_cache_keys_mb is None:
        return ()
    host = MediaHost(
        host=media.host,
        is_proxied=media.host in _proxied_names(scene),
        bucket_host=f"{media.bucket}.{media.endpoint}",
        cache_mb=tuning.media_cache_mb.value,
        cache_keys_mb=tuning.media_cache_keys_mb.value,
    )
    return (host,)


def _certificate(scene: Scene) -> Certificate:
    plan, wiring, given = scene.plan, scene.wiring, f"{ETC}/tls"
    is_ours = plan.tls.mode.value is TlsMode.ORIGIN_CA
    asks = not is_ours and scene.node.name == plan.tls.acme_node
    folder = given if is_ours else f"{STATE}/tls"
    listens = any(one.process == "acme" for one in scene.listeners())
    asking_node = plan.node(plan.tls.acme_node).address
    return Certificate(
        is_ours=is_ours,
        asks=asks,
        asking_node="" if is_ours or asks else f"{asking_node}:{ACME_PORT}",
        listens=f"{scene.node.address}:{ACME_PORT}" if listens else "",
        folder=folder,
        chain_path=f"{folder}/site.crt",
        key_path=f"{folder}/site-private-key",
        given_key_path=f"{given}/site-private-key",
        request_path=f"{given}/site.csr",
        webroot=f"{STATE}/acme",
        published=f"{STATE}/published",
        get=f"{LIBRARY}/obtain-certificate" if asks else f"{LIBRARY}/fetch-certificate",
        show=f"{LIBRARY}/show-certificate",
        not_yet_status=NOT_YET_STATUS,
        origin_certificate=wiring.origin_certificate,
        private_key=wiring.origin_private_key if is_ours else wiring.site_private_key,
        request=wiring.site_certificate_request,
        names=plan.tls.names,
        contact=plan.tls.contact,
        timing=plan.tls.timing,
    )
