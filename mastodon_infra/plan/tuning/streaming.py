"""The streaming server: processes per node, one port each."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import ASKED, JUDGEMENT, MASTODON
from mastodon_infra.plan.decided import Decided
from mastodon_infra.units import ceil_div

PROCESS_MIB = 307
CONNECTIONS_PER_PROCESS = 1000
DB_POOL = 10
FIRST_PORT = 4000


@dataclass(frozen=True, slots=True)
class StreamingTuning:
    """Streaming on one node."""

    processes: Decided[int]
    ports: tuple[int, ...]
    database_pool: Decided[int]
    open_files: Decided[int]


def processes_needed(streams_peak: int) -> int:
    """Processes over the whole instance: one per 1,000 connections, and one to spare when there are several."""
    needed = max(1, ceil_div(streams_peak, CONNECTIONS_PER_PROCESS))
    return needed if needed == 1 else needed + 1


def tune_streaming(*, streams_peak: int, node_count: int, vcpus: int, asked: int | None = None) -> StreamingTuning:
    """Shape streaming for one of ``node_count`` nodes that share the connections."""
    total = processes_needed(streams_peak)
    processes: Decided[int]
    if asked is not None:
        processes = Decided(asked, "asked for", ASKED, "processes", asked=True)
    else:
        processes = Decided(
            min(ceil_div(total, node_count), max(1, vcpus)),
            "one per 1,000 connections at peak and one to spare, spread over the nodes, at most one a processor",
            JUDGEMENT,
            "processes",
            (("connections at peak", f"{streams_peak:,}"), ("nodes", str(node_count)), ("vcpus", str(vcpus))),
        )
    return StreamingTuning(
        processes=processes,
        ports=tuple(range(FIRST_PORT, FIRST_PORT + processes.value)),
        database_pool=Decided(DB_POOL, "the streaming server's own default", MASTODON, "connections"),
        open_files=Decided(65535, "as in Mastodon's own unit", MASTODON, "files"),
    )
