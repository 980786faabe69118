"""Cloudflare's proxies: they end the visitors' TLS, and ask origins as Cloudflare does.

Played are TLS to the origin, checked as the zone wants it, the certificate that origins know Cloudflare by, the headers
that tell of the visitor, WebSockets, ranges, the largest upload and the longest wait. Of the zone's rules, those are
played that say how an origin's certificate is checked, and that lead visitors to TLS. Nothing is cached, blocked or
limited here; every answer says that it was fetched. What a request says itself of its visitor does not get past here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mastodon_infra.rehearsal.clouds.cloudflare import PULL_CERTIFICATE, PULL_SETTINGS, RECORD, RULESET, SETTING
from mastodon_infra.rehearsal.clouds.cloudflare_keys import origin_authority, pull_key
from mastodon_infra.rehearsal.machines.addresses import EDGE, GATEWAY
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.system import RUN, System, wait_until
from mastodon_infra.rehearsal.world import Values, World

PID = "edge.pid"
LARGEST_UPLOAD, LONGEST_WAIT = "100m", "100s"
"""Of the plans that most zones have."""

HEAD = f"""\
daemon off;
user root;
pid /{RUN}/{PID};
error_log stderr warn;
events {{ worker_connections 4000; }}
http {{
  access_log off;
  server_tokens off;
  server_names_hash_bucket_size 128;
  client_max_body_size {LARGEST_UPLOAD};
  proxy_read_timeout {LONGEST_WAIT};
  proxy_http_version 1.1;
  proxy_bind {EDGE};
  resolver {GATEWAY} valid=5s ipv6=off;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{ listen {EDGE}:80 default_server; return 409; }}
  server {{ listen {EDGE}:443 ssl default_server; ssl_reject_handshake on; }}
"""

VISITOR_HEADERS = """\
    proxy_set_header Host $host;
    proxy_set_header CF-Connecting-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header CF-Visitor '{"scheme":"$scheme"}';
    proxy_set_header CF-Ray $request_id;
    proxy_set_header CDN-Loop cloudflare;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    add_header CF-Ray $request_id always;
    add_header CF-Cache-Status DYNAMIC always;
"""


class Edge:
    """The proxies on their address, for every proxied name of the world."""

    def __init__(self, ground: Ground) -> None:
        """Start them without any name."""
        self._authority = ground.authority
        self._system = System(ground)
        self._folder = ground.folder / "edge"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._file = self._folder / "nginx.conf"
        self._file.write_text(HEAD + "}\n", encoding="utf-8")
        self._held: object = None
        self._names: tuple[str, ...] = ()
        self._nginx = ("nginx", "-e", "stderr", "-c", str(self._file))
        running = self._system.sockets / PID
        running.unlink(missing_ok=True)
        self._system.start(*self._nginx, log=ground.folder / "edge.log")
        wait_until(lambda: running.is_file() and bool(running.read_text().strip()), what="Cloudflare's proxies run")

    def follow(self, world: World) -> None:
        """Pass on what is proxied by now, in the way that the zones' settings want."""
        hosts = proxied(world)
        trusted = origin_authority(world).pem + self._authority.certificate if hosts else ""
        shown = {host.zone: _pull_pair(world, host.zone) for host in hosts}
        if (hosts, shown, trusted) == self._held:
            return
        names = tuple(host.name for host in hosts)
        if names and names != self._names:
            certificate, key = self._authority.issue(self._folder, *names)
            certificate.replace(self._folder / "visitors.crt")
            key.replace(self._folder / "visitors.key")
        for zone, pair in shown.items():
            if pair:
                (self._folder / f"{zone}.pem").write_text("".join(pair), encoding="utf-8")
        (self._folder / "trusted.pem").write_text(trusted, encoding="utf-8")
        shows = frozenset(zone for zone, pair in shown.items() if pair)
        self._file.write_text(configuration(hosts, shows, self._folder), encoding="utf-8")
        self._system.run(*self._nginx, "-t")
        self._system.run(*self._nginx, "-s", "reload")
        self._held, self._names = (hosts, shown, trusted), names


@dataclass(frozen=True, slots=True)
class Host:
    """A name that the proxies answer for.

    Attributes:
        zone: The id of its zone.
        addresses: The origins; none where ``alias`` names it.
        mode: How it is asked when the visitor came over TLS: ``strict``, ``full`` or ``flexible``.
        leads_to_tls: Whether a visitor who came without TLS is sent to it.
    """

    name: str
    zone: str
    addresses: tuple[str, ...]
    alias: str
    mode: str
    leads_to_tls: bool


def proxied(world: World) -> tuple[Host, ...]:
    """Every proxied name. Origins are asked at their IPv4 addresses."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for record in world.all(RECORD):
        told = record.inputs
        if told.get("proxied") and told["type"] in {"A", "CNAME"}:
            found.setdefault((told["name"], told["zoneId"]), []).append((told["type"], told["content"]))
    return tuple(
        Host(
            name=name,
            zone=zone,
            addresses=tuple(content for kind, content in targets if kind == "A"),
            alias=next((content for kind, content in targets if kind == "CNAME"), ""),
            mode=_mode(world, zone, name),
            leads_to_tls=_leads_to_tls(world, zone, name),
        )
        for (name, zone), targets in sorted(found.items())
    )


def configuration(hosts: tuple[Host, ...], shows: frozenset[str], folder: Path) -> str:
    """What nginx is told; ``shows`` are the zones with a certificate for origins."""
    parts = [HEAD]
    for number, host in enumerate(hosts):
        for scheme, port in (("http", 80), ("https", 443)):
            if host.addresses:
                servers = " ".join(f"server {address}:{port};" for address in host.addresses)
                parts.append(f"  upstream {scheme}_{number} {{ {servers} }}\n")
        parts += _servers(number, host, folder, shows_certificate=host.zone in shows)
    return "".join([*parts, "}\n"])


def _servers(number: int, host: Host, folder: Path, *, shows_certificate: bool) -> Iterator[str]:
    """One for visitors without TLS, one for those with it."""
    yield f"  server {{\n    listen {EDGE}:80;\n    server_name {host.name};\n"
    if host.leads_to_tls:
        yield "    return 301 https://$host$request_uri;\n  }\n"
    else:
        yield from _passed(number, host, "http")
    yield f"  server {{\n    listen {EDGE}:443 ssl;\n    http2 on;\n    server_name {host.name};\n"
    yield f"    ssl_certificate {folder}/visitors.crt;\n    ssl_certificate_key {folder}/visitors.key;\n"
    if host.mode == "flexible":
        yield from _passed(number, host, "http")
        return
    # Cloudflare accepts the certificate of the name that was asked for, or of the one that the record leads to.
    yield f"    proxy_ssl_server_name on;\n    proxy_ssl_name {host.alias or host.name};\n"
    if host.mode == "strict":
        yield "    proxy_ssl_verify on;\n    proxy_ssl_verify_depth 3;\n"
        yield f"    proxy_ssl_trusted_certificate {folder}/trusted.pem;\n"
    if shows_certificate:
        pair = f"{folder}/{host.zone}.pem"
        yield f"    proxy_ssl_certificate {pair};\n    proxy_ssl_certificate_key {pair};\n"
    yield from _passed(number, host, "https")


def _passed(number: int, host: Host, scheme: str) -> Iterator[str]:
    yield VISITOR_HEADERS
    if host.addresses:
        yield f"    location / {{ proxy_pass {scheme}://{scheme}_{number}; }}\n  }}\n"
    else:
        yield f"    set $origin {host.alias};\n    location / {{ proxy_pass {scheme}://$origin; }}\n  }}\n"


def _mode(world: World, zone: str, name: str) -> str:
    """What the last rule about the name says, or else the zone's setting."""
    mode = _setting(world, zone, "ssl") or "full"
    for rule in _rules(world, zone, name, "http_config_settings"):
        mode = (rule.get("actionParameters") or {}).get("ssl") or mode
    return mode


def _leads_to_tls(world: World, zone: str, name: str) -> bool:
    rules = _rules(world, zone, name, "http_request_dynamic_redirect")
    return _setting(world, zone, "always_use_https") == "on" or any(
        rule["expression"].startswith("(not ssl and ") for rule in rules
    )


def _setting(world: World, zone: str, setting: str) -> str | None:
    found = world.get(SETTING, f"{zone}/{setting}")
    return None if found is None else str(found.inputs["value"])


def _rules(world: World, zone: str, name: str, phase: str) -> Iterator[Values]:
    """The rules of a phase whose expression names the host."""
    for ruleset in world.all(RULESET):
        if (ruleset.inputs.get("zoneId"), ruleset.inputs["phase"]) == (zone, phase):
            yield from (
                rule
                for rule in ruleset.inputs.get("rules") or ()
                if name in re.findall(r'"([^"]*)"', rule["expression"])
            )


def _pull_pair(world: World, zone: str) -> tuple[str, str] | None:
    """Certificate and key that a zone's origins are shown, if any."""
    switch = world.get(PULL_SETTINGS, zone)
    if switch is None or not switch.inputs["enabled"]:
        return None
    uploaded = [one for one in world.all(PULL_CERTIFICATE) if one.inputs["zoneId"] == zone]
    if not uploaded:
        return None
    newest = max(uploaded, key=lambda one: one.id)
    return f"{newest.inputs['certificate'].strip()}\n", pull_key(world, newest.id).read_text(encoding="utf-8")
