"""What every part of a rehearsal stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mastodon_infra.rehearsal.machines.authority import Authority
from mastodon_infra.rehearsal.machines.bed import Parts
from mastodon_infra.rehearsal.machines.place import Place


@dataclass(frozen=True, slots=True)
class Given:
    """What the outside world has to offer that no provider ever hears of.

    Attributes:
        images: The container images that machines pull, by their full names.
        mail_host: The relay that Mastodon is told to hand its mail to; empty where there is none.
        mail_ports: Where it listens.
        mail_username, mail_password: The login that it takes.
        mail_domain: Whose addresses that login may send from.
        archives: Of images that are real, the file with it; the stand-in plays the others.
    """

    images: tuple[str, ...]
    mail_host: str = ""
    mail_ports: tuple[int, ...] = ()
    mail_username: str = ""
    mail_password: str = ""
    mail_domain: str = ""
    archives: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ground:
    """A rehearsal's place, its folder, what machines are made from, what is given, and whom machines trust."""

    place: Place
    folder: Path
    parts: Parts
    given: Given
    authority: Authority
