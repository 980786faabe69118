"""Linode's API under its own name, for what programs beside the engine ask: before a deployment, and to drain nodes."""

from __future__ import annotations

import sys

from mastodon_infra.rehearsal.machines.addresses import LINODE_API
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.world import World

HOST = "api.linode.com"
PROGRAM = "mastodon_infra.rehearsal.machines.stand_in.linode_api"


class LinodeApi:
    """Answers from the world, and changes it, in a process of the place's own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._folder = ground.folder / "linode-api"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._is_started = False

    def follow(self, world: World) -> None:
        """Nothing but a start: every answer is the world's as it is at that moment."""
        if not self._is_started:
            certificate, key = self._ground.authority.issue(self._folder, HOST)
            words = (sys.executable, "-m", PROGRAM, LINODE_API, str(certificate), str(key), str(world.folder))
            self._ground.place.start(*words, log=self._folder / "server.log")
            self._is_started = True
