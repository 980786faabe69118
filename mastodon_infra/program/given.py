"""What a secret that the operator gives must look like: refused before anything is made, and never shown."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from mastodon_infra.errors import Problem
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.env import is_literal

SHORTEST_KEY_BASE = 64
SHORTEST_ENCRYPTION_KEY = 12
SHORTEST_SALT = 20
SHORTEST_PASSPHRASE = 20
SCALAR_BYTES = 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_VARIABLE = re.compile(r"[$%]?[{(]*[A-Z][A-Z0-9]*(_[A-Z0-9]+)+[)}]*%?")
"""A setting's name where its value should be: what a script leaves behind whose variable was not filled in."""

_VAPID = re.compile(r"[A-Za-z0-9_-]{43}=?")

Check = Callable[[str], str]
"""Says what is wrong with a value without showing it; empty when nothing is."""


def _at_least(length: int) -> Check:
    return lambda text: f"has {len(text)} characters, and {length} are the fewest" if len(text) < length else ""


def _vapid(text: str) -> str:
    """43 url-safe characters, with or without their padding, that stand for a scalar of the curve P-256."""
    message = "is no Web Push key: 43 characters of url-safe base64, as VAPID_PRIVATE_KEY has them"
    if not _VAPID.fullmatch(text):
        return message
    try:
        raw = base64.b64decode(text.rstrip("=") + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return message
    return "" if 0 < int.from_bytes(raw, "big") < P256_ORDER else message


def _address_at(host: str, key: str) -> Check:
    """An https address at the host that the instance names; anything where it names none, since nobody uses it."""

    def check(text: str) -> str:
        try:
            parts = urlsplit(text)
            seen = parts.hostname
        except ValueError:
            return "is no address"
        if parts.scheme != "https" or parts.username or parts.password:
            return "is no https:// address without a login in it"
        return "" if seen == host else f"is not an address at {host}, which {key} names"

    return check if host else lambda _: ""


def wrong_secrets(plan: InstancePlan, given: Callable[[str], str | None]) -> Iterator[Problem]:
    """A problem for each given secret that machines could not carry or Mastodon could not use.

    ``given`` gives a secret's value by its key in the config, None where there is none. Lengths of encryption keys are
    the least that Rails' guide asks for; Mastodon's own task makes longer ones.
    """
    checks: dict[str, Check] = {
        "secretKeyBase": _at_least(SHORTEST_KEY_BASE),
        "encryptionPrimaryKey": _at_least(SHORTEST_ENCRYPTION_KEY),
        "encryptionDeterministicKey": _at_least(SHORTEST_ENCRYPTION_KEY),
        "encryptionKeyDerivationSalt": _at_least(SHORTEST_SALT),
        "vapidPrivateKey": _vapid,
        "backupCipherPassphrase": _at_least(SHORTEST_PASSPHRASE),
        "smtpPassword": _at_least(1),
        "alertWebhook": _address_at(plan.monitoring.webhook_host, "alerts.webhook_host"),
        "alertHeartbeat": _address_at(plan.monitoring.heartbeat_host, "alerts.heartbeat_host"),
    }
    for key, check in checks.items():
        value = given(key)
        wrong = "" if value is None else _wrong_anywhere(value) or check(value)
        if wrong:
            yield Problem(("config",), f"the secret mastodon-infra:{key} {wrong}", f"pulumi config set --secret {key}")


def _wrong_anywhere(text: str) -> str:
    if _VARIABLE.fullmatch(text):
        return "is the name of a variable, not its value"
    if not is_literal(text):
        return (
            "has a character that settings files read in different ways: use letters, digits and "
            "! % & ( ) * + , . / : ; < = > ? @ [ ] ^ _ { | } ~ -"
        )
    return ""
