"""What a check found: the one shape that every part of the preflight answers in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended. Only ``failed`` stops a deployment."""

    OK = "ok"
    WARN = "warn"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at, unique within the group, a few words.
        group: Whose it is: engine, state, secrets, escrow, clouds, linode, dns, storage, identities or mail.
        outcome: How it ended.
        seen: What was found, one sentence without a full stop; never a secret.
        remedy: What helps; empty where nothing is wrong.
    """

    name: str
    group: str
    outcome: Outcome
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Makes the checks of one group."""

    name: str

    def ok(self, name: str, seen: str) -> Check:
        """It is as it should be."""
        return Check(name, self.name, Outcome.OK, seen)

    def warn(self, name: str, seen: str, remedy: str) -> Check:
        """It may become a trouble."""
        return Check(name, self.name, Outcome.WARN, seen, remedy)

    def failed(self, name: str, seen: str, remedy: str) -> Check:
        """A deployment would fail, or lose something."""
        return Check(name, self.name, Outcome.FAILED, seen, remedy)

    def skipped(self, name: str, seen: str, remedy: str = "") -> Check:
        """It could not be looked at, or there is nothing to look at."""
        return Check(name, self.name, Outcome.SKIPPED, seen, remedy)

    def unproven(self, name: str, seen: str) -> Check:
        """It cannot be shown where this runs, and may be right or wrong."""
        return Check(name, self.name, Outcome.UNPROVEN, seen)


def failures(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that stop a deployment."""
    return tuple(check for check in checks if check.outcome is Outcome.FAILED)
