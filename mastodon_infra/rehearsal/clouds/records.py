"""What every vendor of DNS refuses: a record whose content its type cannot have."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mastodon_infra.rehearsal.kinds import Check
from mastodon_infra.rehearsal.wire import is_known
from mastodon_infra.rehearsal.world import Values

_ADDRESSES: dict[Any, tuple[type[IPv4Address | IPv6Address], str]] = {
    "A": (IPv4Address, "IPv4"),
    "AAAA": (IPv6Address, "IPv6"),
}
_NAMING_HOSTS = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")


def fits_type(kind: str, content: str) -> Check:
    """Compare two inputs: the one that says the type, and the one that says what the record holds."""

    def checked(inputs: Values) -> str | None:
        value = inputs.get(content)
        said = _misfit(inputs.get(kind), value) if isinstance(value, str) and is_known(value) else None
        return f"{content}: {said}" if said else None

    return checked


def _misfit(kind: Any, value: str) -> str | None:
    if kind in _ADDRESSES:
        parse, title = _ADDRESSES[kind]
        try:
            parse(value)
        except ValueError:
            return f"{kind} needs an {title} address, got {value!r}"
    if kind in _NAMING_HOSTS and not _HOST.fullmatch(value):
        return f"{kind} needs a host's name, got {value!r}"
    return None
