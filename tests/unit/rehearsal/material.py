"""Keys, requests and certificates for inputs that need real ones, made once for all tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mastodon_infra.rehearsal.clouds.certificates import TLS
from mastodon_infra.rehearsal.kinds import Account, Call
from mastodon_infra.rehearsal.world import World


def _made(token: str, **inputs: Any) -> dict[str, Any]:
    return TLS.kind(token).computed(Call(token, inputs, World(Path()), Account("tls")))


def new_key() -> str:
    """A private key that belongs to nothing else."""
    return str(_made("tls:index/privateKey:PrivateKey", algorithm="ECDSA", ecdsaCurve="P256")["privateKeyPem"])


KEY = new_key()
CERTIFICATE: str = _made(
    "tls:index/selfSignedCert:SelfSignedCert",
    privateKeyPem=KEY,
    subject={"commonName": "authority"},
    isCaCertificate=True,
    allowedUses=["cert_signing"],
    validityPeriodHours=24,
)["certPem"]
REQUEST: str = _made(
    "tls:index/certRequest:CertRequest",
    privateKeyPem=KEY,
    subject={"commonName": "first.example"},
    dnsNames=["first.example"],
)["certRequestPem"]
