"""The recorder: a resource monitor that keeps what it is asked to register."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from google.protobuf import empty_pb2, json_format  # type: ignore[import-untyped]  # its stubs are a package apart
from google.protobuf.struct_pb2 import Struct  # type: ignore[import-untyped]  # as above
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from mastodon_infra.program.answers import answer, invoked

SECRET = "[secret]"  # noqa: S105  # what is shown instead of one
STACK_TYPE = "pulumi:pulumi:Stack"
IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """One registered resource.

    Attributes:
        type: Its type token, ``linode:index/instance:Instance``.
        name: Its logical name, by which the state knows it.
        parent: The logical name of the component it belongs to; empty for those at the top.
        inputs: What it is asked to be, in the provider's spelling; secrets hidden, ids and addresses in words.
        is_custom: Whether a provider makes something of it; components are names only.
        protect: Whether it refuses to be deleted.
        ignore_changes: Inputs that are not compared once it exists.
        delete_before_replace: Whether the old one goes before the new one comes.
        dependencies: ``type::name`` of what has to exist first.
        provider: The logical name of its explicit provider; empty for the default one.
    """

    type: str
    name: str
    parent: str
    inputs: Mapping[str, Any]
    is_custom: bool
    protect: bool
    ignore_changes: tuple[str, ...]
    delete_before_replace: bool
    dependencies: tuple[str, ...]
    provider: str


@dataclass(slots=True)
class _World:
    """What has been registered so far. Registrations come from several threads."""

    records: dict[str, ResourceRecord] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class Recorder(MockMonitor):
    """Stands where the engine's monitor stands, records each request and answers it."""

    def __init__(self) -> None:  # pylint: disable=super-init-not-called
        self.resources = {}
        self.outputs: dict[str, Any] = {}
        self._world = _World()

    def records(self) -> tuple[ResourceRecord, ...]:
        """Everything but the stack itself, sorted by type and name."""
        words = _Words(self._world.told)
        return tuple(
            words.in_record(one) for one in sorted(self._world.records.values(), key=lambda one: (one.type, one.name))
        )

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the monitor's interface
        """Record a registration; RuntimeError where its URN is taken, which the engine refuses as well."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = json_format.MessageToDict(request.object)
        told = answer(request.type, request.name, inputs) if request.custom else None
        with self._world.lock:
            if urn in self._world.records:
                message = f"two resources of type {request.type} are called {request.name!r}: {urn}"
                raise RuntimeError(message)
            self._world.records[urn] = _record(request, inputs)
            self._world.told |= told.told if told else {}
        outputs = {**inputs, **told.outputs} if told else inputs
        secrets = set(request.additionalSecretOutputs)
        marked = {key: _marked(value) if key in secrets else value for key, value in outputs.items()}
        return resource_pb2.RegisterResourceResponse(urn=urn, id=told.id if told else "", object=_struct(marked))

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  # the monitor's interface
        """Keep the stack's outputs; those of components are of no use here."""
        if _type_of(request.urn) == STACK_TYPE:
            self.outputs = _unmarked(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802  # the monitor's interface
        """Answer a question asked of a provider."""
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(invoked(request.tok))})

    def ReadResource(self, request: Any) -> Any:  # noqa: N802  # the monitor's interface
        """Refuse: the program reads nothing that it has not made."""
        message = f"the program read {request.type} {request.name}, which an offline preview cannot know"
        raise NotImplementedError(message)


def _record(request: Any, inputs: dict[str, Any]) -> ResourceRecord:
    parent = "" if _type_of(request.parent) == STACK_TYPE else _name_of(request.parent)
    return ResourceRecord(
        type=request.type,
        name=request.name,
        parent=parent,
        inputs=_hidden(inputs),
        is_custom=request.custom,
        protect=request.protect,
        ignore_changes=tuple(request.ignoreChanges),
        delete_before_replace=request.deleteBeforeReplace,
        dependencies=tuple(sorted(f"{_type_of(urn)}::{_name_of(urn)}" for urn in request.dependencies)),
        provider=_name_of(request.provider.rpartition("::")[0]),
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """Ids and addresses that were made up, and what they stand for."""

    told: Mapping[str, str]

    def in_record(self, record: ResourceRecord) -> ResourceRecord:
        """The record with its inputs sorted, every made-up value in them put into words, and whole numbers whole."""
        return replace(record, inputs=self._in(record.inputs))

    def _in(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._in(inner) for key, inner in sorted(value.items())}
        if isinstance(value, list):
            return [self._in(inner) for inner in value]
        if isinstance(value, str):
            # An address may stand inside a text, before its port.
            return self.told.get(value) or IPV4.sub(lambda found: self.told.get(found[0], found[0]), value)
        if isinstance(value, float) and value.is_integer():
            return self.told.get(f"{value:.0f}", int(value))
        return value


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2] if urn else ""


def _name_of(urn: str) -> str:
    return urn.split("::", 3)[3] if urn else ""


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and value.get(_special_sig_key) == _special_secret_sig


def _marked(value: object) -> dict[str, object]:
    return {_special_sig_key: _special_secret_sig, "value": value}


def _hidden(value: Any) -> Any:
    """A value with every secret in it replaced."""
    if _is_secret(value):
        return SECRET
    if isinstance(value, dict):
        return {key: _hidden(inner) for key, inner in value.items()}
    return [_hidden(inner) for inner in value] if isinstance(value, list) else value


def _unmarked(value: Any) -> Any:
    """A value with every secret in it laid open."""
    if _is_secret(value):
        return _unmarked(value["value"])
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items()}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _struct(values: Mapping[str, object]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct
