"""What the plan asks for and the toolkit does not put on machines yet: said in one place, never skipped in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mastodon_infra.model.role import Role
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.scene import Scene
from mastodon_infra.render.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a node should get and does not.

    ``processes`` are the plan's listeners that are missing with it.
    """

    name: str
    wanted: Callable[[Scene], bool]
    sentence: str
    processes: tuple[str, ...] = ()


NOT_RENDERED_YET: tuple[Gap, ...] = (
    Gap(
        "monitoring",
        lambda scene: scene.has(Role.MONITORING),
        "Prometheus and Alertmanager are not installed",
        ("prometheus", "alertmanager"),
    ),
    Gap(
        "backups",
        lambda scene: scene.has(Role.POSTGRES) and scene.plan.backups.is_enabled,
        "pgBackRest is not set up: the database is not backed up",
    ),
    Gap(
        "maintenance",
        lambda scene: scene.node.is_leader,
        "timers for removing old remote media and link previews are not set up",
    ),
    Gap(
        "certificate-sharing",
        lambda scene: (
            scene.has(Role.WEB)
            and scene.plan.tls.mode.value is TlsMode.ACME_HTTP
            and len(scene.plan.holders(Role.WEB)) > 1
        ),
        "with several web nodes and no Cloudflare the certificate stays a placeholder: none can obtain and share it",
    ),
    Gap(
        "authenticated-origin-pulls",
        lambda scene: scene.has(Role.WEB) and scene.plan.spec.edge.proxied,
        "nginx does not ask Cloudflare for its client certificate: only the firewall keeps others out",
    ),
)
"""Every gap. A part that is finished leaves this list."""


def gaps_of(scene: Scene) -> tuple[Gap, ...]:
    """The gaps of one node."""
    return tuple(gap for gap in NOT_RENDERED_YET if gap.wanted(scene))


def not_rendered_yet(plan: InstancePlan) -> tuple[tuple[str, str], ...]:
    """For people: each node's name with a sentence on what it does not get yet."""
    wiring = Wiring.placeholder(plan)
    return tuple((node.name, gap.sentence) for node in plan.nodes for gap in gaps_of(Scene(plan, node, wiring)))
