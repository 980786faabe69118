"""Keys, certificates and random values are real: other programs read them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mastodon_infra.rehearsal.clouds.amazon import _smtp_password
from mastodon_infra.rehearsal.kinds import ApiError
from mastodon_infra.rehearsal.wire import plain
from tests.unit.rehearsal.clouds import refusal, stand_in, token_of


@pytest.fixture
def make(world):
    """Make something and give its properties in plain."""

    def made(kind, **inputs):
        provider = stand_in(kind, world)
        assert provider.check(token_of(kind), inputs) == []
        return plain(provider.create(token_of(kind), inputs, is_preview=False)[1])

    return made


@pytest.fixture
def authority(make):
    """A key and its own certificate."""
    key = make("PrivateKey", algorithm="ECDSA", ecdsaCurve="P256")["privateKeyPem"]
    certificate = make(
        "SelfSignedCert",
        privateKeyPem=key,
        subject={"commonName": "authority"},
        isCaCertificate=True,
        setSubjectKeyId=True,
        allowedUses=["cert_signing", "crl_signing"],
        validityPeriodHours=24,
    )
    return key, certificate["certPem"]


@pytest.fixture
def request_pem(make):
    """A request for two names."""
    key = make("PrivateKey", algorithm="ECDSA", ecdsaCurve="P256")["privateKeyPem"]
    subject = {"commonName": "first.example"}
    names = ["first.example", "www.first.example"]
    return make("CertRequest", privateKeyPem=key, subject=subject, dnsNames=names)["certRequestPem"]


@pytest.mark.parametrize("parts", [{"algorithm": "ED25519"}, {"algorithm": "ECDSA", "ecdsaCurve": "P256"}])
def test_key_pair_belongs_together(parts, make):
    made = make("PrivateKey", **parts)

    key = serialization.load_pem_private_key(made["privateKeyPem"].encode(), None)
    shell = serialization.load_ssh_private_key(made["privateKeyOpenssh"].encode(), None)

    assert serialization.load_ssh_public_key(made["publicKeyOpenssh"].encode()) == key.public_key()
    assert shell.public_key() == key.public_key()
    assert made["publicKeyOpenssh"].endswith("\n")


def test_certificate_is_signed_by_its_authority(make, authority, request_pem):
    key, certificate = authority
    signed = make(
        "LocallySignedCert",
        certRequestPem=request_pem,
        caPrivateKeyPem=key,
        caCertPem=certificate,
        allowedUses=["digital_signature", "server_auth"],
        validityPeriodHours=12,
    )["certPem"]

    leaf, issuer = (x509.load_pem_x509_certificate(pem.encode()) for pem in (signed, certificate))

    leaf.verify_directly_issued_by(issuer)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    ) == ["first.example", "www.first.example"]
    assert issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_authority_of_another_key_is_refused(make, authority, request_pem, world):
    other = make("PrivateKey", algorithm="ECDSA", ecdsaCurve="P256")["privateKeyPem"]
    inputs = {
        "certRequestPem": request_pem,
        "caPrivateKeyPem": other,
        "caCertPem": authority[1],
        "allowedUses": ["server_auth"],
        "validityPeriodHours": 12,
    }

    assert "not the certificate of" in refusal("LocallySignedCert", world, inputs)


@pytest.mark.parametrize(("hours_left", "is_replaced"), [(2, False), (0.5, True)])
def test_certificate_near_its_end_is_replaced(hours_left, is_replaced, world):
    end = datetime.now(UTC) + timedelta(hours=hours_left)
    inputs, outputs = {"earlyRenewalHours": 1}, {"validityEndTime": end.isoformat()}

    changes = stand_in("LocallySignedCert", world).diff(token_of("LocallySignedCert"), inputs, outputs, inputs)

    assert any(change.replaces for change in changes.values()) == is_replaced


@pytest.mark.parametrize("kind", ["SelfSignedCert", "LocallySignedCert"])
def test_other_time_of_renewal_makes_no_other_certificate(kind, world):
    end = datetime.now(UTC) + timedelta(hours=9)
    olds = {"earlyRenewalHours": 1, "validityPeriodHours": 24, "validityEndTime": end.isoformat(), "certPem": "one"}
    inputs = {name: olds[name] for name in ("earlyRenewalHours", "validityPeriodHours")}
    provider, token = stand_in(kind, world), token_of(kind)

    def change(**news):
        return {key: one.replaces for key, one in provider.diff(token, inputs, olds, {**inputs, **news}).items()}

    updated, _ = provider.update(
        token, "certificate", olds=olds, old_inputs=inputs, news={**inputs, "earlyRenewalHours": 2}, is_preview=False
    )

    assert change(earlyRenewalHours=2) == {"earlyRenewalHours": False}
    assert change(validityPeriodHours=48) == {"validityPeriodHours": True}
    assert updated == {**olds, "earlyRenewalHours": 2}


def test_origin_certificate_is_for_the_names_and_the_key_that_asked(request_pem, make):
    made = make("OriginCaCertificate", csr=request_pem, hostnames=["first.example"], requestType="origin-ecc")

    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())

    assert certificate.public_key() == x509.load_pem_x509_csr(request_pem.encode()).public_key()


def test_bytes_and_passwords_have_their_length_and_differ(make):
    first, second = make("RandomBytes", length=48), make("RandomBytes", length=48)
    password = make("RandomPassword", length=40, special=False, minNumeric=40)["result"]

    assert first["hex"] != second["hex"]
    assert base64.b64decode(first["base64"]).hex() == first["hex"]
    assert len(bytes.fromhex(first["hex"])) == 48
    assert len(password) == 40
    assert password.isdigit()


def test_smtp_password_is_what_ses_derives():
    """A version byte before an HMAC-SHA256: 44 characters in base64."""
    password = _smtp_password("secret", "ap-southeast-2")

    assert base64.b64decode(password)[0] == 4
    assert len(base64.b64decode(password)) == 33
    assert password != _smtp_password("secret", "us-east-1")


def test_private_key_that_is_none_is_refused(world):
    with pytest.raises(ApiError, match="cannot be read"):
        stand_in("CertRequest", world).create(
            token_of("CertRequest"), {"privateKeyPem": "-----BEGIN PRIVATE KEY-----"}, is_preview=False
        )
