"""The bundle's own lists, which the installer on the machine reads: packages, units, and who owns which path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mastodon_infra.render.bundle_types import Action, BundleDirectory, BundleFile, BundleUnit, Need, Part
from mastodon_infra.render.scene import ETC

TREE_PATH = f"{ETC}/tree"


def installer_files(
    *,
    packages: Sequence[str],
    units: Sequence[BundleUnit],
    directories: Sequence[BundleDirectory],
    files: Sequence[BundleFile],
) -> tuple[BundleFile, ...]:
    """The three lists, one entry a line. They travel in the boot part, so that both routes have the same."""
    lists = (
        _list("packages", packages),
        _list("units", (f"{unit.state} {unit.name}" for unit in units)),
    )
    own = [_line("file", TREE_PATH, "root", "root", 0o644)]
    tree = sorted([*(_file_line(file) for file in (*files, *lists)), *own], key=_path_of)
    folders = sorted(
        (_line("directory", one.path, one.owner, one.group, one.mode) for one in directories), key=_path_of
    )
    return (*lists, _list("tree", (*folders, *tree)))


def _list(name: str, lines: Iterable[str]) -> BundleFile:
    return BundleFile(
        path=f"{ETC}/{name}",
        content="".join(f"{line}\n" for line in lines),
        owner="root",
        group="root",
        mode=0o644,
        needs=Need(Action.NOTHING),
        is_secret=False,
        part=Part.BOOT,
    )


def _file_line(file: BundleFile) -> str:
    return _line("file", file.path, file.owner, file.group, file.mode)


def _line(kind: str, path: str, owner: str, group: str, mode: int) -> str:
    return f"{kind} {mode:04o} {owner} {group} {path}"


def _path_of(line: str) -> str:
    return line.rpartition(" ")[2]
