"""Fingerprints of the keys that an instance has for life: to see that two places hold the same, without showing any."""

from __future__ import annotations

import hashlib

from mastodon_infra.render.wiring import Wiring

LIFE_LONG = (
    "secret_key_base",
    "encryption_primary_key",
    "encryption_deterministic_key",
    "encryption_key_derivation_salt",
    "vapid_private_key",
    "backup_cipher_passphrase",
)
"""Wiring fields whose values exist nowhere else: what they protect is lost with them."""

SHOWN_DIGITS = 32


def fingerprints(wiring: Wiring) -> dict[str, str]:
    """Half of a SHA-256 for each life-long key, by the wiring's name for it.

    The name is hashed too, so that equal values under two names do not look equal.
    """
    return {name: fingerprint(name, getattr(wiring, name)) for name in LIFE_LONG}


def mastodon_keys(wiring: Wiring) -> dict[str, str]:
    """The fingerprints of those that Mastodon itself uses: what its database was written with."""
    return {name: shown for name, shown in fingerprints(wiring).items() if name != "backup_cipher_passphrase"}


def fingerprint(name: str, value: str) -> str:
    """The fingerprint of one key's value."""
    return hashlib.sha256(f"mastodon-infra {name} {value}".encode()).hexdigest()[:SHOWN_DIGITS]
