"""The shapes of a capacity report: limits, and which one comes first."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.plan.decided import Decided


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that runs out.

    Attributes:
        name: Stable identifier: ``puma-threads``.
        title: What runs out, for people.
        users: Monthly active users at which it does.
        symptom: What people or the administrator then notice.
        remedy: What to change, in the stack file's words.
        is_lifted_on_request: Whether a vendor lifts it for nothing when asked; such a limit does not count.
    """

    name: str
    title: str
    users: Decided[int]
    symptom: str
    remedy: str
    is_lifted_on_request: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """Every limit, the tightest first."""

    limits: tuple[Limit, ...]

    @property
    def first(self) -> Limit:
        """The limit that comes first, apart from those that a vendor lifts on request."""
        return next(limit for limit in self.limits if not limit.is_lifted_on_request)

    @property
    def users(self) -> int:
        """Monthly active users that the plan carries."""
        return self.first.users.value
