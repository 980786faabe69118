"""An authority that the machines of a rehearsal trust, for the public names that stand-ins answer to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAYS = 90
"""As long as a public authority gives."""
_PEM = serialization.Encoding.PEM
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Signs server certificates. Its key is never written."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name("rehearsal")
        own = (
            _unsigned(self._subject, self._subject, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        self.certificate = own.sign(self._key, hashes.SHA256()).public_bytes(_PEM).decode()

    def sign(self, request: str) -> str:
        """The certificate that a request asks for, with this authority's own behind it, as PEM."""
        asked = x509.load_pem_x509_csr(request.encode())
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        unsigned = _unsigned(asked.subject, self._subject, asked.public_key()).add_extension(names, critical=False)  # type: ignore[arg-type]
        return self._signed(unsigned).decode() + self.certificate

    def issue(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """Write a certificate for the names, and its key, into the folder; gives their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        asked = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        unsigned = _unsigned(_name("server"), self._subject, key.public_key()).add_extension(asked, critical=False)
        certificate, private = folder / f"{names[0]}.crt", folder / f"{names[0]}.key"
        certificate.write_bytes(self._signed(unsigned))
        private.touch(mode=0o600)
        clear = serialization.NoEncryption()
        private.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, clear))
        return certificate, private

    def _signed(self, unsigned: x509.CertificateBuilder) -> bytes:
        """As PEM. It says whose key signed it, which newer clients demand."""
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        whole = unsigned.add_extension(signer, critical=False)
        return whole.sign(self._key, hashes.SHA256()).public_bytes(_PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
    )
