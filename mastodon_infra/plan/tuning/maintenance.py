"""What the leader does from time to time: keep bucket and database small, try an upload, restart at night if asked to.

What removes posts or accounts of other servers is not among them: it takes local bookmarks and favourites along.
Mastodon's own scheduler empties feeds, expired archives and tokens. Orphaned files are listed by hand, as that reads
the whole bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON_CHART, MASTODON_DOCS
from mastodon_infra.plan.decided import Decided

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class MaintenanceTask:
    """A tootctl command on a schedule. ``schedule`` is UTC, in systemd's calendar form.

    ``command`` is what stands before ``--days``.
    """

    name: str
    purpose: str
    command: tuple[str, ...]
    schedule: Decided[str]
    days: Decided[int]


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    """What runs from time to time. Tasks run on the leader only, one at a time."""

    tasks: tuple[MaintenanceTask, ...]
    spread_seconds: Decided[int]
    longest_seconds: Decided[int]
    trial_upload_seconds: Decided[int]
    restart_schedule: Decided[str]
    restart_slot_minutes: Decided[int]

    def restart_time(self, ordinal: int) -> str:
        """When a node restarts, in systemd's calendar form: ``ordinal`` counts the nodes that do, from 0."""
        hours, minutes, *_ = self.restart_schedule.value.split()[1].split(":")
        at = (int(hours) * 60 + int(minutes) + ordinal * self.restart_slot_minutes.value) % MINUTES_A_DAY
        return f"*-*-* {at // 60:02}:{at % 60:02}:00 UTC"


def plan_maintenance(*, media_days: Decided[int], preview_card_days: Decided[int]) -> MaintenancePlan:
    """Tasks and their times, clear of backups (01:30 UTC) and of Mastodon's own clean-up (03:00 to 06:00 UTC)."""
    return MaintenancePlan(
        tasks=(
            MaintenanceTask(
                "media",
                "Remove other servers' media that nobody has asked for in a while",
                ("media", "remove"),
                Decided("*-*-* 06:30:00 UTC", "daily, so that no single run is long; the chart's is weekly", JUDGEMENT),
                media_days,
            ),
            MaintenanceTask(
                "profiles",
                "Remove avatars and headers of accounts that nobody here follows",
                ("media", "remove", "--prune-profiles"),
                Decided("Sun *-*-* 08:30:00 UTC", "weekly, as in the official chart", MASTODON_CHART),
                media_days,
            ),
            MaintenanceTask(
                "preview-cards",
                "Remove pictures of old link previews",
                ("preview_cards", "remove"),
                Decided("*-*-02 10:30:00 UTC", "monthly: few of them become old on a day", MASTODON_DOCS),
                preview_card_days,
            ),
        ),
        spread_seconds=Decided(1800, "many servers share a bucket's provider: not all on the hour", JUDGEMENT, "s"),
        longest_seconds=Decided(12 * 3600, "a run that hangs must not hold up the next for ever", JUDGEMENT, "s"),
        trial_upload_seconds=Decided(
            300,
            "a few thousand small requests a month cost cents, and a day of failed uploads costs trust",
            JUDGEMENT,
            "s",
        ),
        restart_schedule=Decided("*-*-* 02:30:00 UTC", "when few people are up in most places", JUDGEMENT),
        restart_slot_minutes=Decided(
            10,
            "one node after the other: Puma is back within four minutes, and nobody else is away then",
            JUDGEMENT,
            "min",
        ),
    )
