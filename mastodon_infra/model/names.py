"""Constrained strings: each pattern has one home and a name."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import struct
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from mastodon_infra.model.base import refusal

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL_LOCAL = re.compile(r"[A-Za-z0-9!#%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#%&'*+/=?^_`{|}~-]+)*")
_SAFE_EMAIL_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\u2028\u2029]*")
_SSH_KEY_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_LONGEST_DOMAIN = 253


def _domain(text: str) -> str:
    if "://" in text or "/" in text:
        raise refusal(f"{text!r} is an address, not a domain", hint="write only the host name: social.example")
    if text != text.lower():
        raise refusal(f"{text!r} has capital letters", hint=f"write {text.lower()!r}")
    if not text.isascii():
        try:
            ascii_form = text.encode("idna").decode("ascii")
        except UnicodeError:
            ascii_form = ""
        is_domain = bool(ascii_form) and all(_LABEL.fullmatch(label) for label in ascii_form.split("."))
        hint = f"write its ASCII form: {ascii_form}" if is_domain else "use an ASCII (punycode) name"
        raise refusal(f"{text!r} is not in the form that DNS and Mastodon's handles use", hint=hint)
    labels = text.split(".")
    if len(labels) < 2 or len(text) > _LONGEST_DOMAIN or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004
        raise refusal(
            f"{text!r} is not a domain name",
            hint="letters, digits and hyphens in two or more parts joined by dots: social.example",
        )
    if labels[-1].isdigit():
        raise refusal(f"{text!r} is an IP address, not a domain name", hint="people's handles need a name")
    return text


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or not _EMAIL_LOCAL.fullmatch(local):
        raise refusal(f"{text!r} is not an e-mail address", hint="write it as name@example.org")
    if not _SAFE_EMAIL_LOCAL.fullmatch(local):
        raise refusal(
            f"{text!r} has characters that settings files and mail relays treat in different ways",
            hint="use letters, digits, dots, hyphens, underscores and + before the @",
        )
    return f"{local}@{_domain(domain)}"


def _one_line(text: str) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise refusal("the text has a line break or a control character", hint="write it on one line")
    return text


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise refusal(f"{text!r} is not an IP network", hint="write it as 203.0.113.0/24 or 2001:db8::/32") from None
    if str(network) != text:
        if "/" not in text:
            raise refusal(f"{text!r} has no prefix length", hint=f"for this one address write {network}")
        raise refusal(f"{text!r} has bits set behind its prefix", hint=f"write {network}")
    return text


def _ssh_key(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise refusal("this is a private key; it must never leave your machine", hint="give the file ending in .pub")
    _one_line(text)
    kind, _, rest = text.partition(" ")
    if kind not in _SSH_KEY_TYPES:
        raise refusal(
            f"{kind!r} is not a kind of SSH public key that Debian's sshd accepts",
            hint="make one with: ssh-keygen -t ed25519",
        )
    blob = rest.split(" ", 1)[0]
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    length = struct.unpack(">I", raw[:4])[0] if len(raw) > 4 else 0  # noqa: PLR2004
    if raw[4 : 4 + length] != kind.encode() or len(raw) <= 4 + length:
        raise refusal("the SSH public key is damaged or cut short", hint="copy the whole line of the .pub file")
    return text


@dataclass(frozen=True, slots=True)
class Matches:
    """A validator for a whole-string pattern, described to the operator by ``what``."""

    expression: str
    what: str

    def __call__(self, text: str) -> str:
        """Give the text back, or refuse it."""
        if not re.fullmatch(self.expression, text):
            raise refusal(f"{text!r} is not {self.what}")
        return text


def pattern(expression: str, what: str) -> AfterValidator:
    """The annotation for a string that must match a pattern as a whole."""
    return AfterValidator(Matches(expression, what))


Domain = Annotated[str, AfterValidator(_domain), Field(examples=["social.example"])]
"""A DNS host name in lower-case ASCII with at least two labels."""

Email = Annotated[str, AfterValidator(_email), Field(examples=["admin@social.example"])]
"""A mail address made of characters that survive every settings file unquoted."""

OneLine = Annotated[str, AfterValidator(_one_line)]
"""Free text without line breaks or control characters."""

Network = Annotated[str, AfterValidator(_network), Field(examples=["203.0.113.0/24"])]
"""An IP network in CIDR form."""

SshPublicKey = Annotated[str, AfterValidator(_ssh_key), Field(examples=["ssh-ed25519 AAAA... alice@laptop"])]
"""One line of an OpenSSH .pub file."""

Slug = Annotated[
    str, pattern(r"[a-z][a-z0-9-]{0,22}[a-z0-9]|[a-z]", "a short name: small letters, digits, hyphens, at most 24")
]
"""The name of a node group or a sidekiq unit."""

UserName = Annotated[str, pattern(r"[a-z_][a-z0-9_-]{0,30}", "a Unix user name: lower-case letters, digits, _ and -")]
"""A login on the machines."""

Handle = Annotated[
    str,
    pattern(r"[A-Za-z0-9_]{1,30}", "a Mastodon user name: up to 30 letters, digits and underscores, without @"),
]
"""A Mastodon user name."""

RecordName = Annotated[
    str,
    pattern(
        r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+",
        "the name of a DNS record, such as s1._domainkey.social.example",
    ),
]
"""The full name of a DNS record, which may have underscores where a host name may not."""

RelayLogin = Annotated[
    str,
    pattern(
        r"[A-Za-z0-9@._+=/-]{1,128}",
        "a relay login: letters, digits and @ . _ + = / - (settings files take no others)",
    ),
]
"""A login at a mail relay, made of characters that survive an unquoted settings file."""

BucketName = Annotated[
    str,
    pattern(
        r"(?!xn--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower-case letters, digits and hyphens (dots break TLS)",
    ),
]
"""An S3 bucket; dots are refused because virtual-hosted TLS certificates do not cover them."""

MachineTypeName = Annotated[str, pattern(r"g\d+-[a-z0-9-]+", "a Linode type such as g6-standard-4")]
"""The identifier of a Linode plan row; whether it exists is checked against the catalog."""

RegionName = Annotated[str, pattern(r"[a-z]{2}-[a-z0-9-]+", "a region such as ap-southeast")]
"""A region identifier; whether it exists is checked against the catalog."""
