"""Asking all questions at once: one SSH session for the short ones of each machine, threads for those from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from mastodon_infra.operate.api import UnreachableError
from mastodon_infra.operate.checks import Check, Group, failures
from mastodon_infra.operate.reach import Fleet, ReachError
from mastodon_infra.operate.verify.programs import program, runner
from mastodon_infra.operate.verify.questions import PATIENCE_SECONDS, FromOutside, OnNode, Question, Said

MARGIN_SECONDS = 30
PAUSE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came, and why."""

    seen: str
    remedy: str


async def ask_until(questions: Sequence[Question], fleet: Fleet, *, patience_seconds: float) -> list[Check]:
    """Ask everything, and what fails again and again while there is patience: a fresh machine takes its time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_seconds
    found = {id(question): checks for question, checks in await ask_all(questions, fleet)}
    while loop.time() < end:
        again = [question for question in questions if failures(found[id(question)])]
        if not again:
            break
        await asyncio.sleep(PAUSE_SECONDS)
        found.update({id(question): checks for question, checks in await ask_all(again, fleet)})
    return [check for question in questions for check in found[id(question)]]


async def ask_all(questions: Sequence[Question], fleet: Fleet) -> list[tuple[Question, list[Check]]]:
    """Ask everything at once; each question with its checks, in the order of the questions."""
    answers: dict[int, object] = {}
    rounds = [_outside(question, answers) for question in questions if isinstance(question.ask, FromOutside)]
    rounds += [_on_node(node, together, fleet, answers) for node, together in _sessions(questions)]
    await asyncio.gather(*rounds)
    return [(question, list(_judged(question, answers[id(question)]))) for question in questions]


def _sessions(questions: Iterable[Question]) -> Iterable[tuple[str, list[Question]]]:
    """Short questions to one machine go together; a long one keeps no other waiting."""
    asked = [(question.ask, question) for question in questions if isinstance(question.ask, OnNode)]
    short = sorted(
        ((ask.node, question) for ask, question in asked if ask.seconds <= PATIENCE_SECONDS), key=lambda one: one[0]
    )
    for node, together in groupby(short, key=lambda one: one[0]):
        yield node, [question for _, question in together]
    for ask, question in asked:
        if ask.seconds > PATIENCE_SECONDS:
            yield ask.node, [question]


async def _on_node(node: str, questions: Sequence[Question], fleet: Fleet, answers: dict[int, object]) -> None:
    asks: list[OnNode] = []
    for question in questions:
        if isinstance(question.ask, OnNode) and question.ask not in asks:
            asks.append(question.ask)
    orders = [
        {"words": ask.words, "stdin": ask.stdin, "environment": dict(ask.environment), "seconds": ask.seconds}
        for ask in asks
    ]
    try:
        done = await fleet.run(
            node,
            *("python3", "-I", "-"),
            stdin=program(runner, orders).encode(),
            seconds=sum(ask.seconds for ask in asks) + MARGIN_SECONDS,
        )
        told = json.loads(done.stdout) if done else None
    except ReachError as error:
        problem = error.problems[0]
        failure = Failure(problem.message, problem.hint)
        answers.update({id(question): failure for question in questions})
        return
    for question in questions:
        assert isinstance(question.ask, OnNode)
        answers[id(question)] = (
            Said(*told[asks.index(question.ask)])
            if told
            else Failure(f"nothing can be run: {done.stderr.strip()[-200:]}", f"mastodon-infra ssh STACK {node}")
        )


async def _outside(question: Question, answers: dict[int, object]) -> None:
    assert isinstance(question.ask, FromOutside)
    try:
        answers[id(question)] = await asyncio.to_thread(question.ask.run)
    except UnreachableError as error:
        answers[id(question)] = Failure(str(error), "is it up, and does its name lead there?")


def _judged(question: Question, seen: object) -> Iterable[Check]:
    if isinstance(seen, Failure):
        return [Group(question.group).failed(question.name, seen.seen, seen.remedy)]
    try:
        return list(question.judge(seen))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        said = f"the answer has another form than expected ({type(error).__name__}: {error})"
        return [Group(question.group).failed(question.name, said[:200], "is the program of another version?")]
