"""A folder that a command fills: whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mastodon_infra.errors import MastodonInfraError

MARKER = ".made-by-mastodon-infra"
_MARKER_TEXT = "This folder is rewritten as a whole by mastodon-infra; what is put here by hand is lost.\n"


class OutFolderError(MastodonInfraError):
    """A folder cannot be written, or holds files of somebody else."""


@contextmanager
def filled(target: Path) -> Iterator[Path]:
    """Give a new folder to fill; it takes the target's place at the end, or vanishes after an error."""
    place = Path(os.path.realpath(target))
    _refuse_foreign(place, target)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.new-"))
        fresh.chmod(0o777 & ~_umask())
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        (fresh / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
        yield fresh
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
    elif place.exists():
        raise OutFolderError("this is a file, not a folder", hint="name an empty or a new folder", where=str(target))


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
