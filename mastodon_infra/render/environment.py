"""The only Jinja environment: strict about names, and about what may be printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined
from jinja2 import TemplateError as JinjaError

from mastodon_infra.errors import TemplateError
from mastodon_infra.plan.decided import Decided
from mastodon_infra.units import pg_size

PACKAGE = Path(__file__).parent.parent
PRINTABLE = (str, int, Decimal)


def templates_dir() -> Path:
    """The folder of templates: inside an installed package, or beside it in a checkout."""
    packaged = PACKAGE / "_templates"
    return packaged if packaged.is_dir() else PACKAGE.parent / "templates"


def render(template: str, context: Mapping[str, object]) -> str:
    """Render one template. Raises TemplateError that names it and what is wrong."""
    try:
        return _environment().get_template(template).render(context)
    except JinjaError as error:
        raise TemplateError(f"{template}: {error}", where=f"templates/{template}") from error


def only_printable(value: object) -> object:
    """Let words and numbers through; refuse what is printed only by accident.

    A template prints ``setting.value``, never the decided value itself, and asks switches instead of printing them.
    """
    if isinstance(value, Undefined):
        return value
    if isinstance(value, Decided):
        raise TemplateError(f"a template prints a decided value itself ({value.rule}); it prints its .value")
    if isinstance(value, bool) or not isinstance(value, PRINTABLE):
        raise TemplateError(f"a template prints {value!r}, which is neither a word nor a number")
    return value


def as_shell_word(value: str | int) -> str:
    """Quote for a shell, so that the value is one word whatever is in it."""
    return "'" + str(value).replace("'", "'\"'\"'") + "'"


def as_sql_text(value: str) -> str:
    """Quote as an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def as_json(value: object) -> str:
    """Write as JSON on one line, which is YAML too."""
    return json.dumps(value, ensure_ascii=True)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_dir(), encoding="utf-8"),
        undefined=StrictUndefined,
        finalize=only_printable,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(pg_size=pg_size, shq=as_shell_word, sql=as_sql_text, json=as_json)
    return environment
