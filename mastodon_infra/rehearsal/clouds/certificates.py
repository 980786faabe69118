"""Keys and certificates, made for real. They exist nowhere but in the state, as with the real provider."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mastodon_infra.rehearsal.kinds import EVERYTHING, ApiError, Call, Check, Kind, between, known, one_of
from mastodon_infra.rehearsal.provider import Cloud
from mastodon_infra.rehearsal.world import Values

CURVES: dict[str, ec.EllipticCurve] = {
    "P224": ec.SECP224R1(),
    "P256": ec.SECP256R1(),
    "P384": ec.SECP384R1(),
    "P521": ec.SECP521R1(),
}
DEFAULT_RSA_BITS = 2048
KEY_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
}
EXTENDED_USAGES = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
}
_PEM, _OPENSSH = serialization.Encoding.PEM, serialization.Encoding.OpenSSH
_CLEAR = serialization.NoEncryption()

# --- Keys -----------------------------------------------------------------------------------------------------------


def _new_key(call: Call) -> Any:
    algorithm = call.get("algorithm")
    if algorithm == "ED25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ECDSA":
        return ec.generate_private_key(CURVES[call.get("ecdsaCurve") or "P224"])
    return rsa.generate_private_key(65537, call.get("rsaBits") or DEFAULT_RSA_BITS)


def _key(call: Call) -> Values:
    key = _new_key(call)
    public = key.public_key()
    is_edwards = isinstance(key, ed25519.Ed25519PrivateKey)
    # OpenSSH knows no P-224.
    has_openssh = not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP224R1)
    usual = serialization.PrivateFormat.PKCS8 if is_edwards else serialization.PrivateFormat.TraditionalOpenSSL
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "privateKeyPem": key.private_bytes(_PEM, usual, _CLEAR).decode(),
        "privateKeyPemPkcs8": key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _CLEAR).decode(),
        "privateKeyOpenssh": key.private_bytes(_PEM, serialization.PrivateFormat.OpenSSH, _CLEAR).decode()
        if has_openssh
        else "",
        "publicKeyPem": public.public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": public.public_bytes(_OPENSSH, serialization.PublicFormat.OpenSSH).decode() + "\n"
        if has_openssh
        else "",
        "id": hashlib.sha256(der).hexdigest()[:40],
    }


def _loaded(pem: str) -> Any:
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except ValueError as error:
        raise ApiError("the private key cannot be read as PEM") from error


# --- Requests and certificates --------------------------------------------------------------------------------------


def _name(subject: Values | None) -> x509.Name:
    parts = (("commonName", NameOID.COMMON_NAME), ("organization", NameOID.ORGANIZATION_NAME))
    return x509.Name([x509.NameAttribute(oid, subject[key]) for key, oid in parts if subject and subject.get(key)])


def _alternatives(inputs: Values) -> x509.SubjectAlternativeName | None:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in inputs.get("dnsNames") or ()]
    names += [x509.IPAddress(ipaddress.ip_address(one)) for one in inputs.get("ipAddresses") or ()]
    return x509.SubjectAlternativeName(names) if names else None


def _digest_for(key: Any) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _algorithm_of(key: Any) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "ED25519"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) else "RSA"


def _request(call: Call) -> Values:
    key = _loaded(call.inputs["privateKeyPem"])
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(call.get("subject")))
    if names := _alternatives(call.inputs):
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(key, _digest_for(key))
    return {"certRequestPem": made.public_bytes(_PEM).decode(), "keyAlgorithm": _algorithm_of(key)}


def _builder(inputs: Values) -> tuple[x509.CertificateBuilder, Values]:
    """What both sorts of certificates have, and when they begin and end."""
    begin = datetime.now(UTC).replace(microsecond=0)
    end = begin + timedelta(hours=inputs["validityPeriodHours"])
    allowed = inputs["allowedUses"]
    usages = {field: word in allowed for word, field in KEY_USAGES.items()}
    is_authority = bool(inputs.get("isCaCertificate"))
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usages, encipher_only=False, decipher_only=False), critical=True)
    )
    if extended := [EXTENDED_USAGES[word] for word in allowed if word in EXTENDED_USAGES]:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    return builder, {
        "validityStartTime": begin.isoformat(),
        "validityEndTime": end.isoformat(),
        "readyForRenewal": False,
    }


def _self_signed(call: Call) -> Values:
    key = _loaded(call.inputs["privateKeyPem"])
    name = _name(call.get("subject"))
    builder, outputs = _builder(call.inputs)
    builder = builder.subject_name(name).issuer_name(name).public_key(key.public_key())
    if names := _alternatives(call.inputs):
        builder = builder.add_extension(names, critical=False)
    if call.get("setSubjectKeyId"):
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    made = builder.sign(key, _digest_for(key))
    return {**outputs, "certPem": made.public_bytes(_PEM).decode(), "keyAlgorithm": _algorithm_of(key)}


def _locally_signed(call: Call) -> Values:
    key = _loaded(call.inputs["caPrivateKeyPem"])
    try:
        request = x509.load_pem_x509_csr(call.inputs["certRequestPem"].encode())
        authority = x509.load_pem_x509_certificate(call.inputs["caCertPem"].encode())
    except ValueError as error:
        raise ApiError("the request or the authority's certificate cannot be read as PEM") from error
    if authority.public_key() != key.public_key():
        raise ApiError("caCertPem is not the certificate of caPrivateKeyPem")
    builder, outputs = _builder(call.inputs)
    builder = builder.subject_name(request.subject).issuer_name(authority.subject).public_key(request.public_key())
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    if call.get("setSubjectKeyId"):
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
    made = builder.sign(key, _digest_for(key))
    return {
        **outputs,
        "certPem": made.public_bytes(_PEM).decode(),
        "caKeyAlgorithm": _algorithm_of(key),
        "keyAlgorithm": _algorithm_of(request.public_key()),
    }


def is_due(inputs: Values, outputs: Values) -> bool:
    """Whether a certificate is as near to its end as ``earlyRenewalHours`` says, or past it."""
    early = timedelta(hours=inputs.get("earlyRenewalHours") or 0)
    return datetime.now(UTC) >= datetime.fromisoformat(outputs["validityEndTime"]) - early


def _known_uses(inputs: Values) -> str | None:
    unknown = sorted(set(inputs.get("allowedUses") or ()) - KEY_USAGES.keys() - EXTENDED_USAGES.keys())
    return f"allowedUses: unknown {', '.join(unknown)}" if unknown else None


def _starts_with(name: str, words: str) -> Check:
    return known(lambda value: None if words in value.partition("\n")[0] else f"is no PEM that begins {words}", name)


_VALIDITY = (between("validityPeriodHours", 0, 1 << 31), between("earlyRenewalHours", 0, 1 << 31), _known_uses)
_IN_THE_CERTIFICATE = frozenset({"allowedUses", "setSubjectKeyId", "validityPeriodHours"})
"""What replaces; ``earlyRenewalHours`` does not, because it says only when the provider is to make another."""

TLS = Cloud(
    "tls",
    (
        Kind(
            token="tls:index/privateKey:PrivateKey",  # noqa: S106  # a type's name
            required=("algorithm",),
            checks=(one_of("algorithm", "RSA", "ECDSA", "ED25519"), one_of("ecdsaCurve", *CURVES)),
            replace_on=EVERYTHING,
            computed=_key,
            secret_outputs=frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"}),
            identity=lambda call: f"key-{call.get('algorithm')}",
            is_local=True,
        ),
        Kind(
            token="tls:index/certRequest:CertRequest",  # noqa: S106  # a type's name
            required=("privateKeyPem",),
            checks=(_starts_with("privateKeyPem", "PRIVATE KEY"),),
            replace_on=EVERYTHING,
            computed=_request,
            identity=lambda _: "request",
            is_local=True,
        ),
        Kind(
            token="tls:index/selfSignedCert:SelfSignedCert",  # noqa: S106  # a type's name
            required=("privateKeyPem", "allowedUses", "validityPeriodHours"),
            checks=(_starts_with("privateKeyPem", "PRIVATE KEY"), *_VALIDITY),
            replace_on=_IN_THE_CERTIFICATE
            | {"dnsNames", "ipAddresses", "isCaCertificate", "privateKeyPem", "setAuthorityKeyId", "subject", "uris"},
            computed=_self_signed,
            identity=lambda _: "certificate",
            is_local=True,
            renews=is_due,
        ),
        Kind(
            token="tls:index/locallySignedCert:LocallySignedCert",  # noqa: S106  # a type's name
            required=("caCertPem", "caPrivateKeyPem", "certRequestPem", "allowedUses", "validityPeriodHours"),
            checks=(
                _starts_with("caPrivateKeyPem", "PRIVATE KEY"),
                _starts_with("caCertPem", "CERTIFICATE"),
                _starts_with("certRequestPem", "CERTIFICATE REQUEST"),
                *_VALIDITY,
            ),
            replace_on=_IN_THE_CERTIFICATE | {"caCertPem", "caPrivateKeyPem", "certRequestPem", "isCaCertificate"},
            computed=_locally_signed,
            identity=lambda _: "certificate",
            is_local=True,
            renews=is_due,
        ),
    ),
)
