"""The shape of everything that is asked: of a machine over SSH, or of the instance from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.outputs import StackOutputs
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.wiring import Wiring

PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class OnNode:
    """A program that a machine runs as root. What is secret goes by standard input or the environment."""

    node: str
    words: tuple[str, ...]
    stdin: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: int = PATIENCE_SECONDS


def shell(node: str, script: str) -> OnNode:
    """A line of shell as a question."""
    return OnNode(node, ("bash", "-c", script))


@dataclass(frozen=True, slots=True)
class FromOutside:
    """Something that this computer does itself, in a thread; it raises UnreachableError where no answer comes."""

    run: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What a program on a machine said; true when it ended with 0."""

    status: int
    stdout: str
    stderr: str

    def __bool__(self) -> bool:
        return self.status == 0

    @property
    def trouble(self) -> str:
        """The last line of what it complained about."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1][:200] if lines else f"it ended with {self.status}"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask, and the judge of what is seen: ``Said`` of a machine, else what the function gave."""

    group: str
    name: str
    ask: OnNode | FromOutside
    judge: Callable[[Any], Iterable[Check]]


def nothing_to_ask(group: str, name: str, why: str) -> Question:
    """A question that the plan leaves empty; it is told as skipped."""
    return Question(group, name, FromOutside(lambda: None), lambda _: (Group(group).skipped(name, why),))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: the plan, what the deployment told, and what each machine should hold."""

    stack: str
    plan: InstancePlan
    outputs: StackOutputs
    wiring: Wiring
    bundles: Mapping[str, NodeBundle]
