"""The escrow: one encrypted file with the keys that exist nowhere else but in the state.

A JSON text. What is outside ``sealed`` can be read by everybody and changed by nobody: it is bound to the ciphertext.
Its key comes from a passphrase by scrypt; ``sealed`` is AES-256-GCM over the keys as JSON. So it can be opened without
this program as well: docs/how-to/keep-the-keys.md shows how.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from mastodon_infra.errors import MastodonInfraError, SpecError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.render.fingerprints import LIFE_LONG, fingerprint
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.escrow import EscrowRecord

ESCROW = Group("escrow")
FORMAT = "mastodon-infra escrow 1"
SCRYPT = {"n": 2**17, "r": 8, "p": 1}
"""128 MiB and half a second for every guess."""

SHORTEST_PASSPHRASE = 12
KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12
LARGEST_BYTES = 64 * 1024
README = "Encrypted keys of a Mastodon instance. Keep copies of it, and its passphrase elsewhere."


OTHER_COPY = "take the other copy; while the stack's state is there: mastodon-infra escrow STACK --out FILE"


class EscrowError(MastodonInfraError):
    """An escrow cannot be opened, or is not this instance's."""


@dataclass(frozen=True, slots=True)
class Escrow:
    """The content of an escrow; ``keys`` are the life-long ones by the wiring's names."""

    domain: str
    stack: str
    date: str
    keys: Mapping[str, str] = field(repr=False)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of each key, as the stack's outputs have them."""
        return {name: fingerprint(name, value) for name, value in self.keys.items()}

    @property
    def record(self) -> EscrowRecord:
        """What the stack's file is told of it."""
        return EscrowRecord(self.date, self.fingerprints)


def escrow_of(wiring: Wiring, *, domain: str, stack: str, date: str) -> Escrow:
    """The life-long keys out of everything secret. What can be had again (passwords, certificates) is left out."""
    return Escrow(domain, stack, date, {name: str(getattr(wiring, name)) for name in LIFE_LONG})


def escrow_verdict(
    in_use: Mapping[str, str] | None,
    recorded: EscrowRecord | None,
    *,
    is_disposable: bool = False,
    stack: str = "STACK",
) -> Check:
    """Whether a deployment may go on: the keys in use are those that the last escrow held.

    Args:
        in_use: Fingerprints out of the stack's outputs; None before the first deployment, which makes the keys.
        recorded: What the stack's file tells of the last escrow.
        is_disposable: Whether the stack's data may be lost anyway.
        stack: Its name, for the remedy.
    """
    remedy = f"mastodon-infra escrow {stack} --out FILE, and keep the file and its passphrase outside the cloud account"
    if is_disposable:
        return ESCROW.skipped("keys", "a disposable stack needs none")
    if not in_use:
        return ESCROW.skipped("keys", "the first up makes the keys", f"after it: {remedy}")
    if recorded is None:
        return ESCROW.failed("keys", "the keys exist in the state and nowhere else", remedy)
    others = sorted(name for name, digits in in_use.items() if recorded.fingerprints.get(name) != digits)
    if others:
        seen = f"the escrow of {recorded.date} holds other keys than those in use: {', '.join(others)}"
        return ESCROW.failed("keys", seen, remedy)
    return ESCROW.ok("keys", f"the escrow of {recorded.date} holds the keys in use")


# --- The file --------------------------------------------------------------------------------------------------------


def weak(passphrase: str) -> str:
    """What is wrong with a new passphrase; empty when nothing is."""
    return f"has fewer than {SHORTEST_PASSPHRASE} characters" if len(passphrase) < SHORTEST_PASSPHRASE else ""


def sealed(escrow: Escrow, passphrase: str) -> str:
    """The escrow as the text of a file; raises SpecError for a weak passphrase."""
    if weak(passphrase):
        raise SpecError(f"the passphrase {weak(passphrase)}", hint="five or six random words are good")
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    header: dict[str, Any] = {
        "format": FORMAT,
        "about": README,
        "domain": escrow.domain,
        "stack": escrow.stack,
        "date": escrow.date,
        "fingerprints": escrow.fingerprints,
        "scrypt": {**SCRYPT, "salt": _text(salt)},
        "aes256gcm": {"nonce": _text(nonce)},
    }
    plain = json.dumps(dict(escrow.keys)).encode()
    body = AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, _bound(header))
    return json.dumps({**header, "sealed": _text(body)}, indent=2) + "\n"


def opened(text: str, passphrase: str, *, name: str) -> Escrow:
    """The escrow in a file's text; raises EscrowError where it is none, damaged, or the passphrase is another."""
    header = _read(text, name)
    body = header.pop("sealed")
    try:
        salt, nonce = _raw(header["scrypt"]["salt"]), _raw(header["aes256gcm"]["nonce"])
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, _raw(body), _bound(header))
    except InvalidTag:
        hint = "try the passphrase again; a file that was changed cannot be opened at all: take the other copy"
        raise EscrowError(
            "the passphrase is not the one of this file, or the file was changed", hint=hint, where=name
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _no_escrow(name) from None
    return Escrow(header["domain"], header["stack"], header["date"], json.loads(plain))


def differences(escrow: Escrow, in_use: Mapping[str, str]) -> tuple[str, ...]:
    """Names of keys that the escrow does not hold as they are in use."""
    return tuple(sorted(name for name, digits in in_use.items() if escrow.fingerprints.get(name) != digits))


def _read(text: str, name: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        if text.lstrip().startswith("{") and FORMAT in text:
            raise EscrowError("the escrow was cut off: its end is missing", hint=OTHER_COPY, where=name) from None
        raise _no_escrow(name) from None
    if not isinstance(told, dict) or not isinstance(told.get("sealed"), str):
        raise _no_escrow(name)
    if told.get("format") != FORMAT:
        seen = str(told.get("format"))[:60]
        raise EscrowError(f"the file has the format {seen!r}", hint=f"this version reads {FORMAT!r}", where=name)
    return told


def _no_escrow(name: str) -> EscrowError:
    return EscrowError("this is no escrow", hint="mastodon-infra escrow STACK --out FILE writes one", where=name)


def _key(passphrase: str, salt: bytes) -> bytes:
    """With the numbers of this format, whatever a file says: a file must not choose how much memory is used."""
    return Scrypt(salt=salt, length=KEY_BYTES, **SCRYPT).derive(passphrase.encode())


def _bound(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
