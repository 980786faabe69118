"""Finding stack files by name, and reading them into a spec and a plan with located errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.errors import MastodonInfraError, Problem, SpecError, StackFileError

if TYPE_CHECKING:
    from mastodon_infra.model.instance import InstanceSpec
    from mastodon_infra.plan.types import InstancePlan
    from mastodon_infra.stackfile.read import StackFile

FOLDER = "stacks"
PREFIX, SUFFIX = "Pulumi.", ".yaml"
LARGEST_MAU = 100_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def complete_stack(incomplete: str) -> list[str]:
    """Names of stacks that begin with what was typed, for the shell."""
    try:
        return [name for name in known_stacks(stacks_folder()) if name.startswith(incomplete)]
    except OSError:
        return []


StackArgument = Annotated[
    str,
    typer.Argument(metavar="STACK", help="A stack's name, or the path of its file.", autocompletion=complete_stack),
]
StacksDirOption = Annotated[
    Path | None,
    typer.Option("--stacks-dir", metavar="DIR", help="Where the stack files are; by default stacks/, here or above."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data for scripts; errors too are JSON then.")]
MauOption = Annotated[
    int | None,
    typer.Option("--mau", metavar="N", min=1, max=LARGEST_MAU, help="Plan for N monthly active users instead."),
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stack that was read and planned.

    Attributes:
        name: The stack's name.
        file: The file it was read from.
        spec: What is asked for, with changes made on the command line.
        plan: The plan of it.
    """

    name: str
    file: StackFile
    spec: InstanceSpec
    plan: InstancePlan


def load(stack: str, folder: Path | None, *, changes: Mapping[str, Any] | None = None) -> Loaded:
    """Read a stack and plan it; ``changes`` are dotted paths of the instance with other values."""
    from mastodon_infra.plan.instance import plan_instance  # noqa: PLC0415  # reading a name must not cost this

    file = read(stack, folder)
    with located(file, changes or {}):
        spec = changed(file, changes) if changes else file.spec
        return Loaded(stack_name(stack), file, spec, plan_instance(spec))


def resized(mau: int | None) -> dict[str, Any]:
    """The change that another number of people is."""
    return {} if mau is None else {"expected_monthly_active_users": mau}


def read(stack: str, folder: Path | None) -> StackFile:
    """Read a stack's file; raises ``StackFileError`` with the known stacks when there is none of that name."""
    from mastodon_infra.stackfile.read import read_stack  # noqa: PLC0415  # pydantic and YAML come with it

    return read_stack(find(stack, folder))


def changed(file: StackFile, changes: Mapping[str, Any]) -> InstanceSpec:
    """The file's spec with other values at some dotted paths, judged as if it had been written so."""
    from copy import deepcopy  # noqa: PLC0415  # as below

    from mastodon_infra.stackfile.names import INSTANCE_KEY  # noqa: PLC0415  # only for a change
    from mastodon_infra.stackfile.verdict import spec_from  # noqa: PLC0415  # as above

    document = file.document.data
    assert isinstance(document, dict)
    data: dict[str, Any] = deepcopy(document["config"][INSTANCE_KEY])
    for path, value in changes.items():
        if path in {"size", "expected_monthly_active_users"}:
            data.pop("size", None)
            data.pop("expected_monthly_active_users", None)
        _put(data, path, value)
    return spec_from(data)


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for part in above:
        below = data.setdefault(part, {})
        if not isinstance(below, dict):
            raise SpecError(f"{part} is not a group of keys, so {path} cannot be set in it", where=f"--set {path}")
        data = below
    data[last] = value


@contextmanager
def located(file: StackFile, changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Give the problems of an error the lines of the file that they are about, or the change they come from."""
    try:
        yield
    except MastodonInfraError as error:
        raise type(error)([_located(problem, file, changes or {}) for problem in error.problems]) from None


def _located(problem: Problem, file: StackFile, changes: Mapping[str, Any]) -> Problem:
    if problem.where:
        return problem
    path = problem.dotted
    asked = [name for name in changes if path and (path == name or path.startswith(f"{name}."))]
    if asked:
        return replace(problem, where="on the command line")
    return replace(problem, where=file.locate(problem.path) if problem.path else file.name)


def find(stack: str, folder: Path | None) -> Path:
    """The path of a stack's file: the path itself if it is one, else the name looked up here and above."""
    if is_path(stack):
        return Path(stack)
    places = [folder] if folder else list(_folders())
    for place in places:
        path = place / file_name(stack)
        if path.is_file():
            return path
    raise _unknown(stack, places[0] if places else None, is_given=folder is not None)


def is_path(stack: str) -> bool:
    """Whether what was typed is a file rather than a name."""
    return "/" in stack or os.sep in stack or stack.endswith((".yaml", ".yml"))


def stack_name(stack: str) -> str:
    """The stack's name, also where its file was given."""
    return Path(stack).name.removeprefix(PREFIX).removesuffix(SUFFIX) if is_path(stack) else stack


def file_name(stack: str) -> str:
    """The file's name, as the engine wants it."""
    if not _NAME.fullmatch(stack):
        raise StackFileError(
            f"{stack[:60]!r} is not a stack's name",
            hint="letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
        )
    return f"{PREFIX}{stack}{SUFFIX}"


def stacks_folder() -> Path:
    """The nearest folder of stacks, here or above; where there is none yet, the place for a new one."""
    return next(_folders(), Path(FOLDER))


def known_stacks(folder: Path) -> list[str]:
    """The stacks of a folder by name."""
    names = (entry.name for entry in folder.glob(f"{PREFIX}*{SUFFIX}"))
    return sorted(name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in names)


def _folders() -> Iterator[Path]:
    """Every ``stacks`` folder from here upwards, as paths relative to here."""
    here = Path.cwd()
    for above in (here, *here.parents):
        if (above / FOLDER).is_dir():
            yield Path(os.path.relpath(above / FOLDER))


def _unknown(stack: str, folder: Path | None, *, is_given: bool) -> StackFileError:
    if folder is None or (is_given and not folder.is_dir()):
        searched = f"{folder} is no folder" if folder else f"there is no folder {FOLDER}/ here or above"
        return StackFileError(
            f"no stack {stack!r}: {searched}",
            hint=f"mastodon-infra new {stack} writes a first one, or give --stacks-dir",
        )
    names = known_stacks(folder)
    near = get_close_matches(stack, names, n=1)
    known = f"known in {folder}: {', '.join(names)}" if names else f"{folder} holds no stack yet"
    meant = f"did you mean {near[0]}? " if near else ""
    return StackFileError(f"no stack {stack!r}; {known}", hint=f"{meant}mastodon-infra new {stack} writes a new one")
