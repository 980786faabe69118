"""Roles and queues: the closed vocabularies of the product."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a node does; a node may have several. Not a permission, and not a tier.

    ``web`` is nginx, Puma and, unless it lives apart, streaming. ``streaming`` is the Node.js server on its own.
    ``sidekiq`` works the queues. ``postgres`` and ``redis`` hold the data. ``monitoring`` watches the others.
    """

    WEB = "web"
    STREAMING = "streaming"
    SIDEKIQ = "sidekiq"
    POSTGRES = "postgres"
    REDIS = "redis"
    MONITORING = "monitoring"
    ONION = "onion"


SINGLE_ROLES = frozenset({Role.POSTGRES, Role.REDIS, Role.MONITORING})
"""Roles that exactly one node may have: their data, or their view of the others, lives in one place."""

REQUIRED_ROLES = frozenset({Role.WEB, Role.STREAMING, Role.SIDEKIQ, Role.POSTGRES, Role.REDIS, Role.MONITORING})
"""Roles that every instance needs somewhere."""


class Queue(StrEnum):
    """Sidekiq's seven queues (mastodon v4.7.0, config/sidekiq.yml). A queue nobody listens to never runs."""

    DEFAULT = "default"
    PUSH = "push"
    INGRESS = "ingress"
    MAILERS = "mailers"
    PULL = "pull"
    SCHEDULER = "scheduler"
    FASP = "fasp"
