"""Asking: all at once, over real connections, and whatever goes wrong becomes a check and never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.api import UnreachableError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.reach import Fleet
from mastodon_infra.operate.verify import asking
from mastodon_infra.operate.verify.everything import GROUPS, all_questions, quick_questions, subject_of
from mastodon_infra.operate.verify.questions import FromOutside, OnNode, Question, Said, nothing_to_ask, shell
from tests.unit.operate.sshd import Machines, machines
from tests.unit.operate.verify.made import outputs_for

TRIAL = Group("trial")


def judged(said: Said) -> Iterator[Check]:
    yield TRIAL.ok("it", said.stdout.strip()) if said else TRIAL.failed("it", said.trouble, "help")


def asked(folder: Path, *questions: Question, patience: float = 0) -> list[Check]:
    """The checks of some questions to fresh machines."""

    async def whole() -> list[Check]:
        async with machines(folder) as there, Fleet(there.roster) as fleet:
            return await asking.ask_until(questions, fleet, patience_seconds=patience)

    return asyncio.run(whole())


def test_answers_come_in_the_order_of_the_questions(tmp_path: Path) -> None:
    checks = asked(
        tmp_path,
        Question("trial", "one", shell("postgres-1", "sleep 0.3; echo first"), judged),
        Question("trial", "two", FromOutside(lambda: Said(0, "second", "")), judged),
        Question("trial", "three", shell("web-1", "echo third"), judged),
        Question(
            "trial", "four", OnNode("web-1", ("sh", "-c", "cat; printenv WORD"), "in ", {"WORD": "hidden"}), judged
        ),
    )
    assert [check.seen for check in checks] == ["first", "second", "third", "in hidden"]


def test_the_questions_to_a_machine_go_in_one_session(tmp_path: Path) -> None:
    async def whole() -> Machines:
        async with machines(tmp_path) as there:
            async with Fleet(there.roster) as fleet:
                questions = [Question("trial", str(n), shell("web-1", f"echo {n}"), judged) for n in range(12)]
                await asking.ask_all(questions, fleet)
            return there

    assert len(asyncio.run(whole()).jump.commands) == 1


def test_what_goes_in_secretly_stands_on_no_command_line(tmp_path: Path) -> None:
    async def whole() -> Machines:
        async with machines(tmp_path) as there:
            async with Fleet(there.roster) as fleet:
                ask = OnNode("web-1", ("cat",), "s3cret", {"WORD": "s3cret"})
                ((_, (check,)),) = await asking.ask_all([Question("trial", "it", ask, judged)], fleet)
                assert check.seen == "s3cret"
            return there

    assert not any("s3cret" in command for command in asyncio.run(whole()).jump.commands)


def test_a_machine_that_cannot_be_reached_fails_its_own_questions_only(tmp_path: Path) -> None:
    first = Question("trial", "one", shell("web-1", "echo here"), judged)
    second = Question("trial", "two", shell("web-9", "echo there"), judged)
    checks = asked(tmp_path, first, second)
    assert [check.outcome.value for check in checks] == ["ok", "failed"]
    assert checks[1].name == "two"
    assert "there is no machine web-9" in checks[1].seen


def test_a_program_that_is_missing_or_does_not_end_is_an_answer(tmp_path: Path) -> None:
    checks = asked(
        tmp_path,
        Question("trial", "one", OnNode("web-1", ("no-such-program",)), judged),
        Question("trial", "two", OnNode("web-1", ("sleep", "9"), seconds=1), judged),
    )
    assert [check.outcome.value for check in checks] == ["failed", "failed"]
    assert checks[1].seen == "it did not end within 1 s"


def test_an_answer_that_nobody_understands_fails(tmp_path: Path) -> None:
    def puzzled(said: Said) -> Iterator[Check]:
        yield TRIAL.ok("it", str(int(said.stdout)))

    (check,) = asked(tmp_path, Question("trial", "it", shell("web-1", "echo what"), puzzled))
    assert check.outcome.value == "failed"
    assert "another form than expected" in check.seen


def test_no_answer_from_outside_fails(tmp_path: Path) -> None:
    def closed() -> None:
        raise UnreachableError("connection refused")

    (check,) = asked(tmp_path, Question("trial", "it", FromOutside(closed), judged))
    assert (check.outcome.value, check.seen) == ("failed", "connection refused")


def test_with_patience_what_fails_is_asked_again_and_the_rest_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0)
    times = {"late": 0, "well": 0}

    def late() -> Said:
        times["late"] += 1
        return Said(0 if times["late"] == 3 else 1, "at last", "not yet")

    def well() -> Said:
        times["well"] += 1
        return Said(0, "well", "")

    checks = asked(
        tmp_path,
        Question("trial", "late", FromOutside(late), judged),
        Question("trial", "well", FromOutside(well), judged),
        patience=60,
    )
    assert [check.seen for check in checks] == ["at last", "well"]
    assert times == {"late": 3, "well": 1}


def test_nothing_to_ask_is_told_as_skipped(tmp_path: Path) -> None:
    (check,) = asked(tmp_path, nothing_to_ask("mail", "relay", "no mail is planned"))
    assert (check.outcome.value, check.seen) == ("skipped", "no mail is planned")


@pytest.mark.parametrize("size", ["solo", "small", "medium", "large"])
def test_every_group_is_asked_about_at_every_size(size: str) -> None:
    plan = load("demo", None, changes={"size": size}).plan
    subject = subject_of("demo", plan, outputs_for(plan))
    questions = list(all_questions(subject))
    assert tuple(dict.fromkeys(one.group for one in questions)) == GROUPS
    names = [(one.group, one.name) for one in questions]
    assert len(names) == len(set(names)), "two questions have one name"
    asked_nodes = {one.ask.node for one in questions if isinstance(one.ask, OnNode)}
    assert asked_nodes == {node.name for node in plan.nodes}


def test_a_quick_look_asks_little_and_nothing_long() -> None:
    plan = load("demo", None, changes={"size": "medium"}).plan
    questions = list(quick_questions(subject_of("demo", plan, outputs_for(plan))))
    assert {one.group for one in questions} == {"front", "access", "units", "bundles", "monitoring"}
    assert all(one.ask.seconds <= 20 for one in questions if isinstance(one.ask, OnNode))


def test_groups_can_be_chosen() -> None:
    plan = load("demo", None).plan
    subject = subject_of("demo", plan, outputs_for(plan))
    assert {one.group for one in all_questions(subject, groups=("names", "doors"))} == {"names", "doors"}


def test_nothing_secret_shows_in_a_question() -> None:
    plan = load("demo", None, changes={"size": "medium"}).plan
    outputs = outputs_for(plan)
    wiring = outputs.wiring
    assert wiring is not None
    questions = list(all_questions(subject_of("demo", plan, outputs)))
    told = [repr(one.ask) for one in questions if isinstance(one.ask, OnNode)]
    assert any("redis-cli" in one for one in told)
    for secret in (wiring.redis_password, wiring.smtp_password, wiring.media_secret_access_key):
        assert not any(secret in one for one in told)
