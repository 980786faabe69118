"""Keys by which machines prove who they are: SSH host keys, certificates of our own authorities, the site's key."""

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
LONGEST_COMMON_NAME = 64


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
        key = ecdsa_key("authority", pulumi.ResourceOptions(parent=self, protect=is_protected))
        authority = _authority("authority", key, f"{slug} internal authority", self._own)
        self.certificate = authority.cert_pem
        self.services = {service: self._signed(service, key, authority) for service in services}
        self.register_outputs({"certificate": self.certificate})

    def _signed(self, service: str, authority_key: tls.PrivateKey, authority: tls.SelfSignedCert) -> KeyPair:
        logical, host = f"{service}-tls", naming.service_host(service)
        key = ecdsa_key(logical, self._own)
        request = certificate_request(logical, key, [host], self._own)
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


class PullAuthority(pulumi.ComponentResource):
    """The certificate by which Cloudflare proves to our machines that it is this zone of Cloudflare's that asks.

    Pulumi type: ``mastodon:keys:PullAuthority``

    An authority of its own signs it, so that the certificate can be renewed at Cloudflare while machines go on
    trusting the authority.

    Creates: origin-pull-authority - tls.PrivateKey (P-256) and tls.SelfSignedCert; origin-pull - tls.PrivateKey,
        tls.CertRequest, tls.LocallySignedCert - one each.
    Needs: nothing but the instance's slug.
    Gives: ``certificate``, the authority that nginx trusts; ``pair``, what Cloudflare shows.
    Replaced when: the certificate comes within a year of its end (ten years after it was made); keys never.
    """

    certificate: pulumi.Output[str]
    pair: KeyPair

    def __init__(self, name: str, *, slug: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mastodon:keys:PullAuthority", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        authority_key = ecdsa_key("origin-pull-authority", own)
        authority = _authority("origin-pull-authority", authority_key, f"{slug} origin pull authority", own)
        key = ecdsa_key("origin-pull", own)
        request = certificate_request("origin-pull", key, [f"{slug}.origin-pull"], own)
        signed = tls.LocallySignedCert(
            "origin-pull",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=authority_key.private_key_pem,
            ca_cert_pem=authority.cert_pem,
            allowed_uses=["digital_signature", "client_auth"],
            set_subject_key_id=True,
            validity_period_hours=CERTIFICATE_YEARS * HOURS_PER_YEAR,
            early_renewal_hours=HOURS_PER_YEAR,
            opts=own,
        )
        self.certificate = authority.cert_pem
        self.pair = KeyPair(key.private_key_pem, signed.cert_pem)
        self.register_outputs({"certificate": self.certificate})


class SiteKey(pulumi.ComponentResource):
    """The public names' private key, and the request with which a certificate for it is asked for.

    Pulumi type: ``mastodon:keys:SiteKey``

    Made here and not on a machine, so that all web nodes have the one key, and a replaced one has it again.

    Creates: site - tls.PrivateKey (P-256) and tls.CertRequest - one each.
    Needs: the names that nginx answers for.
    Gives: ``private``, and ``request``, in PEM.
    Replaced when: the names change: the request alone, not the key.
    """

    private: pulumi.Output[str]
    request: pulumi.Output[str]

    def __init__(self, name: str, *, hosts: tuple[str, ...], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mastodon:keys:SiteKey", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        key = ecdsa_key("site", own)
        self.private = key.private_key_pem
        self.request = certificate_request("site", key, list(hosts), own).cert_request_pem
        self.register_outputs({})


def _authority(name: str, key: tls.PrivateKey, title: str, opts: pulumi.ResourceOptions) -> tls.SelfSignedCert:
    return tls.SelfSignedCert(
        name,
        private_key_pem=key.private_key_pem,
        subject=tls.SelfSignedCertSubjectArgs(common_name=title),
        is_ca_certificate=True,
        set_subject_key_id=True,
        allowed_uses=["cert_signing", "crl_signing"],
        validity_period_hours=AUTHORITY_YEARS * HOURS_PER_YEAR,
        opts=opts,
    )


def certificate_request(
    name: str, key: tls.PrivateKey, hosts: list[str], opts: pulumi.ResourceOptions
) -> tls.CertRequest:
    """A request for these names. A subject holds 64 characters at most, and only the list of names counts."""
    return tls.CertRequest(
        name,
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(common_name=hosts[0]) if len(hosts[0]) <= LONGEST_COMMON_NAME else None,
        dns_names=hosts,
        opts=opts,
    )


def ecdsa_key(name: str, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A private key of the kind that all our certificates have."""
    return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=ECDSA_CURVE, opts=opts)
