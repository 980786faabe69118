"""A stack as it is before a deployment: what its config says in clear, and what its state tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mastodon_infra.errors import MastodonInfraError, ToolError
from mastodon_infra.operate.engine import Engine, Made, fits
from mastodon_infra.program.outputs import StackOutputs, read_outputs
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.escrow import EscrowRecord


@dataclass(frozen=True, slots=True)
class Situation:
    """What the engine told; ``troubles`` has its refusals by what was asked: engine, backend, config or outputs.

    Attributes:
        version: The engine's.
        backend: The address of the state.
        config: The stack's config in clear; None where it could not be read.
        outputs: What the last deployment told; None where there was none, or where it could not be read.
        recorded: The escrow that the stack's file tells of.
        is_deployed: Whether something was made before, if only half of it.
        protected: Logical names of what the state protects against deletion.
        region: Where its machines and volumes are; empty while there are none.
    """

    version: str = ""
    backend: str = ""
    config: Mapping[str, str] | None = field(default=None, repr=False)
    outputs: StackOutputs | None = None
    recorded: EscrowRecord | None = None
    troubles: Mapping[str, MastodonInfraError] = field(default_factory=dict)
    is_deployed: bool = False
    protected: frozenset[str] = frozenset()
    region: str = ""

    @property
    def fingerprints(self) -> Mapping[str, str] | None:
        """Of the keys in use; None before the first deployment."""
        return self.outputs.key_fingerprints if self.outputs else None

    @property
    def wiring(self) -> Wiring | None:
        """Every secret that machines get; None before the first deployment."""
        return self.outputs.wiring if self.outputs else None


def look(engine: Engine, recorded: EscrowRecord | None) -> Situation:
    """Ask the engine everything; what it refuses is kept as trouble, so that the rest is still told."""
    troubles: dict[str, MastodonInfraError] = {}
    version = backend = ""
    config: Mapping[str, str] | None = None
    outputs: StackOutputs | None = None
    made: tuple[Made, ...] = ()
    try:
        version = engine.version()
    except (ToolError, OSError) as error:
        trouble = error if isinstance(error, ToolError) else ToolError("the engine does not run", hint="make engine")
        return Situation(recorded=recorded, troubles={"engine": trouble})
    if not fits(version):
        return Situation(version, recorded=recorded)  # whatever it told of a state, it might tell wrongly
    try:
        backend = engine.backend()
        config = engine.config()
        made = engine.made()
        told = engine.outputs()
        outputs = read_outputs(told) if told else None
    except ToolError as error:
        troubles["config" if backend and config is None else "outputs" if backend else "backend"] = error
    protected = frozenset(one.name for one in made if one.is_protected)
    region = next((one.region for one in made if one.region), "")
    return Situation(version, backend, config, outputs, recorded, troubles, bool(made), protected, region)
