"""The record of the last escrow in a stack's file: a day, and the fingerprints of the keys that it held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mastodon_infra.stackfile.document import Document
from mastodon_infra.stackfile.envelope import is_record
from mastodon_infra.stackfile.names import ESCROW_KEY
from mastodon_infra.stackfile.read import read_text
from mastodon_infra.stackfile.write import replace_beside, save


@dataclass(frozen=True, slots=True)
class EscrowRecord:
    """What the stack's file tells of the last escrow; ``date`` is a day in ISO's form."""

    date: str
    fingerprints: Mapping[str, str]


def recorded_in(document: Document) -> EscrowRecord | None:
    """The record of a file that was read; None where there is none."""
    config = document.data.get("config") if isinstance(document.data, dict) else None
    told = config.get(ESCROW_KEY) if isinstance(config, dict) else None
    if not isinstance(told, dict) or not is_record(told):
        return None
    return EscrowRecord(told["date"], dict(told["fingerprints"]))


def record(path: Path, kept: EscrowRecord) -> None:
    """Write the record into a stack's file; every byte outside it stays."""
    value = {"date": kept.date, "fingerprints": dict(sorted(kept.fingerprints.items()))}
    save(path, replace_beside(read_text(path), ESCROW_KEY, value, name=str(path)))
