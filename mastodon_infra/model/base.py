"""The base of every model: frozen, closed to unknown keys, strict about numbers and switches."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Closed(BaseModel):
    """A frozen model that refuses unknown keys. Words are read leniently, numbers and switches are not."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PositiveCount = Annotated[int, Field(strict=True, ge=1)]
"""A whole number of things, at least one; ``"2"`` and ``true`` are refused."""

Switch = Annotated[bool, Field(strict=True)]
"""true or false, and nothing that merely looks like it."""


def refusal(message: str, *, hint: str = "") -> PydanticCustomError:
    """Build a validation error whose hint survives into the operator's three lines."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})
