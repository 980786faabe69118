"""What stands around the instance in a stack file: the engine's keys, other programs' settings, our sibling secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mastodon_infra.errors import Path, Problem
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.stackfile.document import Document, Found, clipped
from mastodon_infra.stackfile.names import (
    ENGINE_KEYS,
    ESCROW_KEY,
    INSTANCE_KEY,
    INSTANCE_PATH,
    NAMESPACE,
    SECRETS,
    looks_secret,
    nearest,
    plain,
)

_CLOSE = 0.8
_NEW = "mastodon-infra new STACK writes a first one"


def around(document: Document) -> Iterator[Found]:
    """Problems of the file outside the instance."""
    data = document.data
    if data is None:
        yield _found(document, (), "the file is empty" if not document.text.strip() else "the file says nothing", _NEW)
    elif not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        yield _found(
            document, (), f"the file is {kind}, not a group of keys", f"start it with config: and {INSTANCE_KEY}:"
        )
    else:
        yield from _top(document, data)


def _top(document: Document, data: Mapping[str, object]) -> Iterator[Found]:
    for key in data:
        if key not in ENGINE_KEYS:
            yield from _unknown_top(document, key, data)
    if "config" not in data:
        if not any(_is_meant(key, "config") or _means_instance(key) for key in data):
            yield _found(document, (), "the key config is missing", f"start with config:, and below it {INSTANCE_KEY}:")
        return
    config = data["config"]
    if config is None and any(_means_instance(key) for key in data):
        return
    if not isinstance(config, dict):
        message = "config is empty" if config is None else "config is not a group of keys"
        yield _found(document, ("config",), message, f"below it, indented, stands {INSTANCE_KEY}:")
        return
    yield from _config(document, config)


def _unknown_top(document: Document, key: str, data: Mapping[str, object]) -> Iterator[Found]:
    shown = clipped(key, 40)
    if _means_instance(key) or ":" in key:
        yield _found(document, (key,), f"{shown} stands beside config", f"indent it below config: as {_right(key)}:")
    elif key in InstanceSpec.model_fields:
        yield _found(document, (key,), f"{shown} stands at the top of the file", f"indent it below {INSTANCE_KEY}:")
    elif "config" not in data and _is_meant(key, "config"):
        yield _found(document, (key,), f"the key {shown} is not known here", "did you mean config?")
    else:
        meant = nearest(key, ENGINE_KEYS)
        hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(ENGINE_KEYS)}"
        yield _found(document, (key,), f"the key {shown} is not known here", hint)


def _config(document: Document, config: Mapping[str, object]) -> Iterator[Found]:
    is_there = INSTANCE_KEY in config
    slipped = [key for key in config if not is_there and _means_instance(key)]
    for key in slipped:
        hint = f"write {INSTANCE_KEY}: (the project's name, a colon, instance)"
        yield _found(document, ("config", key), f"the key {clipped(key, 40)} is read by no program", hint)
    if not is_there and not slipped:
        yield _found(document, ("config",), f"the key {INSTANCE_KEY} is missing", _NEW)
    if is_there and _is_secure(config[INSTANCE_KEY]):
        hint = f"decrypt it with pulumi config get {INSTANCE_KEY}, and write the keys here in clear"
        yield _found(
            document, INSTANCE_PATH, "the instance is encrypted, but holds no secrets and must be readable", hint
        )
    for key, value in config.items():
        if key != INSTANCE_KEY and key not in slipped:
            yield from _sibling(document, key, value)


def _sibling(document: Document, key: str, value: object) -> Iterator[Found]:
    namespace, colon, name = key.partition(":")
    path = ("config", key)
    if key == ESCROW_KEY:
        if not is_record(value):
            hint = "take it out; mastodon-infra escrow writes it again"
            yield _found(document, path, "this is no record of an escrow", hint)
    elif not colon:
        meant = f"{NAMESPACE}:{name or key}"
        yield _found(document, path, f"the key {clipped(key, 40)} names no program", f"did you mean {meant}?")
    elif namespace == NAMESPACE and _snake(name) in InstanceSpec.model_fields:
        yield _found(
            document, path, f"{name} stands beside the instance", f"indent it below {INSTANCE_KEY}: as {_snake(name)}:"
        )
    elif namespace == NAMESPACE and key not in SECRETS and nearest(key, tuple(SECRETS), closeness=0.9):
        yield _found(
            document, path, f"the key {clipped(key, 40)} is not known", f"did you mean {nearest(key, tuple(SECRETS))}?"
        )
    elif (key in SECRETS or looks_secret(name)) and isinstance(value, str) and value not in {"", "true", "false"}:
        hint = f"change it where it was made, then: pulumi config set --secret {key}"
        yield _found(document, path, "a secret stands in the file in clear", hint)


def is_record(value: object) -> bool:
    """Whether a value tells of an escrow: a day, and texts by name."""
    if not isinstance(value, Mapping) or set(value) != {"date", "fingerprints"}:
        return False
    told = value["fingerprints"]
    return (
        isinstance(value["date"], str) and isinstance(told, Mapping) and all(isinstance(x, str) for x in told.values())
    )


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).replace("-", "_")


def _is_secure(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _means_instance(key: str) -> bool:
    """Whether a key was surely meant as ``mastodon-infra:instance``."""
    namespace, _, name = key.rpartition(":")
    if not namespace:
        return _is_meant(name, "instance") or _is_meant(key, INSTANCE_KEY)
    is_ours = _is_meant(namespace, NAMESPACE) or plain(namespace) in {"mastodon", "mastodoninfraconfig", "infra"}
    return is_ours and _is_meant(name, "instance")


def _is_meant(word: str, known: str) -> bool:
    return nearest(word, (known,), closeness=_CLOSE) is not None


def _right(key: str) -> str:
    return INSTANCE_KEY if _means_instance(key) else clipped(key, 40)


def _found(document: Document, path: Path, message: str, hint: str = "") -> Found:
    return Found(document.line(path), Problem(path, message, hint))
