"""The bundle's own lists, which the installer on the machine reads: packages, units, and who owns which path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mastodon_infra.render.bundle_types import Action, BundleDirectory, BundleFile, BundleUnit, Need, NodeBundle, Part
from mastodon_infra.render.scene import ETC, STATE

TREE_PATH = f"{ETC}/tree"
RECORD_PATH = f"{STATE}/applied"
"""What was last applied, through whichever door; the second door sees by it what was edited by hand, and what goes."""
INSTALLED_PATH = f"{STATE}/installed"
"""The digest of the bundle that the machine holds."""


def installer_files(
    *,
    packages: Sequence[str],
    units: Sequence[BundleUnit],
    directories: Sequence[BundleDirectory],
    files: Sequence[BundleFile],
) -> tuple[BundleFile, ...]:
    """The lists, one entry a line. What the installer needs before it has the payload travels in the boot part."""
    lists = (
        _list("packages", packages),
        _list("units", (f"{unit.state} {unit.name}" for unit in units)),
        _list("needs", (_need_line(file) for file in sorted(files, key=_path) if _has_need(file)), Part.PAYLOAD),
    )
    own = [_line("file", TREE_PATH, "root", "root", 0o644)]
    tree = sorted([*(_file_line(file) for file in (*files, *lists)), *own], key=_path_of)
    folders = sorted(
        (_line("directory", one.path, one.owner, one.group, one.mode) for one in directories), key=_path_of
    )
    return (*lists, _list("tree", (*folders, *tree)))


def record_text(bundle: NodeBundle) -> str:
    """The record of a machine that holds the bundle: the lists with a word before each line, and a sum for each file.

    The installer writes the same text from what lies on the machine.
    """
    lists = (("package ", "packages"), ("unit ", "units"), ("need ", "needs"), ("", "tree"))
    text = "".join(
        f"{word}{line}\n" for word, name in lists for line in bundle.file(f"{ETC}/{name}").content.splitlines()
    )
    return text + "".join(_sum_line(file) for file in sorted(bundle.files, key=_path))


def record_lines(files: Iterable[BundleFile]) -> str:
    """Lines that add these files to a record."""
    return "".join(f"need {_need_line(file)}\n{_sum_line(file)}" for file in sorted(files, key=_path))


def _sum_line(file: BundleFile) -> str:
    return f"sum {hashlib.sha256(file.content.encode()).hexdigest()}  {file.path}\n"


def _list(name: str, lines: Iterable[str], part: Part = Part.BOOT) -> BundleFile:
    return BundleFile(
        path=f"{ETC}/{name}",
        content="".join(f"{line}\n" for line in lines),
        owner="root",
        group="root",
        mode=0o644,
        needs=Need(Action.NOTHING),
        is_secret=False,
        part=part,
    )


def _has_need(file: BundleFile) -> bool:
    return file.needs.action is not Action.NOTHING


def _need_line(file: BundleFile) -> str:
    return f"{file.needs.action} {file.needs.unit} {file.path}"


def _path(file: BundleFile) -> str:
    return file.path


def _file_line(file: BundleFile) -> str:
    return _line("file", file.path, file.owner, file.group, file.mode)


def _line(kind: str, path: str, owner: str, group: str, mode: int) -> str:
    return f"{kind} {mode:04o} {owner} {group} {path}"


def _path_of(line: str) -> str:
    return line.rpartition(" ")[2]
