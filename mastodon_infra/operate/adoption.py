"""Adoption: a key that the stack generated becomes one that its config gives, with the same value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mastodon_infra.errors import SpecError, ToolError
from mastodon_infra.operate.engine import Engine
from mastodon_infra.operate.keys import CONFIG_KEYS, LOGICAL_NAMES
from mastodon_infra.program.outputs import StackOutputs, read_outputs
from mastodon_infra.render.fingerprints import LIFE_LONG, fingerprint
from mastodon_infra.stackfile.names import SECRETS


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as it may be told of. ``source`` is given, generated or absent; only strong keys have a fingerprint."""

    key: str
    source: str
    fingerprint: str
    purpose: str


def known_secrets(config: Mapping[str, str], outputs: StackOutputs | None) -> tuple[Secret, ...]:
    """Every secret that a stack can have, and where its value comes from; never the value.

    A password that people chose could be guessed from its fingerprint, so only life-long keys have one.
    """
    by_key = {key: name for name, key in CONFIG_KEYS.items()}
    told = []
    for key, purpose in SECRETS.items():
        name, given = by_key.get(key), config.get(key)
        digits = ""
        if name:
            in_use = outputs.key_fingerprints.get(name, "") if outputs else ""
            digits = fingerprint(name, given) if given is not None else in_use
        source = "given" if given is not None else "generated" if digits else "absent"
        told.append(Secret(key, source, digits, purpose))
    return tuple(told)


def given_as_in_use(config: Mapping[str, str], in_use: Mapping[str, str]) -> frozenset[str]:
    """Logical names of the life-long keys that the config gives with the value in use: none is lost."""
    return frozenset(
        LOGICAL_NAMES[name]
        for name, digits in in_use.items()
        if CONFIG_KEYS.get(name) in config and fingerprint(name, config[CONFIG_KEYS[name]]) == digits
    )


def give(engine: Engine, keys: Mapping[str, str]) -> None:
    """Give keys out of an escrow in the config of a stack that has made nothing yet: its first ``up`` uses them.

    Raises SpecError where the stack has keys already that are others, in use or given, or generates them itself; then
    nothing is written.
    """
    config, told = engine.config(), engine.outputs()
    in_use = read_outputs(told).key_fingerprints if told else {}
    for name, value in keys.items():
        given = config.get(CONFIG_KEYS[name])
        if in_use.get(name, fingerprint(name, value)) != fingerprint(name, value) or given not in {None, value}:
            raise SpecError(
                f"the stack has another {CONFIG_KEYS[name]} already",
                hint="keys are given to a new stack, before its first up: pulumi stack init",
            )
    for name in keys:
        if engine.protected_named(LOGICAL_NAMES[name]):
            raise SpecError(
                f"the stack generates {CONFIG_KEYS[name]} itself, with the same value",
                hint=f"nothing has to be given; to keep it in the file: mastodon-infra secrets adopt "
                f"{engine.stack} {CONFIG_KEYS[name]}",
            )
    for name, value in keys.items():
        if CONFIG_KEYS[name] not in config:
            engine.set_secret(CONFIG_KEYS[name], value)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an adoption did: the key in the config, its fingerprint, and whether each step was still to do."""

    key: str
    fingerprint: str
    was_given: bool
    was_protected: bool


def adopt(engine: Engine, name: str) -> Adopted:
    """Give a generated key in the config, and let the next ``up`` drop what generated it.

    First the config, then the protection: cut short in between, nothing is lost and a second run completes it.
    Raises ToolError before the first deployment, and SpecError where the config gives another value.
    """
    if name not in LIFE_LONG:
        raise SpecError(f"{name} is no life-long key")
    key, config, outputs = CONFIG_KEYS[name], engine.config(), read_outputs(engine.outputs())
    if outputs.wiring is None:
        raise ToolError("the stack's secrets could not be read", hint="set the passphrase of the stack")
    value, given = str(getattr(outputs.wiring, name)), config.get(key)
    if given is None:
        engine.set_secret(key, value)
    if (given or engine.config().get(key)) != value:
        raise SpecError(
            f"the config gives another {key} than the one in use",
            hint=f"a key for life cannot be exchanged: pulumi config rm {key}, then adopt it",
        )
    urn = engine.protected_named(LOGICAL_NAMES[name])
    if urn:
        engine.unprotect(urn)
    return Adopted(key, fingerprint(name, value), given is not None, urn is not None)
