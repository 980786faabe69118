"""The wiring from its parts: every secret and key that machines get, once all of them exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from mastodon_infra.render.wiring import HostKey, ServerCertificate, Wiring
from mastodon_infra.resources.keys import Authority, KeyPair, SiteKey
from mastodon_infra.resources.secrets import Secrets
from mastodon_infra.resources.stores import Identity


@dataclass(frozen=True, slots=True)
class Login:
    """Who one is at the mail relay."""

    username: pulumi.Input[str]
    password: pulumi.Input[str]


@dataclass(frozen=True, slots=True)
class Certificates:
    """How services prove who they are: inside by our own authority, outside by Cloudflare's or by a public one.

    ``origin`` and ``pull_authority`` behind Cloudflare, ``site`` elsewhere.
    """

    authority: Authority
    origin: KeyPair | None
    pull_authority: pulumi.Output[str] | None
    site: SiteKey | None


def wired(
    *,
    secrets: Secrets,
    certificates: Certificates,
    host_keys: Mapping[str, KeyPair],
    media: Identity,
    backup: Identity | None,
    payload: Identity | None,
    mail: Login | None,
) -> pulumi.Output[Wiring]:
    """Join the parts into one secret record; what an instance has no use for is the empty text."""
    origin, site = certificates.origin, certificates.site
    texts: dict[str, pulumi.Input[str]] = {
        "secret_key_base": secrets.secret_key_base,
        "encryption_primary_key": secrets.encryption_primary_key,
        "encryption_deterministic_key": secrets.encryption_deterministic_key,
        "encryption_key_derivation_salt": secrets.encryption_key_derivation_salt,
        "vapid_private_key": secrets.vapid_private_key,
        "vapid_public_key": secrets.vapid_public_key,
        "postgres_app_password": secrets.postgres_app_password,
        "postgres_admin_password": secrets.postgres_admin_password,
        "postgres_exporter_password": secrets.postgres_exporter_password,
        "redis_password": secrets.redis_password,
        "redis_exporter_password": secrets.redis_exporter_password,
        "backup_cipher_passphrase": secrets.backup_cipher_passphrase,
        "media_access_key_id": media.access_key_id,
        "media_secret_access_key": media.secret_access_key,
        "backup_access_key_id": backup.access_key_id if backup else "",
        "backup_secret_access_key": backup.secret_access_key if backup else "",
        "payload_access_key_id": payload.access_key_id if payload else "",
        "payload_secret_access_key": payload.secret_access_key if payload else "",
        "smtp_username": mail.username if mail else "",
        "smtp_password": mail.password if mail else "",
        "alert_webhook_url": "" if secrets.alert_webhook_url is None else secrets.alert_webhook_url,
        "alert_heartbeat_url": "" if secrets.alert_heartbeat_url is None else secrets.alert_heartbeat_url,
        "ca_certificate": certificates.authority.certificate,
        "origin_certificate": origin.public if origin else "",
        "origin_private_key": origin.private if origin else "",
        "origin_pull_ca": "" if certificates.pull_authority is None else certificates.pull_authority,
        "site_private_key": site.private if site else "",
        "site_certificate_request": site.request if site else "",
    }
    everything = pulumi.Output.all(
        texts=texts,
        host_keys={node: [pair.private, pair.public] for node, pair in host_keys.items()},
        services={service: [pair.public, pair.private] for service, pair in certificates.authority.services.items()},
    )
    return pulumi.Output.secret(everything.apply(_wiring))


def _wiring(values: dict[str, Any]) -> Wiring:
    return Wiring(
        **values["texts"],
        host_keys=tuple(HostKey(node, *pair) for node, pair in values["host_keys"].items()),
        server_certificates=tuple(ServerCertificate(service, *pair) for service, pair in values["services"].items()),
    )
