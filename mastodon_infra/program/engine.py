"""The real engine, by its Automation API: the same program, project, config and state as ``pulumi up`` by hand."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pulumi
import semver
from pulumi import automation
from pulumi.automation import CommandError, CommandResult, Deployment, LocalWorkspace, PulumiCommand, Stack
from pulumi.automation.errors import create_command_error

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.program.build import deploy
from mastodon_infra.program.config import PROJECT
from mastodon_infra.program.engine_events import Listener, Step
from mastodon_infra.program.engine_words import (
    DELETES_THE_REST,
    MAKES_THE_REST,
    StoppedError,
    broken_policies,
    refusal,
)

NEVER = "never"
"""The engine's word for: no colours."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did, or would do.

    Attributes:
        steps: One for each resource, in the engine's order.
        warnings: What the engine and the providers warn of.
        outputs: The stack's outputs, secrets hidden; of a preview only what is known before.
    """

    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    outputs: Mapping[str, Any]

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that do something to something at a cloud."""
        return tuple(step for step in self.steps if step.is_thing and step.is_change)


class _Workspace(LocalWorkspace):
    """The project's folder as it is. The stack that the operator selected for ``pulumi`` stays selected."""

    def select_stack(self, stack_name: str) -> None:
        """Leave the selection alone: every command names its stack."""


