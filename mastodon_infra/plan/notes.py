"""Notes: what the plan wants its reader to know, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a note matters. ``warning``: people will notice. ``advice``: worth doing. ``info``: good to know."""

    WARNING = "warning"
    ADVICE = "advice"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Note:
    """A warning or advice returned by the plan.

    Attributes:
        name: Stable identifier, usable in scripts: ``mail-none``.
        level: How much it matters.
        text: What is so, in one or two sentences.
        remedy: What to do, preferably the line of the stack file to change.
    """

    name: str
    level: Level
    text: str
    remedy: str = ""
