"""What the templates of ``maintenance`` see: the leader's timers."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.plan.budget import MemoryLimit
from mastodon_infra.plan.tuning.containers import ContainerTuning
from mastodon_infra.render.scene import CA_PATH, Scene


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: its timer, and the words of its command inside the container."""

    name: str
    purpose: str
    schedule: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaintenanceContext:
    """The one node that runs maintenance."""

    image: str
    ca_path: str
    tasks: tuple[TaskView, ...]
    spread_seconds: int
    longest_seconds: int
    memory: MemoryLimit
    containers: ContainerTuning


def maintenance_context(scene: Scene) -> MaintenanceContext:
    """The tasks as planned."""
    mastodon = scene.plan.mastodon
    planned = mastodon.maintenance
    return MaintenanceContext(
        image=mastodon.web_image,
        ca_path=CA_PATH,
        tasks=tuple(
            TaskView(
                task.name,
                task.purpose,
                task.schedule.value,
                ("bin/tootctl", *task.command, "--days", str(task.days.value)),
            )
            for task in planned.tasks
        ),
        spread_seconds=planned.spread_seconds.value,
        longest_seconds=planned.longest_seconds.value,
        memory=scene.node.memory.limit("tasks"),
        containers=mastodon.containers,
    )
