"""What an operator reads when something is wrong: where, what, and a hint."""

import inspect

import pytest

from mastodon_infra import errors
from mastodon_infra.errors import (
    MastodonInfraError,
    PlanError,
    Problem,
    SpecError,
    StackFileError,
    TemplateError,
    ToolError,
    dotted,
)

PATHS = [
    ((), "", "the whole file"),
    (("domain",), "domain", "one key"),
    (("sidekiq", "units", "a", "queues"), "sidekiq.units.a.queues", "names by dots"),
    (("administrators", 0, "ssh_keys", 2), "administrators[0].ssh_keys[2]", "indexes in brackets"),
    ((1,), "[1]", "a list at the top"),
]


@pytest.mark.parametrize(("path", "expected", "why"), PATHS)
def test_a_path_is_written_as_people_write_it(path, expected, why):
    assert dotted(path) == expected, why
    assert Problem(path, "wrong").dotted == expected


LINES = [
    (Problem(("size",), "is missing"), ("size", "  is missing"), "no hint, no third line"),
    (Problem(("size",), "is missing", "write one"), ("size", "  is missing", "  hint: write one"), "three lines"),
    (
        Problem(("size",), "is missing", "write one", "Pulumi.a.yaml:3"),
        ("Pulumi.a.yaml:3: size", "  is missing", "  hint: write one"),
        "file and line come first",
    ),
    (Problem((), "cannot be read", where="a.yaml:1"), ("a.yaml:1", "  cannot be read"), "a place without a path"),
    (Problem((), "cannot be read"), ("cannot be read",), "nowhere: the message alone"),
]


@pytest.mark.parametrize(("problem", "expected", "why"), LINES)
def test_a_problem_has_at_most_three_lines(problem, expected, why):
    assert problem.lines() == expected, why


def test_an_error_shows_all_its_problems():
    error = SpecError([Problem(("size",), "is missing"), Problem(("region",), "is unknown", "use au-mel")])
    assert str(error) == "size\n  is missing\nregion\n  is unknown\n  hint: use au-mel"
    assert len(error.problems) == 2


def test_an_error_may_be_one_sentence():
    error = ToolError("pulumi is not installed", hint="see pulumi.com", where="")
    assert str(error) == "pulumi is not installed\n  hint: see pulumi.com"
    assert error.problems == (Problem((), "pulumi is not installed", "see pulumi.com"),)


def test_problems_may_come_from_anything_that_can_be_walked():
    error = PlanError(Problem((name,), "does not fit") for name in ("web", "redis"))
    assert [problem.dotted for problem in error.problems] == ["web", "redis"]


EXIT_CODES = [
    (MastodonInfraError, 1, "the operator's input"),
    (SpecError, 1, "the operator's input"),
    (StackFileError, 1, "the operator's input"),
    (PlanError, 1, "the operator's input"),
    (ToolError, 3, "a tool or a credential is missing"),
    (TemplateError, 70, "our own fault, as sysexits.h has it"),
]


@pytest.mark.parametrize(("kind", "code", "why"), EXIT_CODES)
def test_each_kind_has_its_exit_code(kind, code, why):
    assert kind("wrong").exit_code == code, why


def test_every_error_that_people_read_is_of_one_family():
    kinds = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)]
    assert len(kinds) >= 6
    assert all(issubclass(kind, MastodonInfraError) for kind in kinds)
    assert {kind for kind, _, _ in EXIT_CODES} <= set(kinds)


def test_a_problem_cannot_be_changed():
    problem = Problem(("size",), "is missing")
    with pytest.raises(AttributeError):
        problem.message = "is fine"  # type: ignore[misc]
