"""The public certificate authority: pebble under Let's Encrypt's name. It asks names over HTTP as the real one does."""

from __future__ import annotations

import json
import os
import time

from mastodon_infra.rehearsal.machines.addresses import ACME
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.names import ACME_HOST
from mastodon_infra.rehearsal.machines.services.system import System
from mastodon_infra.rehearsal.world import World

API_PORT, MANAGEMENT_PORT = 14000, 15000
READY_SECONDS = 20

# Pebble has other paths than the real one only for the directory, in which a client finds all others.
PROXY = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  server {{
    listen {address}:443 ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location = /directory {{ proxy_pass https://{address}:{port}/dir; proxy_set_header Host {host}; }}
    location / {{ proxy_pass https://{address}:{port}; proxy_set_header Host {host}; }}
  }}
}}
"""


class Acme:
    """An authority that starts with a root of its own each time."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        folder = ground.folder / "acme"
        folder.mkdir(exist_ok=True)
        certificate, key = ground.authority.issue(folder, ACME_HOST)
        settings = {
            "listenAddress": f"{ACME}:{API_PORT}",
            "managementListenAddress": f"{ACME}:{MANAGEMENT_PORT}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {"default": {"description": "as Let's Encrypt's", "validityPeriod": 90 * 86400}},
        }
        file = folder / "pebble.json"
        file.write_text(json.dumps({"pebble": settings}), encoding="utf-8")
        ground.place.start(
            # Names are asked as the place asks them. A resolver of its own would have it insist on IPv6 addresses.
            *(str(ground.parts.acme), "-config", str(file)),
            log=folder / "pebble.log",
            environment={"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
        )
        proxy = folder / "nginx.conf"
        proxy.write_text(
            PROXY.format(folder=folder, address=ACME, port=API_PORT, host=ACME_HOST, certificate=certificate, key=key),
            encoding="utf-8",
        )
        System(ground).start("nginx", "-c", str(proxy), log=folder / "nginx.log")

    def root(self) -> str:
        """The certificate that whoever trusts this authority trusts, as PEM."""
        words = ("curl", "--silent", "--insecure", "--fail", f"https://{ACME}:{MANAGEMENT_PORT}/roots/0")
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self._ground.place.run(*words)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def follow(self, world: World) -> None:
        """No provider changes anything here."""
