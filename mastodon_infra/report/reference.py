"""Reference pages written from the model and the catalog, so that they cannot drift."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mastodon_infra.catalog.facts import FRESH_DAYS, all_rows, words
from mastodon_infra.model.instance import InstanceSpec

_STACK_FILE_HEAD = """# The stack file

One file a stack: `stacks/Pulumi.<stack>.yaml`. What an instance should be stands under `config:`, key
`mastodon-infra:instance`; secrets are sibling keys of that, set with `pulumi config set --secret`. Only the keys marked
**required** must be there; `mastodon-infra plan` shows what the others became.

This page is written by `make schema` from the model.
"""


def stack_file_page() -> str:
    """The page as Markdown: one table for the instance, one for each group of keys below it."""
    parts = [_STACK_FILE_HEAD, _table(InstanceSpec, "The instance")]
    parts.extend(_table(model, f"`{path}`") for path, model in _groups(InstanceSpec, ""))
    return "\n".join(parts)


def _groups(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        below = f"{path}.{name}" if path else name
        for inner, suffix in _models_in(field.annotation):
            label = f"{below}{suffix}"
            if "provider" in inner.model_fields and get_origin(inner.model_fields["provider"].annotation) is Literal:
                label += f" (provider: {get_args(inner.model_fields['provider'].annotation)[0]})"
            yield label, inner
            yield from _groups(inner, f"{below}{suffix}")


def _models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Models inside an annotation, with what stands between the key and them: ``[]`` or ``.<name>``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    elif origin is Annotated:
        yield from _models_in(arguments[0])
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _models_in(argument)
    elif origin is tuple:
        yield from ((model, f"[]{suffix}") for model, suffix in _models_in(arguments[0]))
    elif origin is dict:
        yield from ((model, f".<name>{suffix}") for model, suffix in _models_in(arguments[1]))


def _table(model: type[BaseModel], title: str) -> str:
    lines = [
        f"## {title}",
        "",
        " ".join((model.__doc__ or "").split()).replace("``", "`"),
        "",
        "| key | value | default | |",
        "|---|---|---|---|",
    ]
    lines.extend(
        f"| `{name}` | {_words(field.annotation)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in model.model_fields.items()
    )
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{value}`"


def _words(annotation: Any) -> str:
    """What kind of value a key takes, for people."""
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is Annotated:
            words = _words(arguments[0])
        case origin if origin in (Union, UnionType):
            words = " or ".join(dict.fromkeys(_words(one) for one in arguments if one is not NoneType))
        case origin if origin is Literal:
            words = ", ".join(f"`{one}`" for one in arguments)
        case origin if origin is tuple:
            words = f"list of {_words(arguments[0])}"
        case origin if origin is dict:
            words = f"map of {_words(arguments[0])} to {_words(arguments[1])}"
        case _:
            words = _plain_words(annotation)
    return words


def _plain_words(annotation: type) -> str:
    if issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if issubclass(annotation, BaseModel):
        return "keys below"
    return {bool: "true or false", int: "whole number", str: "text"}.get(annotation, "amount")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_FACTS_HEAD = f"""# Facts with a date

What this toolkit believes of the outside world: prices, regions, limits, versions. Each row says when it was last
confirmed and where. `mastodon-infra facts --stale` lists those older than {FRESH_DAYS} days; *derived* marks figures
that nobody has confirmed at their origin.

This page is written by `make schema` from `mastodon_infra/catalog/`.
"""


def facts_page() -> str:
    """The catalog as Markdown: one table for each of its tables."""
    tables: dict[str, list[str]] = {}
    for table, row in all_rows():
        mark = "" if row.confirmed else " *derived*"
        cells = (f"`{row.name}`", _cell(words(row)) + mark, str(row.as_of), _cell(row.source.title))
        tables.setdefault(table, []).append(f"| {' | '.join(cells)} |")
    parts = [_FACTS_HEAD]
    parts.extend(
        "\n".join((f"## {table}", "", "| name | fact | as of | source |", "|---|---|---|---|", *rows)) + "\n"
        for table, rows in tables.items()
    )
    return "\n".join(parts)
