"""Prometheus and Alertmanager: how often, how long, how much memory, and how soon people hear."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import DEBIAN, JUDGEMENT
from mastodon_infra.plan.decided import Decided

COMPANIONS_MIB = 64


@dataclass(frozen=True, slots=True)
class PrometheusTuning:
    """Prometheus on the node that watches. Times are seconds unless the name says otherwise."""

    scrape_interval_seconds: Decided[int]
    scrape_timeout_seconds: Decided[int]
    memory_limit_mib: Decided[int]
    group_wait_seconds: Decided[int]
    group_interval_seconds: Decided[int]
    repeat_critical_hours: Decided[int]
    repeat_warning_hours: Decided[int]
    heartbeat_seconds: Decided[int]


def tune_prometheus(*, memory_mib: int) -> PrometheusTuning:
    """Settings for a watcher whose budget gives Prometheus, Alertmanager and the prober ``memory_mib`` together."""
    return PrometheusTuning(
        scrape_interval_seconds=Decided(30, "two values a minute show a trend and cost little", JUDGEMENT, "s"),
        scrape_timeout_seconds=Decided(20, "less than the time between two scrapes", JUDGEMENT, "s"),
        memory_limit_mib=Decided(
            memory_mib - COMPANIONS_MIB,
            "its budget less 64 MiB for Alertmanager (38 seen) and the prober; it collects garbage rather than grow",
            DEBIAN,
            "MiB",
            (("budget", f"{memory_mib} MiB"),),
        ),
        group_wait_seconds=Decided(30, "what breaks together arrives as one mail", JUDGEMENT, "s"),
        group_interval_seconds=Decided(300, "news about the same trouble, at most every five minutes", JUDGEMENT, "s"),
        repeat_critical_hours=Decided(4, "said again while nobody has mended it", JUDGEMENT, "h"),
        repeat_warning_hours=Decided(24, "once a day is enough for what can wait", JUDGEMENT, "h"),
        heartbeat_seconds=Decided(300, "whoever waits for the heartbeat notices silence in minutes", JUDGEMENT, "s"),
    )
