"""A stand-in for one provider: checks, compares, creates, reads, changes and deletes by its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from mastodon_infra.rehearsal.kinds import Account, ApiError, Call, Kind
from mastodon_infra.rehearsal.wire import plain, remarked, secret
from mastodon_infra.rehearsal.world import Fault, Thing, Values, World

Invoke = Callable[[World, Values], Values]
"""Answers a question of the program, from plain arguments; raises ApiError."""


@dataclass(frozen=True, slots=True)
class Change:
    """One input that is another than before: ``add``, ``delete`` or ``update``, and whether that replaces."""

    kind: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class Cloud:
    """The rows of one provider, the questions that it answers, and what it cannot be without.

    ``credentials`` are settings, each with the environment variable that stands in for it.
    """

    package: str
    kinds: tuple[Kind, ...]
    invokes: Mapping[str, Invoke] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The installed SDK's, which is the one that the engine asks for."""
        return version(f"pulumi-{self.package}")

    def kind(self, token: str) -> Kind:
        """The row of a type; ApiError where the stand-in does not know it."""
        for kind in self.kinds:
            if kind.token == token:
                return kind
        raise ApiError(f"the local cloud has no {token}: add it to mastodon_infra/rehearsal/clouds", status=501)


class StandIn:
    """One process of a provider: the rows, the account that it was configured for, and the world."""

    def __init__(self, cloud: Cloud, world: World) -> None:
        self.cloud, self.world = cloud, world
        self.account = Account(cloud.package)

    def configure(self, settings: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Take the provider's settings, in plain; those that are no texts arrive as JSON."""
        self._fail_if_planned("configure", self.cloud.package)
        read = {key: _parsed(value) for key, value in settings.items()}
        for name, variable in self.cloud.credentials.items():
            read[name] = read.get(name) or environment.get(variable)
            if not read[name]:
                raise ApiError(f"{self.cloud.package}: no {name} is configured; {variable} is not set", status=401)
        self.account = Account(self.cloud.package, read)

    def check(self, token: str, news: Values) -> list[str]:
        """Everything that is wrong with inputs; none of it quotes a value that is secret."""
        return self.cloud.kind(token).failures(plain(news))

    def diff(self, token: str, old_inputs: Values, old_outputs: Values, news: Values) -> dict[str, Change]:
        """Every input that changes."""
        kind, before, after = self.cloud.kind(token), plain(old_inputs), plain(news)
        changes = {
            name: Change(_change_of(before.get(name), after.get(name)), kind.replaces(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        }
        if kind.renews and kind.renews(before, plain(old_outputs)):
            changes["readyForRenewal"] = Change("update", replaces=True)
        return changes

    def create(self, token: str, inputs: Values, *, is_preview: bool) -> tuple[str, Values, list[str]]:
        """Make something: its id, its properties with the marks that its inputs had, and warnings."""
        kind = self.cloud.kind(token)
        if is_preview:
            return "", inputs, []  # what is computed and therefore missing, the SDK takes for not known yet
        fault = self._fail_if_planned("create", token)
        with self.world.locked():
            number = 0 if kind.is_local else self.world.next_number()
            call = Call(token, plain(inputs), self.world, self.account, number=number)
            kind.refuse(call)
            identity, outputs = kind.identity(call), kind.computed(call)
            if not kind.is_local:
                self.world.put(Thing(token, identity, _kept(kind, call.inputs), outputs))
        if fault:
            raise _planned(fault)
        return identity, {**inputs, **_marked(kind, outputs)}, call.warnings

    def update(
        self, token: str, identity: str, *, olds: Values, old_inputs: Values, news: Values, is_preview: bool
    ) -> tuple[Values, list[str]]:
        """Change something in place: its properties, and warnings."""
        kind = self.cloud.kind(token)
        computed = {name: value for name, value in olds.items() if name not in old_inputs and name not in news}
        if is_preview:
            return {**computed, **news}, []
        if kind.is_local:
            return {**computed, **news}, []
        self._fail_if_planned("update", token)
        with self.world.locked():
            thing = self.world.get(token, identity)
            if thing is None:
                raise ApiError(f"{kind.name} {identity} not found", status=404)
            call = Call(token, plain(news), self.world, self.account, plain(old_inputs), identity)
            kind.refuse(call)
            fresh = kind.recomputed(call) if kind.recomputed else {}
            self.world.put(Thing(token, identity, _kept(kind, call.inputs), {**thing.outputs, **fresh}))
        return {**computed, **news, **_marked(kind, fresh)}, call.warnings

    def read(self, token: str, identity: str, *, inputs: Values, properties: Values) -> tuple[Values, Values] | None:
        """Inputs and properties as they are now, with the marks they had; None where it is gone."""
        kind = self.cloud.kind(token)
        if kind.is_local:
            return inputs, properties
        self._fail_if_planned("read", token)
        thing = self.world.get(token, identity)
        if thing is None:
            return None
        now = {name: remarked(value, like=inputs.get(name)) for name, value in thing.inputs.items()}
        for name in kind.write_only & now.keys():
            if name in inputs and thing.inputs[name] == _digest(plain(inputs[name])):
                now[name] = inputs[name]
        told = {name: remarked(value, like=properties.get(name)) for name, value in thing.outputs.items()}
        return now, {**told, **_marked(kind, {k: plain(v) for k, v in told.items() if k in kind.secret_outputs}), **now}

    def delete(self, token: str, identity: str) -> None:
        """Take something away; ApiError where others still need it."""
        kind = self.cloud.kind(token)
        if kind.is_local:
            return
        self._fail_if_planned("delete", token)
        with self.world.locked():
            thing = self.world.get(token, identity)
            if thing is None:
                return
            if kind.on_delete:
                kind.on_delete(self.world, thing, self.account)
            if not kind.stays:
                self.world.remove(token, identity)

    def invoke(self, token: str, arguments: Values) -> Values:
        """Answer a question of the program."""
        answer = self.cloud.invokes.get(token)
        if answer is None:
            raise ApiError(f"the local cloud has no answer to {token}", status=501)
        return answer(self.world, plain(arguments))

    def _fail_if_planned(self, operation: str, token: str) -> Fault | None:
        """Run into the fault that is due, or give it back where it is to come later."""
        fault = self.world.due_fault(operation, token)
        if fault and fault.status and not fault.is_late:
            raise _planned(fault)
        return fault if fault and fault.is_late else None


def _planned(fault: Fault) -> ApiError:
    return ApiError(f"a fault was planned: {fault.operation} of {fault.type}", status=fault.status)


def _parsed(value: Any) -> Any:
    if (isinstance(value, str) and value[:1] in {"[", "{"}) or value in {"true", "false"}:
        return json.loads(value)
    return value


def _change_of(before: Any, after: Any) -> str:
    if before is None:
        return "add"
    return "delete" if after is None else "update"


def _marked(kind: Kind, outputs: Values) -> Values:
    return {name: secret(value) if name in kind.secret_outputs else value for name, value in outputs.items()}


def _kept(kind: Kind, inputs: Values) -> Values:
    """What the world keeps of inputs."""
    return {name: _digest(value) if name in kind.write_only else value for name, value in inputs.items()}


def _digest(value: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
