"""What the templates of ``maintenance`` see: the leader's timers, and the trial upload."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.plan.budget import MemoryLimit
from mastodon_infra.plan.tuning.containers import ContainerTuning
from mastodon_infra.render.scene import CA_PATH, ETC, Scene

UPLOAD_TRIAL_KEY = "mastodon-infra/trial"
"""One object, written over and over. Where objects carry an ACL anybody may read it, and there is nothing in it.

``tootctl media remove-orphans`` calls it unrecognized, and leaves it.
"""


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: its timer, and the words of its command inside the container."""

    name: str
    purpose: str
    schedule: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialUpload:
    """A few bytes that are put into the media bucket as Mastodon puts a picture, with its key.

    Attributes:
        settings: Where curl's own settings lie, so that no key stands on a command line.
        metrics: Where the node exporter finds whether it worked.
        permission: The ACL that Mastodon sends; empty where it sends none.
    """

    settings: str
    metrics: str
    url: str
    region: str
    permission: str
    access_key_id: str
    secret_access_key: str
    open_timeout_seconds: int
    timeout_seconds: int
    seconds: int


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
    trial: TrialUpload


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
        trial=_trial(scene),
    )


def _trial(scene: Scene) -> TrialUpload:
    media, wiring, uploads = scene.plan.media, scene.wiring, scene.plan.mastodon.uploads
    return TrialUpload(
        settings=f"{ETC}/trial-upload.curl",
        metrics="/var/lib/prometheus/node-exporter/mastodon-infra-upload.prom",
        url=f"https://{media.endpoint}/{media.bucket}/{UPLOAD_TRIAL_KEY}",
        region=media.region,
        permission=uploads.permission.value,
        access_key_id=wiring.media_access_key_id,
        secret_access_key=wiring.media_secret_access_key,
        open_timeout_seconds=uploads.open_timeout_seconds.value,
        timeout_seconds=uploads.longest_seconds,
        seconds=scene.plan.mastodon.maintenance.trial_upload_seconds.value,
    )
