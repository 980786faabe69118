"""The optional role ``onion``: a Tor onion service in front of a web node's nginx."""

from __future__ import annotations

from mastodon_infra.catalog.sources import JUDGEMENT, NGINX
from mastodon_infra.model.role import Role
from mastodon_infra.plan.budget import line
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.roles import RoleCard, RolePort, RoleSetting

PORT = 8481
QUEUES_MB = 64
MEMORY_MIB = 128

CARD = RoleCard(
    role=Role.ONION,
    title="Tor onion service",
    detail="the web site under an address of its own",
    beside=(Role.WEB,),
    memory=line("tor", MEMORY_MIB, "its queues and as much again for circuits and the directory", JUDGEMENT),
    settings=(
        RoleSetting(
            "queues_mb", Decided(QUEUES_MB, "half of its memory: beyond it, Tor ends circuits", JUDGEMENT, "MB")
        ),
        RoleSetting(
            "streams_per_circuit",
            Decided(64, "a browser opens six at once, and streams stay open; more is no visitor", JUDGEMENT, "streams"),
        ),
        RoleSetting(
            "idle_seconds",
            Decided(86400, "a day: it never ends a stream that the site itself keeps", NGINX, "seconds"),
        ),
    ),
    ports=(RolePort("nginx", PORT),),
    units=("tor",),
)
"""What the plan knows about it."""
