"""Where a rehearsal's outside world is found. All of it lies within the rehearsal's own network namespace."""

from __future__ import annotations

GATEWAY = "100.64.0.1"
"""The place itself: every machine's way out, and the resolver of names."""

STORE = "100.64.0.2"
REGISTRY = "100.64.0.3"
ACME = "100.64.0.4"
RELAY = "100.64.0.5"
LINODE_API = "100.64.0.6"
EDGE = "173.245.48.10"
"""One of Cloudflare's own addresses, since firewalls are open to those."""

VISITOR = "100.64.0.99"
"""Whoever looks at the instance from outside."""

ALL = (GATEWAY, STORE, REGISTRY, ACME, RELAY, LINODE_API, EDGE, VISITOR)
