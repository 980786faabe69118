"""What a row about a kind of resource says: what it needs, what is refused, what replaces it, what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.rehearsal.wire import is_known
from mastodon_infra.rehearsal.world import Thing, Values, World

EVERYTHING = frozenset({"*"})
"""As ``replace_on``: any change replaces."""


class ApiError(Exception):
    """What a vendor's API answers instead of doing what it was asked."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(f"[{status:03d}] {message}")


@dataclass(frozen=True, slots=True)
class Account:
    """What a provider was configured with, in plain."""

    package: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the API: to create, or to change what ``old`` describes.

    Attributes:
        inputs: What it is to be, in plain.
        old: The inputs so far; None when it is created.
        id: Its id; for rules of a creation not given yet.
        number: The number that a creation is given.
    """

    token: str
    inputs: Values
    world: World
    account: Account
    old: Values | None = None
    id: str = ""
    number: int = 0
    warnings: list[str] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """An input, or None."""
        return self.inputs.get(name)

    def needs(self, token: str, identity: object, what: str) -> Thing:
        """The other resource that this one names; ApiError where there is none."""
        found = self.world.get(token, identity)
        if found is None:
            raise ApiError(f"{what} {identity} not found", status=404)
        return found

    def others(self, token: str | None = None) -> Iterator[Thing]:
        """Everything else of this type, or all of another."""
        return (thing for thing in self.world.all(token or self.token) if token or thing.id != self.id)


Check = Callable[[Values], str | None]
"""Looks at plain inputs and says what is wrong. Runs in previews, where some inputs are not known yet."""

Rule = Callable[[Call], None]
"""Raises ApiError. Runs when something is created or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource.

    Attributes:
        required: Inputs without which the provider does not even ask the API.
        checks: What the provider refuses before anything is created, in this order.
        rules: What the API refuses.
        unsure: As rules, but nobody has seen the API say so: a warning instead.
        unique: Groups of inputs that no two resources of the kind share.
        replace_on: Inputs whose change replaces. ``EVERYTHING`` for those that cannot be changed.
        computed: Outputs beside the inputs, known once it is created.
        recomputed: As computed, after a change; the old ones stay where this is None.
        secret_outputs: Outputs among those that are secret.
        write_only: Inputs that the vendor never gives back, and that the world keeps as nothing but a digest.
        identity: Its id; by default a number.
        is_local: Made by the provider itself: nothing exists anywhere, the state is all there is.
        stays: Deleting it leaves it as it is at the vendor's.
        on_delete: Refuses or follows a deletion.
        renews: Whether the old outputs say that it is time for another.
    """

    token: str
    required: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    rules: tuple[Rule, ...] = ()
    unsure: tuple[Rule, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    replace_on: frozenset[str] = frozenset()
    computed: Callable[[Call], Values] = lambda _: {}
    recomputed: Callable[[Call], Values] | None = None
    secret_outputs: frozenset[str] = frozenset()
    write_only: frozenset[str] = frozenset()
    identity: Callable[[Call], str] = lambda call: str(call.number)
    is_local: bool = False
    stays: bool = False
    on_delete: Callable[[World, Thing, Account], None] | None = None
    renews: Callable[[Values, Values], bool] | None = None

    @property
    def name(self) -> str:
        """The last word of its type."""
        return self.token.rpartition(":")[2]

    def replaces(self, name: str) -> bool:
        """Whether a change of that input replaces."""
        return self.replace_on is EVERYTHING or name in self.replace_on

    def failures(self, inputs: Values) -> list[str]:
        """Everything that the provider refuses in these plain inputs."""
        missing = [f"{name}: a value is required" for name in self.required if inputs.get(name) is None]
        return missing + [said for check in self.checks if (said := check(inputs))]

    def refuse(self, call: Call) -> None:
        """Raise what the API answers, if it does."""
        for names in self.unique:
            values = [call.get(name) for name in names]
            if any(values) and any([other.inputs.get(name) for name in names] == values for other in call.others()):
                raise ApiError(f"[{names[-1]}] must be unique: another {self.name} has {', '.join(map(str, values))}")
        for rule in self.rules:
            rule(call)
        for rule in self.unsure:
            try:
                rule(call)
            except ApiError as doubt:
                call.warnings.append(f"the real API may refuse this: {doubt}")


# --- Checks that many rows share ------------------------------------------------------------------------------------


def known(check: Callable[[Any], str | None], name: str) -> Check:
    """Ask about one input once it is there and known; the answer gets its name."""

    def checked(inputs: Values) -> str | None:
        value = inputs.get(name)
        said = check(value) if value is not None and is_known(value) else None
        return f"{name}: {said}" if said else None

    return checked


def one_of(name: str, *allowed: object) -> Check:
    """An input out of a closed list."""
    return known(lambda value: None if value in allowed else f"expected one of {list(allowed)}, got {value!r}", name)


def length(name: str, least: int, most: int) -> Check:
    """A text's or a list's length."""

    def measured(value: Any) -> str | None:
        return None if least <= len(value) <= most else f"must have {least} to {most}, has {len(value)}"

    return known(measured, name)


def between(name: str, least: int, most: int) -> Check:
    """A number's range."""

    def measured(value: Any) -> str | None:
        return None if least <= value <= most else f"must be {least} to {most}, is {value}"

    return known(measured, name)


def any_of(*names: str) -> Check:
    """Inputs of which at least one has to be given."""

    def checked(inputs: Values) -> str | None:
        return None if any(inputs.get(name) for name in names) else f"one of {', '.join(names)} is required"

    return checked
