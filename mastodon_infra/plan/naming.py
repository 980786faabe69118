"""Names. Logical names are role and ordinal, frozen for ever; physical names carry the domain and may change."""

from __future__ import annotations

import hashlib
import re

SERVICE_DOMAIN = "mastodon.internal"
LONGEST_SLUG = 24
LONGEST_VOLUME_LABEL = 32
LONGEST_FIREWALL_LABEL = 32
MARK_LENGTH = 6
DATA_POSTGRES = "data-postgres"
DATA_REDIS = "data-redis"


def slug_of(domain: str) -> str:
    """The domain as a label: dots become hyphens.

    Two domains never meet: one with hyphens of its own, or too long, is marked by six hex digits of its hash.
    """
    slug = re.sub("-+", "-", domain.replace(".", "-"))
    if "-" not in domain and len(slug) <= LONGEST_SLUG:
        return slug
    return f"{slug[: LONGEST_SLUG - 7].rstrip('-')}-{_mark(domain)}"


def shorten(text: str, most: int) -> str:
    """Cut a name to at most ``most`` characters, keeping it unique by six hex digits of its hash."""
    if len(text) <= most:
        return text
    kept = text[: max(0, most - MARK_LENGTH - 1)].rstrip("-")
    return f"{kept}-{_mark(text)}" if kept else _mark(text)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_LENGTH]


def node_name(group: str, ordinal: int) -> str:
    """``web-1``. In Pulumi's state this name is the machine: changing it destroys one."""
    return f"{group}-{ordinal}"


def label(slug: str, name: str, most: int = 48) -> str:
    """A physical name: the domain's slug before the logical name, cut from the slug's side if too long.

    Where the name leaves no room for a slug that still tells domains apart, both are cut together.
    """
    room = most - len(name) - 1
    if room < min(len(slug), MARK_LENGTH):
        return shorten(f"{name}-{slug}", most)
    return f"{shorten(slug, room)}-{name}"


def service_host(service: str) -> str:
    """The internal host name of a service or node: ``postgres.mastodon.internal``."""
    return f"{service}.{SERVICE_DOMAIN}"
