"""What the templates of an optional role see: the same for every such role, so that none needs Python of its own."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.roles import RoleCard
from mastodon_infra.render.scene import LIBRARY, Scene


@dataclass(frozen=True, slots=True)
class RoleContext:
    """An optional role on its node.

    Attributes:
        settings: What its card decided, by name.
        ports: Its ports on loopback, by process.
        library: The folder of scripts.
        web_domain: The name under which people know the web site.
    """

    settings: dict[str, Decided[int] | Decided[str]]
    ports: dict[str, int]
    library: str
    web_domain: str


def role_context(scene: Scene, card: RoleCard) -> RoleContext:
    """The card's values by name, and the node among the others."""
    return RoleContext(
        settings={one.name: one.choice for one in card.settings},
        ports={one.process: one.port for one in card.ports},
        library=LIBRARY,
        web_domain=scene.plan.mastodon.web_domain,
    )
