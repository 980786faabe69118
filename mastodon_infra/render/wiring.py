"""Wiring: the few values that are known only at deploy time. They enter a bundle here and nowhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, fields

from mastodon_infra.plan.types import InstancePlan

POSTGRES_CERTIFICATE = "postgres"
"""The service name of the certificate that PostgreSQL shows; its host is ``postgres.mastodon.internal``."""

USUAL_LENGTHS = {
    "secret_key_base": 128,
    "encryption_primary_key": 32,
    "encryption_deterministic_key": 32,
    "encryption_key_derivation_salt": 32,
    "vapid_private_key": 43,
    "vapid_public_key": 87,
    "postgres_app_password": 40,
    "postgres_admin_password": 40,
    "postgres_exporter_password": 40,
    "redis_password": 40,
    "redis_exporter_password": 40,
    "backup_cipher_passphrase": 64,
    "media_access_key_id": 20,
    "media_secret_access_key": 40,
    "backup_access_key_id": 20,
    "backup_secret_access_key": 40,
    "smtp_username": 20,
    "smtp_password": 44,
    "alert_webhook_url": 100,
    "alert_heartbeat_url": 80,
    "payload_access_key_id": 20,
    "payload_secret_access_key": 40,
}
"""Characters that secrets usually have."""


@dataclass(frozen=True, slots=True, repr=False)
class HostKey:
    """The SSH host key of one node, Ed25519: an OpenSSH private key, and the public key's line."""

    node: str
    private_key: str
    public_key: str

    def __repr__(self) -> str:
        return f"HostKey(node={self.node!r})"


@dataclass(frozen=True, slots=True, repr=False)
class ServerCertificate:
    """The certificate of an internal service, signed by the instance's own authority. PEM."""

    service: str
    certificate: str
    private_key: str

    def __repr__(self) -> str:
        return f"ServerCertificate(service={self.service!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Wiring:
    """Secrets and keys of one instance. Its ``repr`` names no value.

    A value that an instance has no use for is the empty string: ``smtp_password`` without mail, ``origin_*`` without
    Cloudflare, ``site_*`` with it, ``alert_*`` without a webhook or heartbeat. Certificates, requests and keys are PEM.
    ``origin_pull_ca`` signed, or is, the certificate that Cloudflare shows; ``site_private_key`` belongs to the public
    certificate that is asked for with ``site_certificate_request``.
    ``payload_*`` may read the private bucket and nothing else; without them only the database node, which has the
    backup's key anyway, can fetch a payload.
    """

    secret_key_base: str
    encryption_primary_key: str
    encryption_deterministic_key: str
    encryption_key_derivation_salt: str
    vapid_private_key: str
    vapid_public_key: str
    postgres_app_password: str
    postgres_admin_password: str
    postgres_exporter_password: str
    redis_password: str
    backup_cipher_passphrase: str
    media_access_key_id: str
    media_secret_access_key: str
    backup_access_key_id: str
    backup_secret_access_key: str
    smtp_username: str
    smtp_password: str
    alert_webhook_url: str
    ca_certificate: str
    origin_certificate: str
    origin_private_key: str
    host_keys: tuple[HostKey, ...]
    server_certificates: tuple[ServerCertificate, ...]
    payload_access_key_id: str = ""
    payload_secret_access_key: str = ""
    alert_heartbeat_url: str = ""
    origin_pull_ca: str = ""
    site_private_key: str = ""
    site_certificate_request: str = ""
    redis_exporter_password: str = ""

    def __repr__(self) -> str:
        nodes = ", ".join(key.node for key in self.host_keys)
        return f"Wiring(<values not shown>, nodes: {nodes})"

    @classmethod
    def placeholder(cls, plan: InstancePlan) -> Wiring:
        """Values such as ``<<redis_password>>``, with which everything can be rendered and shown offline."""
        named = {
            field.name: f"<<{field.name}>>"
            for field in fields(cls)
            if field.name not in {"host_keys", "server_certificates"}
        }
        return cls(
            **named,
            host_keys=tuple(
                HostKey(node.name, f"<<{node.name} host private key>>", f"<<{node.name} host public key>>")
                for node in plan.nodes
            ),
            server_certificates=(
                ServerCertificate(
                    POSTGRES_CERTIFICATE,
                    f"<<{POSTGRES_CERTIFICATE} certificate>>",
                    f"<<{POSTGRES_CERTIFICATE} private key>>",
                ),
            ),
        )

    @classmethod
    def stand_in(cls, plan: InstancePlan) -> Wiring:
        """Made-up values of usual length, which compress as badly as real ones: for measuring what fits."""
        texts = {name: _noise(name, length) for name, length in USUAL_LENGTHS.items()}
        return cls(
            **texts,
            host_keys=tuple(
                HostKey(node.name, _noise_pem(f"{node.name} private", 399), _noise(f"{node.name} public", 80))
                for node in plan.nodes
            ),
            server_certificates=(
                ServerCertificate(
                    POSTGRES_CERTIFICATE, _noise_pem("server certificate", 900), _noise_pem("server key", 227)
                ),
            ),
            ca_certificate=_noise_pem("authority", 800),
            origin_certificate=_noise_pem("origin certificate", 1300) if plan.spec.edge.proxied else "",
            origin_private_key=_noise_pem("origin key", 227) if plan.spec.edge.proxied else "",
            origin_pull_ca=_noise_pem("origin pulls", 800) if plan.spec.edge.proxied else "",
            site_private_key="" if plan.spec.edge.proxied else _noise_pem("site key", 227),
            site_certificate_request=(
                "" if plan.spec.edge.proxied else _noise_pem("site request", 300 + 60 * len(plan.tls.names))
            ),
        )

    def host_key(self, node: str) -> HostKey:
        """The host key of a node; KeyError when there is none."""
        return {key.node: key for key in self.host_keys}[node]

    def server_certificate(self, service: str) -> ServerCertificate:
        """The certificate of an internal service; KeyError when there is none."""
        return {one.service: one for one in self.server_certificates}[service]


def _noise(name: str, length: int) -> str:
    """Characters that look like chance and are always the same."""
    blocks = (hashlib.sha512(f"{name} {number}".encode()).digest() for number in range(length // 64 + 1))
    return base64.b64encode(b"".join(blocks)).decode().replace("+", "-").replace("/", "_")[:length]


def _noise_pem(name: str, length: int) -> str:
    """As above, in lines of 64 characters."""
    text = _noise(name, length)
    return "\n".join(text[start : start + 64] for start in range(0, length, 64))
