"""Write stack files: a new one, or a new instance in an old one whose every other byte stays as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from mastodon_infra.errors import StackFileError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.stackfile.document import Document, parse
from mastodon_infra.stackfile.emit import block_lines, flow, plain_data
from mastodon_infra.stackfile.names import INSTANCE_KEY, INSTANCE_PATH

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

SCHEMA_FILE = "instance.schema.json"
"""The schema's file, beside the stack files."""

_STEP = 2


def stack_text(spec_data: Mapping[str, Any], *, comment: str = "", secrets: Mapping[str, str] | None = None) -> str:
    """A new stack file: where editors find the schema, a line for people, then what was said and no defaults.

    Args:
        spec_data: The instance as structured data.
        comment: The second line, for people; by default the domain and how to check the file.
        secrets: Sibling keys with their values as the engine encrypted them.
    """
    spoken = comment or f"{spec_data.get('domain', 'An instance')}: after a change, mastodon-infra check and plan."
    lines = [f"# yaml-language-server: $schema={SCHEMA_FILE}", f"# {spoken}", "config:"]
    lines.append(f"{' ' * _STEP}{INSTANCE_KEY}:")
    lines += block_lines(in_order(spec_data), indent=2 * _STEP)
    lines += block_lines({key: {"secure": value} for key, value in (secrets or {}).items()}, indent=_STEP)
    return "\n".join(lines) + "\n"


def in_order(spec_data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the model's own order of keys at the top, as plain values."""
    data = plain_data(spec_data)
    assert isinstance(data, dict)
    order = {key: place for place, key in enumerate(InstanceSpec.model_fields)}
    return dict(sorted(data.items(), key=lambda entry: order.get(entry[0], len(order))))


def replace_instance(text: str, spec_data: Mapping[str, Any], *, name: str = "the stack file") -> str:
    """The text with another instance in it; every byte outside ``mastodon-infra:instance`` is kept.

    Comments between the instance's own lines go with them. An instance that says the same already is left alone.
    Raises ``StackFileError`` where the text is no stack file, or is written so that no one part can be exchanged.
    """
    document = parse(text, name=name)
    wanted = in_order(spec_data)
    data = document.data
    outside = [
        entry
        for entry in document.found
        if entry.problem.path[:2] != INSTANCE_PATH or len(entry.problem.path) == len(INSTANCE_PATH)
    ]
    if data is None:
        changed = _appended(text, wanted)
        _prove(document, changed, wanted)
        return changed
    if outside or not isinstance(data, dict) or not isinstance(data.get("config", {}), dict | None):
        raise StackFileError("the file has problems of its own", hint="mastodon-infra check names them", where=name)
    if isinstance(data.get("config"), dict) and data["config"].get(INSTANCE_KEY) == wanted:
        return text
    changed = _spliced(document, wanted)
    _prove(document, changed, wanted)
    return changed


def replace_beside(text: str, key: str, value: Mapping[str, Any], *, name: str = "the stack file") -> str:
    """The text with another value under a key beside the instance, last in ``config`` where it was not there.

    Every other byte is kept. Raises ``StackFileError`` where that cannot be done, as in a file with problems.
    """
    document = parse(text, name=name)
    found, data = _entry(document.root, "config"), document.data
    if document.found or found is None or not data["config"] or not isinstance(data["config"], dict):
        raise StackFileError("the file has problems of its own", hint="mastodon-infra check names them", where=name)
    config, wanted = found[1], dict(value)
    entry = _entry(config, key)
    if entry is not None:
        changed = _exchanged(text, *entry, wanted, is_flow=bool(config.flow_style))
    elif config.flow_style:
        at = _end(config.value[-1][1], text, config.start_mark.index)
        changed = f"{text[:at]}, {flow(key)}: {flow(wanted)}{text[at:]}"
    else:
        last_key, last_value = config.value[-1]
        newline = _newline(text)
        at = _line_end(text, _end(last_value, text, text.index(":", last_key.end_mark.index) + 1))
        lines = block_lines({key: wanted}, indent=config.value[0][0].start_mark.column)
        changed = f"{text[:at]}{newline}{newline.join(lines)}{text[at:]}"
    _prove(document, changed, wanted, key=key)
    return changed


def _spliced(document: Document, wanted: dict[str, Any]) -> str:
    text, newline = document.text, _newline(document.text)
    found = _entry(document.root, "config")
    if found is None:
        return _appended(text, wanted)
    key, config = found
    instance = _entry(config, INSTANCE_KEY)
    if instance is not None:
        return _exchanged(text, *instance, wanted, is_flow=bool(config.flow_style))
    entries = config.value if isinstance(config.value, list) else []
    if entries and config.flow_style:
        at = text.index("{", config.start_mark.index) + 1
        return f"{text[:at]}{flow(INSTANCE_KEY)}: {flow(wanted)}, {text[at:]}"
    if entries:
        first = entries[0][0].start_mark
        block = _block(wanted, first.column, newline)
        return f"{text[: first.index]}{block}{newline}{' ' * first.column}{text[first.index :]}"
    start, end = _value_span(text, key, config)
    return f"{text[:start]}{newline}{' ' * _STEP}{_block(wanted, _STEP, newline)}{text[end:]}"


def _exchanged(text: str, key: Any, value: Any, wanted: dict[str, Any], *, is_flow: bool) -> str:
    """Put the wanted value behind the key, in the form of its surroundings."""
    start, end = _value_span(text, key, value)
    if is_flow:
        colon = text.index(":", key.end_mark.index) + 1
        return f"{text[:colon]} {flow(wanted)}{text[_end(value, text, colon) :]}"
    newline = _newline(text)
    block = newline.join(block_lines(wanted, indent=key.start_mark.column + _STEP))
    return f"{text[:start]}{newline}{block}{text[end:]}"


def _value_span(text: str, key: Any, value: Any) -> tuple[int, int]:
    """What is cut out for a new value: from behind the colon, or behind the comment on the colon's line, to the end."""
    colon = text.index(":", key.end_mark.index) + 1
    end = _end(value, text, colon)
    line_end = _line_end(text, colon)
    is_below = value.start_mark.index > line_end or _is_nothing(value)
    start = line_end if is_below and not value.anchor else colon
    return start, max(start, end)


def _end(node: Any, text: str, colon: int) -> int:
    """Where the last character of a node stands; the parser's own mark lies behind the comments that follow a block."""
    while isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = int(node.end_mark.index)
    if _is_nothing(node):
        kept = text[colon:end].splitlines(keepends=True)
        while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith("#")):
            kept.pop()
        return colon + len("".join(kept).rstrip())
    if getattr(node, "style", None) in {"|", ">"}:
        return len(text[:end].rstrip())
    return end


