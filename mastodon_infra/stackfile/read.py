"""Read a stack file: one spec, or every problem with its file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as FilePath

from mastodon_infra.errors import Path, Problem, StackFileError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.stackfile.document import Document, Found, parse
from mastodon_infra.stackfile.envelope import around
from mastodon_infra.stackfile.names import INSTANCE_KEY, INSTANCE_PATH
from mastodon_infra.stackfile.verdict import judge

LARGEST_BYTES = 1024 * 1024
"""A stack file is a page or two; anything larger is another kind of file."""


@dataclass(frozen=True, slots=True)
class StackFile:
    """A stack file that was read and holds a sound spec.

    Attributes:
        name: What the file is called in messages: its path as given.
        text: Its whole text.
        spec: What it asks for.
    """

    name: str
    text: str
    spec: InstanceSpec
    document: Document = field(repr=False, compare=False)

    def locate(self, path: Path) -> str:
        """``file:line`` of a path in the instance, or of its nearest parent that is written."""
        return self.document.where((*INSTANCE_PATH, *path))


def read_stack(path: FilePath) -> StackFile:
    """Read the stack file at ``path``; raises ``StackFileError`` with all its problems, by line."""
    return parse_stack(read_text(path), name=str(path))


def parse_stack(text: str, *, name: str) -> StackFile:
    """Read a stack file's text; raises ``StackFileError`` with all its problems, by line."""
    document = parse(text, name=name)
    found = [*document.found, *around(document)]
    spec = None
    if _has_instance(document):
        inside = [entry.problem.path for entry in document.found]
        doubted = [path[2:] for path in inside if path[:2] == INSTANCE_PATH and len(path) > len(INSTANCE_PATH)]
        verdict = judge(document.data["config"][INSTANCE_KEY], doubted=doubted)
        spec = verdict.spec
        found += [Found(document.line((*INSTANCE_PATH, *problem.path)), problem) for problem in verdict.problems]
    if found or spec is None:
        raise StackFileError(_located(found, document.name))
    return StackFile(name=name, text=text, spec=spec, document=document)


def read_text(path: FilePath) -> str:
    """The text of a file; raises ``StackFileError`` when there is none or it is not text."""
    try:
        if path.is_file() and path.stat().st_size > LARGEST_BYTES:
            raise StackFileError(
                f"the file has {path.stat().st_size:,} bytes; a stack file has a few thousand",
                hint="check that this is the right file",
                where=str(path),
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StackFileError("there is no such stack file", hint=_absent_hint(path), where=str(path)) from None
    except IsADirectoryError:
        raise StackFileError("this is a folder, not a stack file", where=str(path)) from None
    except PermissionError:
        hint = "look at the file's owner and mode with ls -l"
        raise StackFileError("the file may not be read", hint=hint, where=str(path)) from None
    except OSError as error:
        raise StackFileError(f"the file cannot be read: {error.strerror}", where=str(path)) from None
    return _decoded(raw, str(path))


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        is_wide = raw[:2] in {b"\xff\xfe", b"\xfe\xff"}
        message = "the file is in UTF-16" if is_wide else "the line holds bytes that are not UTF-8 text"
        hint = "save it as UTF-8"
        raise StackFileError(message, hint=hint, where=name if is_wide else f"{name}:{line}") from None


def _absent_hint(path: FilePath) -> str:
    try:
        siblings = sorted(entry.name for entry in path.parent.glob("Pulumi.*.yaml"))
    except OSError:
        siblings = []
    near = get_close_matches(path.name, siblings, n=1)
    if near:
        return f"did you mean {path.parent / near[0]}?"
    return f"mastodon-infra new {path.name.removeprefix('Pulumi.').removesuffix('.yaml')} writes one"


def _has_instance(document: Document) -> bool:
    data = document.data
    config = data.get("config") if isinstance(data, dict) else None
    return isinstance(config, dict) and INSTANCE_KEY in config and not _is_secure(config[INSTANCE_KEY])


def _is_secure(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _located(found: list[Found], name: str) -> list[Problem]:
    """Problems by line, each with its place; those inside the instance under the instance's own paths."""
    located = []
    for entry in sorted(found, key=lambda entry: entry.line):
        path = entry.problem.path
        inner = path[2:] if path[:2] == INSTANCE_PATH and len(path) > len(INSTANCE_PATH) else path
        located.append(Problem(inner, entry.problem.message, entry.problem.hint, f"{name}:{entry.line}"))
    return located
