"""What the engine tells while it works, as plain values: steps per resource, and what it has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDERS = "pulumi:providers:"
REPLACING = frozenset({"replace", "create-replacement", "delete-replaced", "discard-replaced"})
SAME = "same"
_QUIET = frozenset({SAME, "read", "refresh"})


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one resource.

    Attributes:
        operation: create, update, replace, delete or same; a replacement is one step, however many parts it has.
        type: Its type token, ``linode:index/instance:Instance``.
        name: Its logical name.
        urn: How the engine names it.
        is_custom: Whether a provider makes something of it.
        is_protected: Whether it was protected against deletion before.
        keys: Inputs that differ, for updates and replacements.
    """

    operation: str
    type: str
    name: str
    urn: str
    is_custom: bool = True
    is_protected: bool = False
    keys: tuple[str, ...] = ()

    @property
    def is_thing(self) -> bool:
        """Whether it stands for something at a cloud: neither a component nor what only says how to reach one."""
        return self.is_custom and not self.type.startswith(PROVIDERS)

    @property
    def is_change(self) -> bool:
        """Whether anything is done."""
        return self.operation not in _QUIET


@dataclass(frozen=True, slots=True)
class Said:
    """A warning or an error of the engine, about a resource or about nothing in particular."""

    severity: str
    text: str
    urn: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """What a mandatory policy refuses, about a resource or about the whole stack."""

    policy: str
    text: str
    urn: str = ""


@dataclass(slots=True)
class Listener:
    """Hears the engine's events and keeps what people and the code around want to know."""

    on_step: Callable[[Step], None] = lambda _step: None
    planned: dict[str, Step] = field(default_factory=dict)
    done: dict[str, Step] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    stack_outputs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, event: Any) -> None:
        """Take an event in; called from threads of the engine's connection."""
        if event.resource_pre_event:
            _merge(self.planned, step_of(event.resource_pre_event.metadata))
        if event.res_outputs_event:
            self._finished(event.res_outputs_event.metadata)
        broken = event.policy_event
        if broken and broken.enforcement_level == "mandatory":
            violation = Violation(broken.policy_name, plain_text(broken.message), broken.resource_urn or "")
            if violation not in self.violations:
                self.violations.append(violation)
        heard = event.diagnostic_event
        if heard and heard.severity in {"warning", "error"} and not heard.ephemeral:
            self.said.append(Said(heard.severity, plain_text(heard.message), heard.urn or ""))

    def _finished(self, metadata: Any) -> None:
        step = step_of(metadata)
        if step.type == STACK_TYPE and metadata.new is not None:
            self.stack_outputs = metadata.new.outputs or {}
        is_new = step.urn not in self.done or self.done[step.urn].operation != "replace"
        _merge(self.done, step)
        # Of a replacement's parts the last one counts, which makes the new one.
        is_part = str(metadata.op.value) in REPLACING and str(metadata.op.value) != "create-replacement"
        if step.is_thing and step.is_change and not is_part and (is_new or step.operation == "replace"):
            self.on_step(step)

    @property
    def errors(self) -> tuple[Said, ...]:
        """What went wrong, in the engine's order and once each."""
        return tuple(dict.fromkeys(said for said in self.said if said.severity == "error"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the engine or a provider warns of, once each."""
        return tuple(dict.fromkeys(said.text for said in self.said if said.severity == "warning"))


def step_of(metadata: Any) -> Step:
    """An event's metadata as a step."""
    operation = str(metadata.op.value)
    state = metadata.old or metadata.new
    return Step(
        operation="replace" if operation in REPLACING else operation,
        type=metadata.type,
        name=metadata.urn.rpartition("::")[2],
        urn=metadata.urn,
        is_custom=bool(state and state.custom),
        is_protected=bool(metadata.old and metadata.old.protect),
        keys=tuple(metadata.diffs or metadata.keys or ()),
    )


def plain_text(message: str) -> str:
    """A message without the engine's marks for colours, and without empty lines around it."""
    text = message
    while "<{%" in text and "%}>" in text:
        before, _, rest = text.partition("<{%")
        text = before + rest.partition("%}>")[2]
    return text.strip()


def _merge(steps: dict[str, Step], step: Step) -> None:
    """A later part of a replacement takes nothing away from what its first one told."""
    known = steps.get(step.urn)
    if known is None or known.operation == SAME or (step.operation == "replace" and known.operation != "replace"):
        steps[step.urn] = step
    elif step.keys and not known.keys:
        steps[step.urn] = Step(
            known.operation, known.type, known.name, known.urn, known.is_custom, known.is_protected, step.keys
        )
