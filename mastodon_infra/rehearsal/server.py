"""How the engine reaches a stand-in: gRPC on loopback, one process per provider, gone with the engine."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from mastodon_infra.rehearsal.kinds import ApiError
from mastodon_infra.rehearsal.provider import Change, StandIn
from mastodon_infra.rehearsal.wire import from_struct, plain, to_struct
from mastodon_infra.rehearsal.world import Event

PARENT_LOOK_SECONDS = 0.5
STOP_SECONDS = 0.2

_DIFF_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Carries messages to a stand-in and back. Method names are those of the protocol."""

    def __init__(self, stand_in: StandIn, engine: str) -> None:
        super().__init__()
        self._stand_in, self._log = stand_in, _warner(engine)

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """The SDK's version: a lower one makes the engine warn."""
        return plugin_pb2.PluginInfo(version=self._stand_in.cloud.version)

    def Attach(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Let an engine use a server that runs already."""
        return empty_pb2.Empty()

    def Cancel(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Nothing here takes so long that it would be worth breaking off."""
        return empty_pb2.Empty()

    def GetSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """No schema: programs bring the SDK's."""
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Settings are looked at when they are used."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Other settings never replace what was made with the old ones."""
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the settings."""

        def answer() -> Any:
            self._stand_in.configure(plain(from_struct(request.args)), os.environ)
            return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

        return _answered(context, answer)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse wrong inputs, by a text without a property: the engine would print that property's value."""

        def answer() -> Any:
            failures = self._stand_in.check(_type_of(request.urn), from_struct(request.news))
            told = [provider_pb2.CheckFailure(property="", reason=reason) for reason in failures]
            return provider_pb2.CheckResponse(inputs=request.news, failures=told)

        return _answered(context, answer)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compare inputs with inputs."""

        def answer() -> Any:
            changes = self._stand_in.diff(
                _type_of(request.urn),
                from_struct(request.old_inputs),
                from_struct(request.olds),
                from_struct(request.news),
            )
            return _diff_response(changes)

        return _answered(context, answer)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make something."""

        def answer() -> Any:
            identity, properties, warnings = self._stand_in.create(
                _type_of(request.urn), from_struct(request.properties), is_preview=request.preview
            )
            self._log(request.urn, warnings)
            self._remember("create", request)
            return provider_pb2.CreateResponse(id=identity, properties=to_struct(properties))

        return _answered(context, answer)

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say how something is now; an empty answer where it is gone."""

        def answer() -> Any:
            found = self._stand_in.read(
                _type_of(request.urn),
                request.id,
                inputs=from_struct(request.inputs),
                properties=from_struct(request.properties),
            )
            if found is None:
                return provider_pb2.ReadResponse()
            inputs, properties = found
            return provider_pb2.ReadResponse(id=request.id, inputs=to_struct(inputs), properties=to_struct(properties))

        return _answered(context, answer)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Change something in place."""

        def answer() -> Any:
            properties, warnings = self._stand_in.update(
                _type_of(request.urn),
                request.id,
                olds=from_struct(request.olds),
                old_inputs=from_struct(request.old_inputs),
                news=from_struct(request.news),
                is_preview=request.preview,
            )
            self._log(request.urn, warnings)
            self._remember("update", request)
            return provider_pb2.UpdateResponse(properties=to_struct(properties))

        return _answered(context, answer)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take something away."""

        def answer() -> Any:
            self._stand_in.delete(_type_of(request.urn), request.id)
            self._remember("delete", request)
            return empty_pb2.Empty()

        return _answered(context, answer)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer a question of the program."""

        def answer() -> Any:
            told = self._stand_in.invoke(request.tok, from_struct(request.args))
            return provider_pb2.InvokeResponse(**{"return": to_struct(told)})

        return _answered(context, answer)

    def _remember(self, operation: str, request: Any) -> None:
        if not (operation != "delete" and request.preview):
            self._stand_in.world.remember(Event(os.getppid(), operation, request.urn))


def serve(stand_in: StandIn, engine: str) -> None:
    """Serve until the engine says stop or is gone. The first line on standard output is the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(stand_in, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: server.stop(STOP_SECONDS))
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


def _leave_with(parent: int) -> None:
    """An engine that is killed cannot say stop."""
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_SECONDS)
    os._exit(1)


def _answered(context: Any, answer: Callable[[], Any]) -> Any:
    """The answer; an error of the vendor's as one clean line instead of a traceback."""
    try:
        return answer()
    except ApiError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _warner(engine: str) -> Callable[[str, list[str]], None]:
    """Shows warnings in the engine's own output."""
    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine))

    def warn(urn: str, warnings: list[str]) -> None:
        for message in warnings:
            stub.Log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=message, urn=urn))

    return warn


def _diff_response(changes: dict[str, Change]) -> Any:
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if changes else response.DIFF_NONE,
        diffs=list(changes),
        replaces=[name for name, change in changes.items() if change.replaces],
        detailedDiff={
            name: provider_pb2.PropertyDiff(kind=_DIFF_KINDS[change.kind, change.replaces], inputDiff=True)
            for name, change in changes.items()
        },
        hasDetailedDiff=True,
    )


def _type_of(urn: str) -> str:
    """The type in a URN, where the types of its parents stand before it."""
    return urn.split("::")[2].rpartition("$")[2]
