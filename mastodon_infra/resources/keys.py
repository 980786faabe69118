"""Keys by which machines prove who they are: SSH host keys, and certificates of the instance's own authority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from mastodon_infra.plan import naming

HOURS_PER_YEAR = 8766
AUTHORITY_YEARS = 20
CERTIFICATE_YEARS = 10
ECDSA_CURVE = "P256"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """What belongs to one private key: the key itself, and what others get to see of it."""

    private: pulumi.Output[str]
    public: pulumi.Output[str]


class HostKeys(pulumi.ComponentResource):
    """SSH host keys, known before their machines exist, so that no first log-in has to trust a stranger.

    Pulumi type: ``mastodon:keys:HostKeys``

    Creates: host-key-<node> - tls.PrivateKey, Ed25519 - one per node.
    Needs: the nodes' names.
    Gives: ``pairs`` by node, in OpenSSH's format.
    Replaced when: never; a key goes with its node, and so is not protected.
    """

    pairs: Mapping[str, KeyPair]

    def __init__(self, name: str, *, nodes: Iterable[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mastodon:keys:HostKeys", name, None, opts)
        self.pairs = {node: self._pair(node) for node in nodes}
        self.register_outputs({})

    def _pair(self, node: str) -> KeyPair:
        key = tls.PrivateKey(f"host-key-{node}", algorithm="ED25519", opts=pulumi.ResourceOptions(parent=self))
        return KeyPair(key.private_key_openssh, key.public_key_openssh.apply(str.strip))


class Authority(pulumi.ComponentResource):
    """The instance's own certificate authority, and the certificates of its internal services.

    Pulumi type: ``mastodon:keys:Authority``

    Creates: authority - tls.PrivateKey (P-256, protected) and tls.SelfSignedCert; <service>-tls - tls.PrivateKey,
        tls.CertRequest, tls.LocallySignedCert - one each per service.
    Needs: the services' names.
    Gives: ``certificate``, and ``services`` by name: private key and certificate, in PEM.
    Replaced when: a certificate comes within a year of its end (ten years after it was made); keys never.
    """

    certificate: pulumi.Output[str]
    services: Mapping[str, KeyPair]

    def __init__(
        self,
        name: str,
        *,
        slug: str,
        services: Iterable[str],
        is_protected: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:keys:Authority", name, None, opts)
        self._own = pulumi.ResourceOptions(parent=self)
        key = _ecdsa("authority", pulumi.ResourceOptions(parent=self, protect=is_protected))
        authority = tls.SelfSignedCert(
            "authority",
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name=f"{slug} internal authority"),
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=["cert_signing", "crl_signing"],
            validity_period_hours=AUTHORITY_YEARS * HOURS_PER_YEAR,
            opts=self._own,
        )
        self.certificate = authority.cert_pem
        self.services = {service: self._signed(service, key, authority) for service in services}
        self.register_outputs({"certificate": self.certificate})

    def _signed(self, service: str, authority_key: tls.PrivateKey, authority: tls.SelfSignedCert) -> KeyPair:
        logical, host = f"{service}-tls", naming.service_host(service)
        key = _ecdsa(logical, self._own)
        request = tls.CertRequest(
            logical,
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=host),
            dns_names=[host],
            opts=self._own,
        )
        certificate = tls.LocallySignedCert(
            logical,
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=authority_key.private_key_pem,
            ca_cert_pem=authority.cert_pem,
            allowed_uses=["digital_signature", "server_auth"],
            set_subject_key_id=True,
            validity_period_hours=CERTIFICATE_YEARS * HOURS_PER_YEAR,
            early_renewal_hours=HOURS_PER_YEAR,
            opts=self._own,
        )
        return KeyPair(key.private_key_pem, certificate.cert_pem)


def _ecdsa(name: str, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=ECDSA_CURVE, opts=opts)
