"""Secrets: generated or given, and the Web Push pair in the form that Mastodon reads."""

import base64

import pulumi
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from mastodon_infra.program.offline import record
from mastodon_infra.resources import vapid
from mastodon_infra.resources.secrets import GivenSecrets, Secrets

# RFC 8291, appendix A: the pair of the application server in the worked example
RFC_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RFC_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"


def pem_of(key):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    if isinstance(key, ed25519.Ed25519PrivateKey):
        form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def test_public_half_of_the_published_pair():
    assert vapid.public_from_private(RFC_PRIVATE) == RFC_PUBLIC


@pytest.mark.parametrize("scalar", [1, 255, 2**200, 2**255 + 3], ids=["one", "byte", "short", "long"])
def test_scalar_is_padded_to_32_bytes_and_written_without_padding_signs(scalar):
    private = vapid.private_from_pem(pem_of(ec.derive_private_key(scalar, ec.SECP256R1())))

    assert len(private) == 43
    assert base64.urlsafe_b64decode(private + "=") == scalar.to_bytes(32, "big")
    assert len(vapid.public_from_private(private)) == 87


@pytest.mark.parametrize(
    "key",
    [ec.derive_private_key(1, ec.SECP384R1()), ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))],
    ids=["another curve", "another kind"],
)
def test_key_of_another_kind_is_refused(key):
    with pytest.raises(TypeError, match="P-256"):
        vapid.private_from_pem(pem_of(key))


def test_given_secret_takes_the_place_of_a_generated_one():
    def program():
        given = GivenSecrets(
            secret_key_base=pulumi.Output.secret("brought along"), vapid_private_key=pulumi.Output.secret(RFC_PRIVATE)
        )
        secrets = Secrets("secrets", given=given, is_protected=True)
        pulumi.export("base", secrets.secret_key_base)
        pulumi.export("push", secrets.vapid_public_key)

    run = record(program)
    names = {one.name for one in run.resources}

    assert run.outputs == {"base": "brought along", "push": RFC_PUBLIC}
    assert not names & {"secret-key-base", "vapid"}
    assert {"encryption-primary-key", "backup-cipher-passphrase"} <= names
