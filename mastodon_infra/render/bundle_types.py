"""The shapes of a bundle: everything that one node gets, ready to be carried through either door."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

UNIT_FOLDERS = ("/etc/systemd/system/", "/etc/containers/systemd/")


class Action(StrEnum):
    """What a running machine has to do once a file has changed."""

    NOTHING = "nothing"
    RELOAD = "reload"
    RESTART = "restart"
    REBOOT = "reboot"


class Part(StrEnum):
    """Whether a file is needed before anything can be fetched, or travels with the payload."""

    BOOT = "boot"
    PAYLOAD = "payload"


class UnitState(StrEnum):
    """What becomes of a unit: enabled and started, or disabled and stopped."""

    STARTED = "started"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Need:
    """What a change of a file needs: ``reload`` of ``nginx.service``. ``unit`` is empty for nothing and for reboot."""

    action: Action
    unit: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class BundleFile:
    """One file on the machine. ``mode`` is a number: ``0o640``."""

    path: str
    content: str
    owner: str
    group: str
    mode: int
    needs: Need
    is_secret: bool
    part: Part

    def __repr__(self) -> str:
        shown = "<secret>" if self.is_secret else f"{len(self.content)} characters"
        return f"BundleFile({self.path!r}, {self.mode:04o} {self.owner}:{self.group}, {shown})"

    @property
    def defines_units(self) -> bool:
        """Whether systemd must read its units anew when the file has changed."""
        return self.path.startswith(UNIT_FOLDERS)


@dataclass(frozen=True, slots=True)
class BundleDirectory:
    """A directory that must exist before anything starts."""

    path: str
    owner: str
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class BundleUser:
    """A person's login. Their keys are files of the bundle, so that taking one away takes the access away."""

    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BundleUnit:
    """A systemd unit and what becomes of it."""

    name: str
    state: UnitState


@dataclass(frozen=True, slots=True)
class NodeBundle:
    """All that one node gets. Members are sorted, so equal plans give equal bundles."""

    node: str
    packages: tuple[str, ...]
    users: tuple[BundleUser, ...]
    directories: tuple[BundleDirectory, ...]
    files: tuple[BundleFile, ...]
    units: tuple[BundleUnit, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over everything in it, secrets included: equal digests mean equal machines."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def file(self, path: str) -> BundleFile:
        """The file at that path; KeyError when there is none."""
        return {file.path: file for file in self.files}[path]
