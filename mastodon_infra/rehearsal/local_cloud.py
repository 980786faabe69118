"""A folder in which ``pulumi`` finds everything: stand-in providers, state, a passphrase, and nobody's account."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mastodon_infra.errors import ToolError
from mastodon_infra.rehearsal.world import Thing, World

PROVIDERS = ("linode", "aws", "cloudflare", "random", "tls")
CREDENTIAL = "rehearsal"
PROJECT_ROOT = Path(__file__).parents[2]
ENGINE = PROJECT_ROOT / ".tools" / "engine"
WORLD_VARIABLE = "MASTODON_INFRA_WORLD"

FOREIGN_PREFIXES = ("AWS_", "CLOUDFLARE_", "LINODE_", "PULUMI_")
"""Settings of real accounts and of other engines: none of them reaches a rehearsal."""


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """A rehearsal's folder.

    Attributes:
        folder: Holds all of it: cloud (what exists), state, home (the engine's own, with the providers), passphrase.
        engine: The folder with ``pulumi`` in it.
    """

    folder: Path
    engine: Path

    @property
    def world(self) -> World:
        """What exists."""
        return World(self.folder / "cloud")

    @property
    def backend(self) -> str:
        """Where the state is, as the engine wants it said."""
        return f"file://{self.folder / 'state'}"

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment variables for ``pulumi``, or for a LocalWorkspace; ``base`` is this process's own by default."""
        kept = {k: v for k, v in (os.environ if base is None else base).items() if not k.startswith(FOREIGN_PREFIXES)}
        # The interpreter comes first: the language host runs the first python that it finds.
        path = (Path(sys.executable).parent, self.engine, kept.get("PATH", os.defpath))
        return {
            **kept,
            "PATH": os.pathsep.join(map(str, path)),
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            WORLD_VARIABLE: str(self.world.folder),
            "LINODE_TOKEN": CREDENTIAL,
            "CLOUDFLARE_API_TOKEN": CREDENTIAL,
            "AWS_ACCESS_KEY_ID": CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        }


def local_cloud(folder: Path, *, zones: Iterable[str] = (), engine: Path = ENGINE) -> LocalCloud:
    """Make the folder, or find it as it was left. ``zones`` are at Cloudflare before anything else is.

    Raises ToolError where there is no engine.
    """
    if not (engine / "pulumi").exists():
        raise ToolError("there is no Pulumi engine in this checkout", hint="make engine")
    cloud = LocalCloud(folder.resolve(), engine)
    (cloud.folder / "state").mkdir(parents=True, exist_ok=True)
    _write_passphrase(cloud.folder / "passphrase")
    for provider in PROVIDERS:
        _install(provider, cloud.folder / "home" / "plugins")
    _put_zones(cloud.world, zones)
    return cloud


def _write_passphrase(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")


def _install(provider: str, plugins: Path) -> None:
    """Put a launcher where the engine keeps plugins that it downloaded, under the SDK's version, which it asks for."""
    folder = plugins / f"resource-{provider}-v{version(f'pulumi-{provider}')}"
    launcher = folder / f"pulumi-resource-{provider}"
    text = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mastodon_infra.rehearsal provider {provider} "$@"\n'
    if not launcher.exists() or launcher.read_text(encoding="utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        launcher.write_text(text, encoding="utf-8")
        launcher.chmod(0o755)


def _put_zones(world: World, zones: Iterable[str]) -> None:
    token = "cloudflare:index/zone:Zone"  # noqa: S105  # a type's name
    known = {zone.inputs["name"] for zone in world.all(token)}
    for name in zones:
        if name not in known:
            with world.locked():
                world.put(Thing(token, f"{world.next_number():032x}", {"name": name}, {}))
