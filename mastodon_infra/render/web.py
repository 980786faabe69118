"""What the templates of ``web`` see: nginx in front of Puma, streaming and the media bucket."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.limits import CLOUDFLARE_IPV4, CLOUDFLARE_IPV6
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import MediaFront
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.tuning.nginx import NginxTuning
from mastodon_infra.render.app import PumaContext, puma_context
from mastodon_infra.render.scene import ETC, STATE, Scene


@dataclass(frozen=True, slots=True)
class MediaHost:
    """The host that serves media out of the bucket, through a cache on disk."""

    host: str
    bucket_host: str
    cache_mb: int
    cache_keys_mb: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where nginx finds its certificate. ``is_ours``: it came with the bundle, and nothing has to fetch one."""

    chain_path: str
    key_path: str
    is_ours: bool
    origin_certificate: str
    origin_private_key: str
    names: tuple[str, ...]
    contact: str


@dataclass(frozen=True, slots=True)
class NginxContext:
    """nginx on a web node.

    Attributes:
        names: Names of the web site: the site's own, alternate ones, and a streaming host.
        handle_domain: The handles' domain where it is not the site's and is served here; else empty.
        streams: Address and port of each streaming process that this nginx asks.
        behind_balancer: Connections come through a NodeBalancer and start with the PROXY protocol.
        cloudflare: Networks whose word about the client's address is believed; empty without Cloudflare.
        status_socket: Where the exporter reads nginx' own numbers.
        exporter_addresses: Where the exporter of nginx' numbers listens.
    """

    tuning: NginxTuning
    names: tuple[str, ...]
    web_domain: str
    handle_domain: str
    app: str
    streams: tuple[str, ...]
    behind_balancer: bool
    cloudflare: tuple[str, ...]
    certificate: Certificate
    media: tuple[MediaHost, ...]
    state: str
    status_socket: str
    exporter_addresses: tuple[str, ...]

    @property
    def peer(self) -> str:
        """The nginx variable that holds the address of whoever opened the connection to the front."""
        return "$proxy_protocol_addr" if self.behind_balancer else "$remote_addr"


@dataclass(frozen=True, slots=True)
class WebContext:
    """A web node."""

    puma: PumaContext
    nginx: NginxContext
    has_puma_metrics: bool
    asks_for_certificate: bool
    shows_origin_certificate: bool


def web_context(scene: Scene) -> WebContext:
    """Nginx and Puma."""
    puma, nginx = puma_context(scene), nginx_context(scene)
    return WebContext(
        puma=puma,
        nginx=nginx,
        has_puma_metrics=puma.has_metrics,
        asks_for_certificate=not nginx.certificate.is_ours and scene.node.name == scene.plan.tls.acme_node,
        shows_origin_certificate=nginx.certificate.is_ours,
    )


def nginx_context(scene: Scene) -> NginxContext:
    """The front of a web node."""
    plan, tuning, mastodon = scene.plan, scene.node.nginx, scene.plan.mastodon
    assert tuning is not None
    media_hosts = _media(scene, tuning)
    handle_domain = mastodon.local_domain if mastodon.local_domain != mastodon.web_domain else ""
    special = {one.host for one in media_hosts} | {handle_domain}
    port = scene.first_port("nginx-exporter")
    return NginxContext(
        tuning=tuning,
        names=tuple(name for name in plan.tls.names if name not in special),
        web_domain=mastodon.web_domain,
        handle_domain=handle_domain if handle_domain in plan.tls.names else "",
        app=f"{scene.address('puma')}:{scene.first_port('puma')}",
        streams=_streams(scene),
        behind_balancer=plan.balancer is not None,
        cloudflare=(*CLOUDFLARE_IPV4.prefixes, *CLOUDFLARE_IPV6.prefixes) if plan.spec.edge.proxied else (),
        certificate=_certificate(scene),
        media=media_hosts,
        state=STATE,
        status_socket="/run/mastodon-infra/nginx-status.sock",
        exporter_addresses=tuple(f"{address}:{port}" for address in scene.addresses("nginx-exporter")),
    )


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
        bucket_host=f"{media.bucket}.{media.endpoint}",
        cache_mb=tuning.media_cache_mb.value,
        cache_keys_mb=tuning.media_cache_keys_mb.value,
    )
    return (host,)


def _certificate(scene: Scene) -> Certificate:
    is_ours = scene.plan.tls.mode.value is TlsMode.ORIGIN_CA
    folder = f"{ETC}/tls" if is_ours else f"{STATE}/tls"
    return Certificate(
        chain_path=f"{folder}/site.crt",
        key_path=f"{folder}/site-private-key",
        is_ours=is_ours,
        origin_certificate=scene.wiring.origin_certificate,
        origin_private_key=scene.wiring.origin_private_key,
        names=scene.plan.tls.names,
        contact=scene.plan.tls.contact,
    )
