"""Looking for secrets in every file that a stack in a local cloud leaves: as they are, escaped, and packed.

User data and payloads are gzip in base64, so what is packed is opened and looked through as well.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tests.engine.rehearsed import Rehearsed

PUBLIC = {
    "ca_certificate",
    "origin_certificate",
    "origin_pull_ca",
    "site_certificate_request",
    "smtp_username",
    "vapid_public_key",
}
"""Parts of the wiring that everybody may know; the names of access keys, which the vendors list openly, are too."""

SHORTEST_PACKED = 64
DEEPEST = 3
GZIP = b"\x1f\x8b"
ANY_FORMAT = 47
"""zlib's window for gzip and zlib alike."""

_PACKED = re.compile(rf"[A-Za-z0-9+/]{{{SHORTEST_PACKED},}}={{0,2}}")


def told_openly(stack: Rehearsed) -> dict[str, Any]:
    """The outputs with their secrets. Nothing of it goes into the file that holds all other output."""
    done = stack._done("stack", "output", "--json", "--show-secrets")
    assert done.returncode == 0, done.stderr
    outputs: dict[str, Any] = json.loads(done.stdout)
    return outputs


def secrets_of(stack: Rehearsed) -> set[str]:
    """Every secret of the instance, whether the stack made it or was given it."""
    wiring = json.loads(told_openly(stack)["wiring"])
    texts = {name: value for name, value in wiring.items() if isinstance(value, str)}
    own = {value for name, value in texts.items() if value and name not in PUBLIC and not name.endswith("_key_id")}
    return own | {pair["private_key"] for part in ("host_keys", "server_certificates") for pair in wiring[part]}


def files_of(stack: Rehearsed) -> dict[str, Path]:
    """Everything in the stack's folder by its path there, but the passphrase and the engine's own home."""
    paths = {str(path.relative_to(stack.cloud.folder)): path for path in stack.cloud.folder.rglob("*")}
    return {name: path for name, path in paths.items() if path.is_file() and not name.startswith("home/")}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def places_of(secrets: Collection[str], stack: Rehearsed) -> set[str]:
    """The folders of the stack in which a file holds a secret."""
    return {name.rpartition("/")[0] or name for name, path in files_of(stack).items() if found(secrets, text_of(path))}


def found(secrets: Collection[str], text: str) -> str | None:
    """A secret that stands in a text or in what is packed in it: as it is or as JSON writes it, once or twice over."""
    forms = {form: secret for secret in secrets for form in _forms(secret)}
    for layer in layers(text):
        for form, secret in forms.items():
            if form in layer:
                return secret
    return None


def layers(text: str, depth: int = DEEPEST) -> Iterator[str]:
    """The text, and whatever is packed in it in base64, with gzip or without."""
    yield text
    if depth == 0:
        return
    for packed in dict.fromkeys(_PACKED.findall(text)):
        whole = packed.rstrip("=")
        try:
            raw = base64.b64decode(whole[: len(whole) - (len(whole) % 4 == 1)] + "==")
            plain = zlib.decompressobj(ANY_FORMAT).decompress(raw) if raw.startswith(GZIP) else raw
        except (binascii.Error, zlib.error):
            continue
        yield from layers(plain.decode(errors="ignore"), depth - 1)


def _forms(secret: str) -> set[str]:
    once = json.dumps(secret)[1:-1]
    return {secret, once, json.dumps(once)[1:-1], json.dumps(json.dumps(once)[1:-1])[1:-1]}
