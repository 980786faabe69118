"""What Cloudflare keeps to itself: its authority for origins, and the keys of certificates that its proxies show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mastodon_infra.rehearsal.world import World

_PEM = serialization.Encoding.PEM
DAYS = 7300
"""Longer than any certificate that it signs."""


@dataclass(frozen=True, slots=True)
class OriginAuthority:
    """Signs certificates that only Cloudflare's proxies accept."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(_PEM).decode()


def origin_authority(world: World) -> OriginAuthority:
    """The one of this world; made when it is first asked for."""
    path = world.folder / "cloudflare" / "origin-authority.pem"
    if not path.exists():
        _write(path, _new_authority())
    pem = path.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return OriginAuthority(key, x509.load_pem_x509_certificate(pem))


def pull_key(world: World, identity: str) -> Path:
    """Where the private key lies of a certificate that the proxies show to origins."""
    return world.folder / "cloudflare" / "pull-keys" / f"{identity}.pem"


def keep_pull_key(world: World, identity: str, key: str) -> None:
    """Keep it."""
    _write(pull_key(world, identity), key)


def _new_authority() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "origin authority of the local cloud")])
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode() + certificate.public_bytes(_PEM).decode()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
