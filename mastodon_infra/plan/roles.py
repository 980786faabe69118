"""Optional roles: what a card says about one, and the laws that hold for all of them.

A role that not every instance needs is one member of ``Role``, one card in ``plan/tuning/<role>.py``, one folder of
templates of its name and one line of documentation; see ``docs/adr/0012-optional-roles.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from mastodon_infra.errors import Problem
from mastodon_infra.model.role import REQUIRED_ROLES, Role
from mastodon_infra.plan.budget import MemoryLine
from mastodon_infra.plan.decided import Decided

OPTIONAL_ROLES = tuple(role for role in Role if role not in REQUIRED_ROLES)
"""Roles that an instance may do without, in the order of the vocabulary."""

Roles = tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class RoleSetting:
    """A number or word that the role's templates print."""

    name: str
    choice: Decided[int] | Decided[str]


@dataclass(frozen=True, slots=True)
class RolePort:
    """A port of the machine's loopback on which one of the role's processes listens."""

    process: str
    port: int


@dataclass(frozen=True, slots=True)
class RoleCard:
    """Everything that the plan knows about an optional role.

    Attributes:
        title, detail: The role in a word or two, and what it does, for pictures and lists.
        beside: Roles that its node must have as well. Never empty: an optional role has no addresses of its own.
        memory: What it takes of its node's memory.
        units: How the names of its units begin that are not ours: their state is watched.
    """

    role: Role
    title: str
    detail: str
    beside: Roles
    memory: MemoryLine
    settings: tuple[RoleSetting, ...]
    ports: tuple[RolePort, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The role's name, under which its settings are explained."""
        return self.role.value


@cache
def card_of(role: Role) -> RoleCard:
    """The card of an optional role: ``CARD`` of the tuning module of its name."""
    card = import_module(f"mastodon_infra.plan.tuning.{role.value}").CARD
    assert isinstance(card, RoleCard)
    assert card.role is role
    assert card.beside
    return card


def cards_of(roles: Iterable[Role]) -> tuple[RoleCard, ...]:
    """The cards of those roles that are optional."""
    asked = frozenset(roles)
    return tuple(card_of(role) for role in OPTIONAL_ROLES if role in asked)


def roles_of_node(roles: Roles, ordinal: int) -> Roles:
    """What one node of a group does: an optional role runs once, on the first node of the group that has it."""
    return tuple(role for role in roles if ordinal == 1 or role in REQUIRED_ROLES)


def with_optional(roles: Roles, also: Roles) -> Roles:
    """A group's roles and those that it has besides, each once, in the order of the vocabulary."""
    return tuple(role for role in Role if role in roles or role in also)


def problems(groups: tuple[tuple[str, Roles], ...]) -> Iterator[Problem]:
    """What breaks the laws of optional roles in a placement, given as groups by name with their roles."""
    for role in OPTIONAL_ROLES:
        holders = [(name, roles) for name, roles in groups if role in roles]
        for name, roles in holders:
            missing = [other.value for other in card_of(role).beside if other not in roles]
            if missing:
                yield Problem(
                    ("nodes", name),
                    f"has the role {role} without {' and '.join(missing)}",
                    f"{role} runs beside {' and '.join(card_of(role).beside)}: move it to a group that has it",
                )
        if len(holders) > 1:
            yield Problem(
                ("nodes", holders[-1][0]),
                f"{role} is also in {', '.join(name for name, _ in holders[:-1])}",
                f"{role} runs once, on the first node of one group",
            )
