"""``facts``: what the catalog holds of the outside world, with dates and sources."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.stacks import JsonOption
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from datetime import date

    from mastodon_infra.catalog.rows import Row


def complete_table(incomplete: str) -> list[str]:
    """Names of the catalog's tables, for the shell."""
    from mastodon_infra.catalog.facts import all_rows

    return [table for table in dict.fromkeys(table for table, _ in all_rows()) if table.startswith(incomplete)]


def facts(
    stale: Annotated[
        bool, typer.Option("--stale", help="Only facts that were last confirmed over 90 days ago.")
    ] = False,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="TABLE", help="Only this table.", autocompletion=complete_table),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the prices, machine types, regions and limits that plans stand on, each with its date and source.

    Example: mastodon-infra facts --table "machine types"
    """
    from mastodon_infra.catalog.facts import FRESH_DAYS, all_rows, stale_rows

    every = all_rows()
    today = _today()
    old = stale_rows(today)
    rows = old if stale else every
    if table is not None:
        known = list(dict.fromkeys(name for name, _ in every))
        name = _table_named(table, known)
        rows = tuple(entry for entry in rows if entry[0] == name)
    if as_json:
        console.say_json([_row_data(name, row, today) for name, row in rows])
        return
    page = Page(console.width(), console.is_plain())
    _add_rows(page, rows)
    unconfirmed = sum(not row.confirmed for _, row in every)
    page.heading(
        f"{counted(len(every), 'fact')}: {unconfirmed} unconfirmed, {len(old)} older than {FRESH_DAYS} days"
        + ("." if stale or not old else "; mastodon-infra facts --stale lists those.")
    )
    console.say(str(page))


def _add_rows(page: Page, rows: tuple[tuple[str, Row], ...]) -> None:
    from mastodon_infra.catalog.facts import describe

    shown = None
    for name, row in sorted(rows, key=lambda entry: [table for table, _ in rows].index(entry[0])):
        if name != shown:
            page.heading(name)
            shown = name
        page.text(describe(row), hang=4)


def _today() -> date:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def _table_named(name: str, known: list[str]) -> str:
    wanted = name.replace("-", " ").replace("_", " ").lower().strip()
    if wanted in known:
        return wanted
    near = get_close_matches(wanted, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {listed(known)}"
    raise SpecError(f"the catalog has no table {name[:60]!r}", hint=hint, where="--table")


def _row_data(table: str, row: Row, today: date) -> dict[str, Any]:
    from mastodon_infra.catalog.facts import describe
    from mastodon_infra.cli.plan_data import plain

    data: dict[str, Any] = {"table": table, **plain(row)}
    return {**data, "age_days": (today - row.as_of).days, "text": describe(row)}
