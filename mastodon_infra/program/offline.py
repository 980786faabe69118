"""The program run without an engine: every registration is recorded, and answered as a provider would.

The same ``build`` as ``pulumi up`` runs, in a world of its own each time: no plugin, no network, no state.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pulumi
from pulumi.runtime import settings
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.stack import run_in_stack

from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.build import build, export
from mastodon_infra.program.config import PROJECT, StackSecrets, needed_secrets
from mastodon_infra.program.recorder import Recorder, ResourceRecord
from mastodon_infra.resources.nodes import FirstBoot
from mastodon_infra.resources.secrets import GivenSecrets

STACK = "offline"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a program registered, sorted by type and name, and the stack's outputs in clear."""

    resources: tuple[ResourceRecord, ...]
    outputs: Mapping[str, object]


def preview_offline(plan: InstancePlan, *, first_boot: FirstBoot | None = None) -> tuple[ResourceRecord, ...]:
    """Every resource that ``pulumi up`` would register for this plan, with secrets hidden.

    Raises whatever the program raises, inside an ``apply`` as well, and RuntimeError when two resources have one name.
    """

    def program() -> None:
        export(build(plan, _placeholders(plan), first_boot=first_boot))

    return record(program).resources


def record(program: Callable[[], object], *, stack: str = STACK, config: Mapping[str, str] | None = None) -> Recording:
    """Run any program against a recorder, in a context of its own, so that nothing is left behind or printed."""
    recorder = Recorder()

    def run() -> None:
        pulumi.runtime.settings.configure(
            settings.Settings(
                project=PROJECT, stack=stack, monitor=recorder, engine=MockEngine(_silent()), dry_run=False
            )
        )
        settings.ROOT.set(None)
        set_all_config(dict(config or {}), [])
        _complete(program)

    contextvars.copy_context().run(run)
    return Recording(recorder.records(), recorder.outputs)


def _complete(program: Callable[[], object]) -> None:
    def called() -> None:
        program()

    loop = asyncio.new_event_loop()
    # What goes wrong is raised below; the loop's own report of tasks that nobody awaited would only repeat it.
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        loop.run_until_complete(run_in_stack(called))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _silent() -> logging.Logger:
    logger = logging.Logger("offline")  # noqa: LOG001  # not in the tree of loggers, so no handler ever hears of it
    logger.addHandler(logging.NullHandler())
    return logger


def _placeholders(plan: InstancePlan) -> StackSecrets:
    """What the operator would give in the config, as words."""
    needed = needed_secrets(plan)
    return StackSecrets(
        GivenSecrets(
            smtp_password=pulumi.Output.secret("<<smtp_password>>") if "smtpPassword" in needed else None,
            alert_webhook_url=pulumi.Output.secret("<<alert_webhook_url>>") if "alertWebhook" in needed else None,
            alert_heartbeat_url=pulumi.Output.secret("<<alert_heartbeat_url>>") if "alertHeartbeat" in needed else None,
        )
    )
