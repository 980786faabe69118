"""Kernel settings, swap and log limits of one node, from what it does."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import AUS_SOCIAL, JUDGEMENT, POSTGRES, REDIS
from mastodon_infra.model.role import Role
from mastodon_infra.plan.decided import Decided

APP_ROLES = frozenset({Role.WEB, Role.STREAMING, Role.SIDEKIQ})
HUGE_PAGE_KIB = 2048


@dataclass(frozen=True, slots=True)
class Sysctl:
    """One kernel setting."""

    name: str
    setting: Decided[int] | Decided[str]


@dataclass(frozen=True, slots=True)
class KernelTuning:
    """What the kernel of one node is told."""

    sysctls: tuple[Sysctl, ...]
    swap_mib: Decided[int]
    journal_max_mib: Decided[int]
    transparent_huge_pages: Decided[str]


def tune_kernel(*, roles: tuple[Role, ...], memory_mib: int, shared_buffers_kib: int | None) -> KernelTuning:
    """Settings for a node; ``shared_buffers_kib`` is given where PostgreSQL asks for huge pages."""
    settings = [
        Sysctl("net.core.somaxconn", Decided(65535, "listen queues must survive a burst", AUS_SOCIAL)),
        Sysctl("net.ipv4.tcp_max_syn_backlog", Decided(8192, "as above, before the handshake ends", JUDGEMENT)),
        Sysctl(
            "net.ipv4.ip_local_port_range",
            Decided("10240 65535", "deliveries and proxying use many ports", JUDGEMENT),
        ),
        Sysctl("vm.swappiness", _swappiness(roles)),
    ]
    if Role.REDIS in roles:
        settings.append(
            Sysctl(
                "vm.overcommit_memory",
                Decided(
                    1,
                    "Redis forks to save; without it saving fails. A PostgreSQL beside it would rather have 2, but is "
                    "kept safe by the memory budget and by Debian's OOM score for it",
                    REDIS,
                ),
            )
        )
    elif Role.POSTGRES in roles:
        settings.append(
            Sysctl(
                "vm.overcommit_memory",
                Decided(
                    0,
                    "the kernel's own guess: 2 counts what is reserved and never used, and would refuse memory to a "
                    "backup while there is plenty",
                    JUDGEMENT,
                ),
            )
        )
    if shared_buffers_kib is not None:
        pages = -(-shared_buffers_kib * 105 // 100 // HUGE_PAGE_KIB)
        settings.append(
            Sysctl(
                "vm.nr_hugepages",
                Decided(pages, "shared_buffers and 5 %, in pages of 2 MiB", POSTGRES, "pages"),
            )
        )
    return KernelTuning(
        sysctls=tuple(settings),
        swap_mib=_swap(roles, memory_mib),
        journal_max_mib=Decided(1024, "logs must never fill the disk", JUDGEMENT, "MiB"),
        transparent_huge_pages=Decided("madvise", "Redis asks for none, others for what they want", REDIS),
    )


def _swappiness(roles: tuple[Role, ...]) -> Decided[int]:
    if Role.POSTGRES in roles or Role.REDIS in roles:
        return Decided(1, "databases must stay in memory", AUS_SOCIAL)
    return Decided(10, "app processes may give up what they never touch", JUDGEMENT)


def _swap(roles: tuple[Role, ...], memory_mib: int) -> Decided[int]:
    given = (("memory", f"{memory_mib} MiB"),)
    if APP_ROLES & set(roles):
        return Decided(
            min(4096, max(1024, memory_mib // 2)),
            "half of the memory, 1 to 4 GiB: Ruby grows over days",
            JUDGEMENT,
            "MiB",
            given,
        )
    return Decided(512, "a last resort only: databases must not swap", JUDGEMENT, "MiB", given)
