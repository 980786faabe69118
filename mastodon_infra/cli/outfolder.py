"""A folder that a command fills: whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mastodon_infra.errors import MastodonInfraError

MARKER = ".made-by-mastodon-infra"
_MARKER_TEXT = "mastodon-infra wrote these files, and rewrites them; others here make it refuse.\n"


class OutFolderError(MastodonInfraError):
    """A folder cannot be written, or holds files of somebody else."""


@contextmanager
def filled(target: Path, *, replacing: Sequence[str] = ()) -> Iterator[Path]:
    """Give a new folder to fill; it takes the target's place at the end, or vanishes after an error.

    With ``replacing``, what else the folder holds already is kept, and only these entries are made anew.
    """
    place = Path(os.path.realpath(target))
    _refuse_foreign(place, target)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.new-"))
        fresh.chmod(0o777 & ~_umask())
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        if replacing and place.is_dir():
            shutil.copytree(
                place, fresh, dirs_exist_ok=True, ignore=lambda at, _: replacing if at == str(place) else ()
            )
        yield fresh
        made = sorted(_files(fresh))
        (fresh / MARKER).write_text("\n".join((_MARKER_TEXT, *made, "")), encoding="utf-8")
        _swap(fresh, place)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_foreign(place: Path, target: Path) -> None:
    if place.is_dir():
        entries = {entry.name for entry in place.iterdir()}
        if entries and MARKER not in entries:
            raise OutFolderError(
                "the folder holds files that were not made by this command",
                hint="name an empty or a new folder",
                where=str(target),
            )
        known = (place / MARKER).read_text(encoding="utf-8").split("\n") if entries else []
        others = sorted(_files(place) - set(known))
        if others:
            named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")  # noqa: PLR2004
            raise OutFolderError(
                f"the folder is rewritten as a whole, and holds files of somebody else: {named}",
                hint="move them away, or name another folder",
                where=str(target),
            )
    elif place.exists():
        raise OutFolderError("this is a file, not a folder", hint="name an empty or a new folder", where=str(target))


def _files(folder: Path) -> set[str]:
    """Every file in a folder but the marker, by its path in it."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)) for path in found} - {MARKER}


def _swap(fresh: Path, place: Path) -> None:
    """Put the fresh folder in the place of the old one, which comes back when that fails."""
    if not place.exists():
        fresh.rename(place)
        return
    old = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.old-"))
    place.rename(old / place.name)
    try:
        fresh.rename(place)
    except OSError:
        (old / place.name).rename(place)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _unwritable(target: Path, error: OSError) -> OutFolderError:
    return OutFolderError(f"the folder cannot be written: {error.strerror}", where=str(target))


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
