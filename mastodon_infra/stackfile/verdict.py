"""Every problem of an instance in one run: structure first, then the laws on what is left.

Where a value is wrong or missing, a right one stands in for it, so that the next problem can be seen. A law that is
broken only because of what stands in is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mastodon_infra.errors import Path, Problem, SpecError
from mastodon_infra.model import laws
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan import feasibility

_MOST_ROUNDS = 10
_MOST_ALTERNATIVES = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of reading an instance.

    Attributes:
        spec: The spec; None when there are problems.
        problems: All that is wrong, in the order in which it was found.
    """

    spec: InstanceSpec | None
    problems: tuple[Problem, ...]


def spec_from(data: object) -> InstanceSpec:
    """The spec in structured data, such as the deploying engine hands over; raises ``SpecError`` with all problems."""
    verdict = judge(data)
    if verdict.spec is None:
        raise SpecError(verdict.problems)
    return verdict.spec


def judge(data: object, *, doubted: Iterable[Path] = ()) -> Verdict:
    """Validate structured data; ``doubted`` paths are known to be wrong already and not spoken of again."""
    doubts = tuple(doubted)
    try:
        spec = InstanceSpec.model_validate(data)
    except ValidationError as error:
        return Verdict(None, tuple(_unique(_broken(data, error, doubts))))
    problems = _lawless(spec)
    if doubts:
        problems = tuple(problem for problem in problems if not _touches(problem.path, doubts))
    return Verdict(None if problems or doubts else spec, problems)


def _lawless(spec: InstanceSpec) -> tuple[Problem, ...]:
    return (*laws.problems(spec), *feasibility.problems(spec))


def _broken(data: object, error: ValidationError, doubts: tuple[Path, ...]) -> Iterator[Problem]:
    from mastodon_infra.stackfile.sweep import sweep  # noqa: PLC0415  # the schema is made only when it is needed
    from mastodon_infra.stackfile.translate import translated  # noqa: PLC0415

    if not isinstance(data, dict):
        yield _no_group(data)
        return
    draft = deepcopy(data)
    swept = sweep(draft)
    yield from swept.problems
    mended: list[Path] = [*swept.removed, *doubts]
    for _ in range(_MOST_ROUNDS):
        try:
            spec = InstanceSpec.model_validate(draft)
        except ValidationError as again:
            error = again
        else:
            yield from (swept.as_written(problem) for problem in _certain(spec, draft, mended))
            return
        slips = [slip for slip in (translated(entry, draft) for entry in error.errors(include_url=False)) if slip]
        yield from (swept.as_written(slip.problem) for slip in slips if not _touches(slip.path, mended))
        for slip in slips:
            _mend(draft, slip.path, is_key=slip.is_key)
        mended += [slip.path for slip in slips]


def _no_group(data: object) -> Problem:
    from mastodon_infra.stackfile.translate import described  # noqa: PLC0415

    hint = "at the least: domain, region, size, owner, administrators and mail; mastodon-infra new writes them"
    kind = "a text" if isinstance(data, str) else described(data)
    message = "the instance is empty" if data is None else f"the instance is {kind}, not a group of keys"
    return Problem((), message, hint)


def _touches(path: Path, others: Iterable[Path]) -> bool:
    """Whether one of the other paths is the same, above or below."""
    return any(path[: len(other)] == other[: len(path)] for other in others)


def _mend(draft: dict[str, Any], path: Path, *, is_key: bool) -> None:
    """Put a right value where a wrong one stands or one is missing, or leave out what may be left out."""
    from mastodon_infra.stackfile.shape import shape_at, step  # noqa: PLC0415
    from mastodon_infra.stackfile.specimens import specimen  # noqa: PLC0415

    parent: Any = draft
    for part in path[:-1]:
        parent = step(parent, part)
    last = path[-1]
    above = shape_at(path[:-1], draft)
    if isinstance(parent, list) and isinstance(last, int):
        parent[last] = specimen(last, shape_at(path, draft))
    elif isinstance(parent, dict):
        if above is not None and last in above.required(parent) and not is_key:
            parent[last] = specimen(last, shape_at(path, draft))
        else:
            parent.pop(last, None)


def _certain(spec: InstanceSpec, draft: dict[str, Any], mended: list[Path]) -> Iterator[Problem]:
    """The laws that are broken whatever the mended places are meant to hold."""
    broken = [problem for problem in _lawless(spec) if not _touches(problem.path, mended)]
    for other in _alternatives(draft, mended):
        if not broken:
            return
        found = {(problem.path, problem.message) for problem in _lawless(other)}
        broken = [problem for problem in broken if (problem.path, problem.message) in found]
    yield from broken


def _alternatives(draft: dict[str, Any], mended: list[Path]) -> Iterator[InstanceSpec]:
    """The same instance with other right values in the mended places, one place at a time."""
    from mastodon_infra.stackfile.shape import shape_at, step  # noqa: PLC0415
    from mastodon_infra.stackfile.specimens import alternatives  # noqa: PLC0415

    left = _MOST_ALTERNATIVES
    for path in mended:
        for value in alternatives(path[-1], shape_at(path, draft))[:left]:
            left -= 1
            other = deepcopy(draft)
            parent: Any = other
            for part in path[:-1]:
                parent = step(parent, part)
            if not _is_place(parent, path[-1]):
                break  # what was wrong here has been left out with all that stood around it
            parent[path[-1]] = value
            try:
                yield InstanceSpec.model_validate(other)
            except ValidationError:
                continue


def _is_place(parent: object, part: str | int) -> bool:
    """Whether a value can be put there."""
    if isinstance(part, str):
        return isinstance(parent, dict)
    return isinstance(parent, list) and part < len(parent)


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    """Each place and sentence once."""
    return list({(problem.path, problem.message): problem for problem in problems}.values())
