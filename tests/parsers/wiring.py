"""Secrets and keys that look and work like the real ones: what parsers cannot do with placeholders."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mastodon_infra.plan.naming import service_host
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.wiring import HostKey, ServerCertificate, Wiring

SCALAR_BYTES = 32
PEM = serialization.Encoding.PEM


def true_to_life(plan: InstancePlan) -> Wiring:
    """A wiring of the alphabets, lengths and formats that a deployment makes; the same texts each time."""
    empty = Wiring.placeholder(plan)
    authority = Authority(plan.slug)
    services = [one.service for one in empty.server_certificates]
    return replace(
        empty,
        **_texts(plan),
        ca_certificate=authority.certificate,
        host_keys=tuple(_host_key(node.name) for node in plan.nodes),
        server_certificates=tuple(
            ServerCertificate(service, *authority.issue(service_host(service))) for service in services
        ),
    )


def _texts(plan: InstancePlan) -> dict[str, str]:
    texts = {field.name: _letters(field.name) for field in fields(Wiring) if field.type == "str"}
    del texts["ca_certificate"]
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    scalar = private.private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")
    texts |= {
        "secret_key_base": hashlib.sha512(b"base").hexdigest(),
        "vapid_private_key": base64.urlsafe_b64encode(scalar).decode().rstrip("="),
        "vapid_public_key": base64.urlsafe_b64encode(point).decode().rstrip("="),
        "backup_cipher_passphrase": base64.b64encode(hashlib.sha384(b"cipher").digest()).decode(),
        # Vendors' secret keys have these characters too.
        "media_secret_access_key": "Zk3/8q+" + _letters("media")[:33],
        "backup_secret_access_key": "Zk3/8q+" + _letters("backup")[:33],
        "alert_webhook_url": f"https://{plan.monitoring.webhook_host}/T0/B1" if plan.monitoring.webhook_host else "",
        "alert_heartbeat_url": f"https://{plan.monitoring.heartbeat_host}/b1" if plan.monitoring.heartbeat_host else "",
        "origin_certificate": "",
        "origin_private_key": "",
        "origin_pull_ca": "",
        "site_private_key": "",
        "site_certificate_request": "",
    }
    if plan.tls.mode.value is TlsMode.ORIGIN_CA:
        certificate, key = Authority("origin").issue(*plan.tls.names)
        texts |= {"origin_certificate": certificate, "origin_private_key": key}
        texts |= {"origin_pull_ca": PULLS.certificate}
    else:
        key, request = certificate_request(*plan.tls.names)
        texts |= {"site_private_key": key, "site_certificate_request": request}
    if plan.mail.provider == "none":
        texts |= {"smtp_username": "", "smtp_password": ""}
    return texts


def _letters(name: str) -> str:
    """40 letters and digits that depend on the name alone."""
    return base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")[:40]


class Authority:
    """A certificate authority of its own, made when it is asked for."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} internal authority")])
        signed = _certificate(self._subject, self._subject, self._key.public_key())
        signed = signed.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = signed.sign(self._key, hashes.SHA256()).public_bytes(PEM).decode()

    @property
    def pem(self) -> str:
        """The authority's own certificate and key, for a program that signs."""
        return self.certificate + _private(self._key)

    def issue(self, *hosts: str, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH) -> tuple[str, str]:
        """A certificate for these names, a server's unless said otherwise, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        signed = _certificate(subject, self._subject, key.public_key()).add_extension(names, critical=False)
        signed = signed.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return signed.sign(self._key, hashes.SHA256()).public_bytes(PEM).decode(), _private(key)


def certificate_request(*hosts: str) -> tuple[str, str]:
    """A key, and the request for a certificate with these names that belongs to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return _private(key), request.sign(key, hashes.SHA256()).public_bytes(PEM).decode()


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
    )


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    # "EC PRIVATE KEY", as the engine's provider writes it.
    return key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()).decode()


def _host_key(node: str) -> HostKey:
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey(node, private, public.decode())


PULLS = Authority("origin pulls")
"""Signs what Cloudflare shows to nginx."""
