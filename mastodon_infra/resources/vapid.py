"""The Web Push key pair in the form that Mastodon takes: url-safe base64 without padding."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SCALAR_BYTES = 32


def private_from_pem(pem: str) -> str:
    """The private scalar of a P-256 key in PEM: 43 characters for 32 bytes, padded with zeros at the front."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("a Web Push key lies on the curve P-256")
    return _encoded(key.private_numbers().private_value.to_bytes(SCALAR_BYTES, "big"))


def public_from_private(private: str) -> str:
    """The public point of a private scalar: 87 characters for 65 bytes, uncompressed."""
    scalar = int.from_bytes(base64.urlsafe_b64decode(private + "=" * (-len(private) % 4)), "big")
    point = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    return _encoded(point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
