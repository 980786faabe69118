"""Asking for answers in a terminal: each is judged by the model at once, and asked for again when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.answers import QUESTIONS, Question, by_flag, missing, readable
from mastodon_infra.errors import Problem, SpecError
from mastodon_infra.stackfile.verdict import judge

MOST_TRIES = 10


def problems_of(said: dict[str, Any], path: Path) -> list[Problem]:
    """Everything wrong with the answers so far; what is only missing does not count."""
    data, unread = readable(said)
    silent = {problem.where for problem in unread} | {one.flag for one in missing(said)}
    if "--tier" in silent or "--mau" in silent:
        silent.add("--mau or --tier")
    if "administrators" not in data:
        silent.add("--admin")
    judged = [by_flag(problem, path) for problem in judge(data).problems]
    flags = {one.flag for one in QUESTIONS} - silent
    return [*unread, *(problem for problem in judged if problem.where in flags)]


def ask_all(said: dict[str, Any], path: Path) -> dict[str, Any]:
    """The answers with every open question asked, in order; a given answer that is wrong is asked for again."""
    answers = dict(said)
    console.tell("A few questions; Enter takes what stands in brackets, Ctrl-C leaves without writing anything.")
    for one in QUESTIONS:
        given = bool(answers.get(one.name)) or (one.name == "mau" and bool(answers.get("tier")))
        wrong = _about(one, answers, path) if given else []
        if (given and not wrong) or (not given and not _is_asked(one, answers, path)):
            continue
        console.tell("\n".join(line for problem in wrong for line in problem.lines()))
        _ask(one, answers, path)
    return answers


def _is_asked(one: Question, answers: dict[str, Any], path: Path) -> bool:
    """Whether to ask at all: what is needed, and what the answers so far make necessary (storage in some regions)."""
    return one.is_needed or one.name == "admin" or bool(_about(one, answers, path))


def _ask(one: Question, answers: dict[str, Any], path: Path) -> None:
    default = one.default(answers)
    offered = f"e.g. {one.example}" if not default else ""
    question = f"{one.what}{f' ({offered})' if offered else ''}"
    for _ in range(MOST_TRIES):
        answer = str(typer.prompt(question, default=default or None, err=True)).strip()
        if one.name == "mau":
            answers["tier"] = ""
        answers[one.name] = answer.split() if one.name == "ssh-key" else answer
        wrong = _about(one, answers, path)
        if not wrong:
            return
        console.tell("\n".join(line for problem in wrong for line in problem.lines()[1:]))
    raise SpecError(f"{MOST_TRIES} answers were not right", where=one.flag, hint=f"for example {one.example}")


def _about(one: Question, answers: dict[str, Any], path: Path) -> list[Problem]:
    places = {one.flag, f"--{one.name}"} | ({"--tier"} if one.name == "mau" else set())
    return [problem for problem in problems_of(answers, path) if problem.where in places]
