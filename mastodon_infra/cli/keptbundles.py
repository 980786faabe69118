"""Bundles as ``render`` keeps them in a folder: files as they will lie on the machine, and an index of the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.render.bundle_types import NodeBundle

INDEX = "bundle.json"
TREE = "files"
LAYOUT = 1
"""Number of the index's shape; another number is another shape, which is not guessed at."""


class KeptBundlesError(MastodonInfraError):
    """A folder does not hold what ``render`` writes."""


def index_text(made: NodeBundle) -> str:
    """Everything about a bundle but the content of its files, which lie beside it."""
    kept = {"layout": LAYOUT, **asdict(made)}
    for file in kept["files"]:
        del file["content"]
    return json.dumps(kept, indent=1) + "\n"


def kept_bundles(folder: Path) -> dict[str, NodeBundle]:
    """The bundles in a folder that ``render --out`` wrote, by the machines' names."""
    if not folder.is_dir():
        raise KeptBundlesError("there is no such folder", hint=_HINT, where=str(folder))
    homes = sorted(path.parent for path in folder.glob(f"*/{INDEX}"))
    if not homes:
        older = any(folder.glob(f"*/{TREE}"))
        why = "an older version wrote this folder, without an index" if older else "render did not write this folder"
        raise KeptBundlesError(why, hint=_HINT, where=str(folder))
    return {home.name: _kept(home) for home in homes}


def _kept(home: Path) -> NodeBundle:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  # only where an old folder is read

    index = home / INDEX
    try:
        read: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
        layout = read.pop("layout", None)
        if layout != LAYOUT:
            message = f"its layout is {layout}, and this version reads layout {LAYOUT}"
            raise KeptBundlesError(message, hint=_HINT, where=str(index))
        for file in read["files"]:
            file["content"] = (home / TREE / file["path"].lstrip("/")).read_bytes().decode()
        return TypeAdapter(NodeBundle).validate_python(read)
    except OSError as error:
        message = f"a file of its index cannot be read: {error.strerror}"
        raise KeptBundlesError(message, hint=_HINT, where=error.filename or str(index)) from None
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError):
        raise KeptBundlesError("this is no index of a machine's files", hint=_HINT, where=str(index)) from None


_HINT = "mastodon-infra render STACK --out DIR writes such a folder, with the stack file as it was"