@dataclass(slots=True)
class StackRuns:
    """Runs of the engine on one stack.

    Attributes:
        program: The path of ``pulumi``.
        version: Its version.
        project: The folder with Pulumi.yaml.
        stack: The stack's name.
        file: The stack's file.
        environment: What the engine finds in its environment.
        on_stop: Called when the operator stops a run, with how often by now.
    """

    program: Path
    version: str
    project: Path
    stack: str
    file: Path
    environment: Mapping[str, str]
    on_stop: Callable[[int], None] = lambda _count: None
    _stops: int = field(default=0, init=False)
    _raised: list[Exception] = field(default_factory=list, init=False)

    def preview(self, *, replace: Sequence[str] = (), policies: Path | None = None) -> Result:
        """What ``up`` would do; raises PolicyError where the policy pack in this folder refuses it."""
        listener = Listener()
        with self._translated(listener):
            self._opened().preview(
                replace=list(replace) or None,
                policy_packs=[str(policies)] if policies else None,
                color=NEVER,
                on_event=listener,
                config_file=str(self.file),
                suppress_progress=True,
            )
        return Result(tuple(listener.planned.values()), listener.warnings, _shown(listener.stack_outputs))

    def up(self, *, replace: Sequence[str] = (), on_step: Callable[[Step], None]) -> Result:
        """Deploy."""
        listener = Listener(on_step)
        with self._translated(listener):
            done = self._opened().up(
                replace=list(replace) or None,
                color=NEVER,
                on_event=listener,
                show_secrets=False,
                config_file=str(self.file),
                suppress_outputs=True,
                suppress_progress=True,
            )
        self._refuse_if_stopped()
        told = {name: None if output.secret else output.value for name, output in done.outputs.items()}
        return Result(tuple(listener.done.values()), listener.warnings, told)

    def refresh(self, *, on_step: Callable[[Step], None]) -> Result:
        """Ask the clouds how everything is now, and write that down.

        Creations that were cut off are forgotten: whoever calls this tells of them first (``begun``).
        """
        listener = Listener(on_step)
        with self._translated(listener):
            self._opened().refresh(
                color=NEVER,
                on_event=listener,
                show_secrets=False,
                config_file=str(self.file),
                suppress_outputs=True,
                suppress_progress=True,
                clear_pending_creates=True,
            )
        self._refuse_if_stopped()
        return Result(tuple(listener.done.values()), listener.warnings, {})

    def destroy(self, *, on_step: Callable[[Step], None], is_preview: bool = False) -> Result:
        """Delete everything that the state names, or say what would be deleted.

        To be previewed first: the engine finds out that something is protected when it has deleted other things.
        """
        listener = Listener(on_step)
        with self._translated(listener, rest=DELETES_THE_REST):
            self._opened().destroy(
                preview_only=is_preview or None,
                color=NEVER,
                on_event=listener,
                show_secrets=False,
                config_file=str(self.file),
                suppress_outputs=True,
                suppress_progress=True,
            )
        self._refuse_if_stopped()
        steps = listener.planned if is_preview else listener.done
        return Result(tuple(steps.values()), listener.warnings, {})

    def state(self) -> dict[str, Any]:
        """The stack's deployment as the state has it; secrets in it are encrypted."""
        with self._translated(Listener()):
            return dict(self._opened().export_stack().deployment or {})

    def put_state(self, deployment: Mapping[str, Any]) -> None:
        """Write a deployment back that ``state`` gave."""
        with self._translated(Listener()):
            version = self._opened().export_stack().version or 3
            self._opened().import_stack(Deployment(version=version, deployment=dict(deployment)))

    def _opened(self) -> Stack:
        workspace = _Workspace(
            work_dir=str(self.project),
            program=self._program,
            env_vars={},
            pulumi_command=_Command(str(self.program), self.version, self.environment, self._passing_on),
        )
        if workspace.project_settings().name != PROJECT:
            message = f"the project is called {workspace.project_settings().name}, and this program {PROJECT}"
            raise MastodonInfraError(message, hint="put the name in Pulumi.yaml right")
        return Stack.select(self.stack, workspace)

    def _program(self) -> None:
        """The one build; what goes wrong in it, a bug of ours too, is kept as it is."""
        try:
            deploy()
        except Exception as error:
            self._raised.append(error)
            raise pulumi.RunError(str(error)) from error

    def _refuse_if_stopped(self) -> None:
        """Of a destruction that was stopped the engine says that it went well."""
        if self._stops:
            raise _stopped()

    @contextmanager
    def _translated(self, listener: Listener, *, rest: str = MAKES_THE_REST) -> Iterator[None]:
        """Turn the engine's failures into errors that say what helps."""
        self._raised.clear()
        try:
            yield
        except CommandError as error:
            if self._stops:
                raise _stopped() from None
            if self._raised:
                raise self._raised[0] from None
            if listener.violations:
                raise broken_policies(listener.violations) from None
            raise refusal(listener.errors, str(error), stack=self.stack, rest=rest) from None
        except automation.InvalidVersionError:
            raise refusal((), "Pulumi CLI version is too old", stack=self.stack) from None

    @contextmanager
    def _passing_on(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """While the engine works, Ctrl-C is for it: once it ends in order, twice it lets go of what it waits for."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stops += 1
            process.send_signal(signal.SIGINT)
            self.on_stop(self._stops)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Command(PulumiCommand):
    """The engine's command line, in a session of its own, so that a terminal's Ctrl-C reaches it through us only."""

    def __init__(  # pylint: disable=super-init-not-called
        self,
        command: str,
        version: str,
        environment: Mapping[str, str],
        passing_on: Callable[[subprocess.Popen[str]], Any],
    ) -> None:
        self.command = command
        self.version = semver.VersionInfo.parse(version)
        self._environment = environment
        self._passing_on = passing_on

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        """Run the engine to its end; raises CommandError where it fails. Its output is kept, and told to nobody."""
        del on_output, on_error
        process = subprocess.Popen(  # noqa: S603  # words of ours; a URN comes out of the engine's own state
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            env={**self._environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        with process, self._passing_on(process):
            out, err = process.communicate()
        result = CommandResult(stdout=out, stderr=err, code=process.returncode)
        if process.returncode:
            raise create_command_error(result)
        return result


def _stopped() -> StoppedError:
    return StoppedError(
        "stopped; what had been begun came to its end, and the state knows it",
        hint="the same command goes on from there",
    )


def _shown(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in outputs.items() if value != "[secret]"}
