"""The mail relay under its name: it takes mail from who may send, and keeps it as files instead of handing it on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from mastodon_infra.rehearsal.clouds.amazon import ACCESS_KEY, USER_POLICY
from mastodon_infra.rehearsal.machines.addresses import RELAY
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.system import System, wait_until
from mastodon_infra.rehearsal.world import World

PROGRAM = Path(__file__).parents[1] / "stand_in/relay.py"
WRAPPED_PORT = 465
"""The port where TLS comes first; at all others it is asked for by STARTTLS."""

Login = dict[str, str]


class Relay:
    """Demands TLS and a login: the one that was given, or those that Amazon's mail has in the world."""

    def __init__(self, ground: Ground) -> None:
        """Start it where the instance is to send mail at all."""
        self._given = ground.given
        self._folder = ground.folder / "relay"
        self._kept = self._folder / "kept"
        self._kept.mkdir(parents=True, exist_ok=True)
        self._settings = self._folder / "settings.json"
        self._told: dict[str, Any] = {}
        if not self._given.mail_host:
            return
        certificate, key = ground.authority.issue(self._folder, self._given.mail_host)
        ports = self._given.mail_ports
        self._told = {
            "address": RELAY,
            "host": self._given.mail_host,
            "certificate": str(certificate),
            "key": str(key),
            "folder": str(self._kept),
            "open": [port for port in ports if port != WRAPPED_PORT],
            "wrapped": [port for port in ports if port == WRAPPED_PORT],
            "logins": [],
        }
        self._tell()
        self._start(System(ground))

    def follow(self, world: World) -> None:
        """Take the logins that there are by now."""
        if not self._told:
            return
        logins = [*self._given_login(), *_amazon_logins(world)]
        if logins != self._told["logins"]:
            self._told["logins"] = logins
            self._tell()

    def messages(self) -> list[Message]:
        """What was sent so far, oldest first."""
        return [BytesParser().parsebytes(path.read_bytes()) for path in sorted(self._kept.glob("*.eml"))]

    def _start(self, system: System) -> None:
        program, log = self._folder / PROGRAM.name, self._folder / "relay.log"
        shutil.copyfile(PROGRAM, program)
        log.write_text("", encoding="utf-8")
        system.start("python3", str(program), str(self._settings), log=log)
        wait_until(lambda: "ready" in log.read_text(encoding="utf-8"), what="the mail relay listens")

    def _given_login(self) -> Iterator[Login]:
        given = self._given
        if given.mail_username:
            sender = f"@{given.mail_domain}" if given.mail_domain else ""
            yield {"username": given.mail_username, "password": given.mail_password, "sender": sender}

    def _tell(self) -> None:
        making = self._settings.with_suffix(".making")
        making.touch(mode=0o600)
        making.write_text(json.dumps(self._told), encoding="utf-8")
        making.replace(self._settings)


def _amazon_logins(world: World) -> Iterator[Login]:
    """Keys of users who may send; a policy binds each to an address."""
    for policy in world.all(USER_POLICY):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            if "ses:SendRawEmail" not in statement["Action"]:
                continue
            sender = statement["Condition"]["StringEquals"]["ses:FromAddress"].lower()
            for key in world.all(ACCESS_KEY):
                if key.inputs["user"] == policy.inputs["user"]:
                    yield {"username": key.id, "password": key.outputs["sesSmtpPasswordV4"], "sender": sender}
