"""The look at keys before the model's own: unknown ones with the word that was meant, and secrets in the wrong place.

No value is ever shown here: what stands under an unknown key may be a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.errors import Path, Problem
from mastodon_infra.stackfile.document import clipped
from mastodon_infra.stackfile.names import (
    OTHER_WORDS,
    VARIABLES,
    looks_secret,
    nearest,
    plain,
    sibling_for,
)
from mastodon_infra.stackfile.shape import Shape, homes, listed, root, shape_at, step

_SURELY_MEANT = 0.8
_LONGEST_KEY = 40


@dataclass(slots=True)
class Swept:
    """What the sweep found and what it did to the draft.

    Attributes:
        draft: The data, without unknown keys and secrets.
        problems: Unknown keys and misplaced secrets.
        removed: Misplaced secrets, of which nothing more is said.
        renamed: Keys read under the name that was surely meant: the new path, and the one written.
    """

    draft: Any
    problems: list[Problem] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    renamed: dict[Path, Path] = field(default_factory=dict)

    def written(self, path: Path) -> Path:
        """The path as it stands in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.renamed:
                return self.renamed[path[:length]] + path[length:]
        return path

    def as_written(self, problem: Problem) -> Problem:
        """A problem of the draft under the path that stands in the file."""
        return Problem(self.written(problem.path), problem.message, problem.hint)


@dataclass(frozen=True, slots=True)
class _Guess:
    """What an unknown key was meant to be: the hint, and its right path where that is sure."""

    hint: str
    path: Path | None = None


def sweep(draft: Any) -> Swept:
    """Take unknown keys and secrets out of the draft (in place) and say what each should have been."""
    swept = Swept(draft)
    _look(draft, root(), (), swept)
    return swept


def _look(value: Any, shape: Shape, path: Path, swept: Swept) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            below = shape.below(index, value)
            if below is not None:
                _look(item, below, (*path, index), swept)
    elif isinstance(value, dict) and shape.is_group:
        for key in list(value):
            _look_at_key(value, key, shape, path, swept)


def _look_at_key(group: dict[str, Any], key: str, shape: Shape, path: Path, swept: Swept) -> None:
    place = (*swept.written(path), key)
    if isinstance(group[key], Mapping) and set(group[key]) == {"secure"}:
        swept.problems.append(misplaced(place, key))
        swept.removed.append((*path, key))
        del group[key]
        return
    below = shape.below(key, group)
    is_name = below is not None and (isinstance(group[key], Mapping) or not looks_secret(key))
    if below is not None and is_name:
        _look(group[key], below, (*path, key), swept)
        return
    value = group.pop(key)
    if looks_secret(key):
        swept.problems.append(misplaced(place, key))
        return
    guess = _guess(key, shape, group, path)
    message = f"the key {clipped(key, _LONGEST_KEY)} is not known here"
    swept.problems.append(Problem(place, message, guess.hint))
    if guess.path is not None:
        _move(value, guess.path, place, swept)


def _move(value: Any, path: Path, place: Path, swept: Swept) -> None:
    """Read a value under the key that was surely meant, unless something stands there already."""
    group = swept.draft
    for part in path[:-1]:
        group = step(group, part) if isinstance(group, list) else group.setdefault(part, {})
    if not isinstance(group, dict) or path[-1] in group:
        return
    group[path[-1]] = value
    swept.renamed[path] = place
    below = shape_at(path, swept.draft)
    if below is not None:
        _look(value, below, path, swept)


def misplaced(place: Path, key: str) -> Problem:
    """The problem of a secret that stands inside the instance; its value is not shown."""
    return Problem(
        place,
        "a secret does not belong inside the instance, which is printed, compared and logged",
        f"delete it here (and change it, if it was ever shared), then: pulumi config set --secret {sibling_for(key)}",
    )


def _guess(key: str, shape: Shape, group: Mapping[str, Any], path: Path) -> _Guess:
    """What an unknown key was meant to be."""
    known = tuple(shape.keys(group) or ())
    sure = nearest(key, known, closeness=_SURELY_MEANT)
    if key in VARIABLES:
        return _Guess(VARIABLES[key])
    if sure:
        return _Guess(f"did you mean {sure}?", (*path, sure))
    if shape.variant_with(key):
        return _Guess(f"{key} goes with {shape.variant_with(key)}")
    return _misplaced_key(key, path) or _other_word(key, known, path)


def _misplaced_key(key: str, path: Path) -> _Guess | None:
    """A key that is known, but in another group or at the top."""
    if path and key in (root().keys({}) or {}):
        return _Guess(f"{key} stands at the top of the instance: check the indentation", (key,))
    elsewhere = [home for home in homes(key) if path[:1] != (home,)]
    if not elsewhere:
        return None
    target = (elsewhere[0], key) if len(elsewhere) == 1 and not path else None
    return _Guess(f"it belongs under {' or under '.join(elsewhere)}", target)


def _other_word(key: str, known: tuple[str, ...], path: Path) -> _Guess:
    other = OTHER_WORDS.get(plain(key))
    if other in known:
        return _Guess(f"did you mean {other}?", (*path, str(other)))
    meant = nearest(key, known)
    if meant:
        return _Guess(f"did you mean {meant}?")
    return _Guess(f"known here: {listed(known)}" if known else "")
