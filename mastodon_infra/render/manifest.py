"""Reads a part's manifest: which packages, files and units it has, and what a change of each file needs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mastodon_infra.errors import TemplateError
from mastodon_infra.render.bundle_types import Action, Need, Part, UnitState
from mastodon_infra.render.environment import templates_dir


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackageEntry(_Entry):
    """A Debian package. ``when`` names the switch of the context that asks for it."""

    name: str
    when: str = ""


class FileEntry(_Entry):
    """A file. ``each`` names a tuple of the context: one file for each member, whose name stands in the path.

    ``template`` is the template's path below the part's folder; by default the file's own path and ``.j2``.
    """

    path: str
    needs: str
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    boot: bool = False
    when: str = ""
    each: str = ""
    template: str = ""

    @property
    def need(self) -> Need:
        """``needs`` as a value: ``reload nginx.service``, ``reboot`` or ``nothing``."""
        action, _, unit = self.needs.partition(" ")
        return Need(Action(action), unit)

    @property
    def part(self) -> Part:
        """Secrets travel in the boot part: the payload is kept in a bucket."""
        return Part.BOOT if self.boot or self.secret else Part.PAYLOAD


class DirectoryEntry(_Entry):
    """A directory."""

    path: str
    mode: str = "0755"
    owner: str = "root"
    group: str = "root"
    when: str = ""
    each: str = ""


class UnitEntry(_Entry):
    """A unit."""

    name: str
    state: UnitState = UnitState.STARTED
    when: str = ""
    each: str = ""


class Manifest(_Entry):
    """One part of a bundle. ``processes`` are the listeners of the plan that it answers for."""

    processes: tuple[str, ...] = ()
    packages: tuple[PackageEntry, ...] = ()
    directories: tuple[DirectoryEntry, ...] = ()
    files: tuple[FileEntry, ...] = ()
    units: tuple[UnitEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class PartTemplates:
    """A part by its name, which is the name of its folder, with its manifest."""

    name: str
    manifest: Manifest


@cache
def read_manifest(part: str) -> PartTemplates:
    """Read ``templates/<part>/manifest.toml``. Raises TemplateError when it is missing or misshapen."""
    path = templates_dir() / part / "manifest.toml"
    where = f"templates/{part}/manifest.toml"
    try:
        read: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest.model_validate(read)
        for file in manifest.files:
            _ = file.need
    except (OSError, tomllib.TOMLDecodeError, ValidationError, ValueError) as error:
        raise TemplateError(f"{where}: {error}", where=where) from error
    return PartTemplates(part, manifest)