def _is_nothing(node: Any) -> bool:
    """Whether a value is not written at all; its marks are then those of whatever comes next."""
    return node.value == "" and getattr(node, "style", None) is None


def _block(wanted: dict[str, Any], column: int, newline: str) -> str:
    return newline.join([f"{INSTANCE_KEY}:", *block_lines(wanted, indent=column + _STEP)])


def _appended(text: str, wanted: dict[str, Any]) -> str:
    newline = _newline(text)
    gap = "" if not text.strip("\ufeff") or text.endswith("\n") else newline
    return f"{text}{gap}config:{newline}{' ' * _STEP}{_block(wanted, _STEP, newline)}{newline}"


def _entry(node: Node | None, key: str) -> tuple[Any, Any] | None:
    from ruamel.yaml.nodes import MappingNode  # noqa: PLC0415

    if not isinstance(node, MappingNode):
        return None
    return next(((known, value) for known, value in node.value if known.value == key), None)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, start: int) -> int:
    found = [place for place in (text.find("\n", start), text.find("\r", start)) if place >= 0]
    return min(found, default=len(text))


def _prove(document: Document, changed: str, wanted: dict[str, Any], *, key: str = INSTANCE_KEY) -> None:
    """Read the result and compare: the value under the key is the wanted one, and every other is what it was."""
    hint = f"write {key} as a plain block of its own, without & and *"
    what = "the instance" if key == INSTANCE_KEY else key
    refusal = StackFileError(f"{what} cannot be exchanged without touching other keys", hint=hint, where=document.name)
    try:
        after = parse(changed, name=document.name)
    except StackFileError:
        raise refusal from None
    before = dict(document.data) if isinstance(document.data, dict) else {}
    expected = {**before, "config": {**(before.get("config") or {}), key: wanted}}
    if after.data != expected or after.found:
        raise refusal


def save(path: FilePath, text: str) -> None:
    """Write a file whole or not at all: a new file beside it takes its place. Keeps its mode; a link stays a link."""
    target = FilePath(os.path.realpath(path))
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, spare = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except FileNotFoundError:
        raise StackFileError(
            "the folder does not exist", hint=f"make it: mkdir -p {path.parent}", where=str(path)
        ) from None
    except OSError as error:
        hint = f"look at the owner and mode of {target.parent}"
        raise StackFileError(f"the folder cannot be written to: {error.strerror}", hint=hint, where=str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        FilePath(spare).replace(target)
    except OSError as error:
        FilePath(spare).unlink(missing_ok=True)
        raise StackFileError(f"the file cannot be written: {error.strerror}", where=str(path)) from None
    _settle(target.parent)


def _settle(folder: FilePath) -> None:
    """Make the new name last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
