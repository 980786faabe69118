"""The only place that writes to the terminal: answers on standard output, errors and progress on standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any, NoReturn, TextIO

import typer

from mastodon_infra.cli.layout import FIXED_SPACE
from mastodon_infra.errors import Problem

NARROWEST = 40
WIDEST = 100
EXIT_BROKEN_PIPE = 141
"""What a program ends with that is stopped because nobody reads on: 128 and SIGPIPE's number."""


def prepare() -> None:
    """Make sure that a letter which the terminal cannot show is replaced, and never a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def width() -> int:
    """Columns to fill: the terminal's (or ``COLUMNS``), within what is pleasant to read."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)


def is_interactive() -> bool:
    """Whether a person is there to answer: input and output are both a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_plain() -> bool:
    """Whether to write without any styling: no terminal, a dumb one, or ``NO_COLOR`` is set."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()


def say(text: str) -> None:
    """Write an answer to standard output, with a line end."""
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """Write progress or an error to standard error, with a line end."""
    _write(sys.stderr, text)


def say_json(data: Any) -> None:
    """Write data as JSON; the order of keys is the one that it was made in."""
    import json  # noqa: PLC0415  # most commands print none

    say(json.dumps(data, indent=2, ensure_ascii=False))


def refuse(problems: Iterable[Problem], *, as_json: bool) -> None:
    """Write problems: for people on standard error in three lines each, for scripts as data on standard output."""
    if as_json:
        say_json({"problems": [problem_data(problem) for problem in problems]})
    else:
        tell("\n".join(line for problem in problems for line in problem.lines()))


def problem_data(problem: Problem) -> dict[str, str]:
    """A problem as data."""
    return {
        "where": problem.where,
        "path": problem.dotted,
        "message": problem.message,
        "hint": problem.hint,
    }


def _write(stream: TextIO, text: str) -> None:
    try:
        shown = text.replace(FIXED_SPACE, " ")
        stream.write(shown if shown.endswith("\n") else f"{shown}\n")
        stream.flush()
    except BrokenPipeError:
        _leave(stream)


def _leave(stream: TextIO) -> NoReturn:
    """End quietly when the reader is gone; the stream gets a sink, so that closing it cannot fail again."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, stream.fileno())
    raise typer.Exit(EXIT_BROKEN_PIPE)
