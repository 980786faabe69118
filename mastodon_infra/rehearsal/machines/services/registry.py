"""The registry of container images, under the name that machines ask for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mastodon_infra.rehearsal.machines.addresses import REGISTRY
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.image import add_trust, build_image, unpack_archive
from mastodon_infra.rehearsal.world import World

PROGRAM = Path(__file__).parents[1] / "stand_in/registry.py"


class Registry:
    """Gives out, under every name that the plan uses, the real image where there is one, else Mastodon's stand-in."""

    def __init__(self, ground: Ground) -> None:
        hosts = sorted({image.partition("/")[0] for image in ground.given.images})
        folder = ground.folder / "registry"
        folder.mkdir(exist_ok=True)
        certificate, key = ground.authority.issue(folder, *hosts)
        settings = {
            "address": REGISTRY,
            "certificate": str(certificate),
            "key": str(key),
            "folder": str(folder),
            "images": dict(_built(ground, image, folder) for image in ground.given.images),
        }
        file = folder / "settings.json"
        file.write_text(json.dumps(settings), encoding="utf-8")
        ground.place.start(sys.executable, str(PROGRAM), str(file), log=folder / "registry.log")

    def follow(self, world: World) -> None:
        """No provider changes anything here."""


def _built(ground: Ground, image: str, folder: Path) -> tuple[str, str]:
    """The image's repository and tag, and the digest of its manifest. It trusts the rehearsal's stores and relays."""
    name = image.partition("/")[2].partition("@")[0]
    version, trusted = name.rpartition(":")[2], ground.authority.certificate
    if archive := ground.given.archives.get(image):
        return name, add_trust(unpack_archive(Path(archive), folder), folder, trusted)
    return name, build_image(ground.parts.image_system, folder, version=version, trusted=trusted)
