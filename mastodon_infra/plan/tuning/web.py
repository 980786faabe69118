"""Puma: how many workers of how many threads one node runs."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import ASKED, AUS_SOCIAL, JUDGEMENT, MASTODON
from mastodon_infra.plan.decided import Decided
from mastodon_infra.units import ceil_div, mib_text

WORKER_MIB = 717
THREADS = 5
PORT = 3000


@dataclass(frozen=True, slots=True)
class WebTuning:
    """Puma on one node."""

    workers: Decided[int]
    threads: Decided[int]
    port: Decided[int]
    worker_memory_max: Decided[int]
    health_seconds: Decided[int]

    @property
    def thread_count(self) -> int:
        """Requests that the node can work on at once, and the database connections that it may open."""
        return self.workers.value * self.threads.value


def tune_web(
    *,
    vcpus: int,
    free_mib: int,
    is_shared: bool,
    asked_workers: int | None = None,
    asked_threads: int | None = None,
) -> WebTuning:
    """Shape Puma for a node with ``free_mib`` left for it.

    ``is_shared``: the node also runs databases or sidekiq, which need processors too.
    """
    return WebTuning(
        workers=_workers(vcpus=vcpus, free_mib=free_mib, is_shared=is_shared, asked=asked_workers),
        threads=Decided(asked_threads, "asked for", ASKED, "threads", asked=True)
        if asked_threads
        else Decided(
            THREADS,
            "Mastodon's default; more threads per worker trade latency for little throughput",
            MASTODON,
            "threads",
        ),
        port=Decided(PORT, "Mastodon's default", MASTODON),
        worker_memory_max=Decided(
            1229, "alarm threshold: a worker beyond it has grown out of bounds", JUDGEMENT, "MiB"
        ),
        health_seconds=Decided(15, "asked twice between two looks of Prometheus, whether it is well", JUDGEMENT, "s"),
    )


def _workers(*, vcpus: int, free_mib: int, is_shared: bool, asked: int | None) -> Decided[int]:
    if asked is not None:
        return Decided(asked, "asked for", ASKED, "processes", asked=True)
    by_memory = max(1, free_mib // WORKER_MIB)
    if is_shared:
        return Decided(
            max(1, vcpus // 2),
            "half of the processors, as other services share the machine",
            JUDGEMENT,
            "processes",
            (("vcpus", str(vcpus)),),
        )
    return Decided(
        min(ceil_div(3 * vcpus, 2), by_memory),
        "1.5 per processor (Puma's author to Mastodon administrators), as far as memory reaches",
        AUS_SOCIAL,
        "processes",
        (
            ("vcpus", str(vcpus)),
            ("memory left", mib_text(free_mib)),
            ("memory of a worker", mib_text(WORKER_MIB)),
        ),
    )
