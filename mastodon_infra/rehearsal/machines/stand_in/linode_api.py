"""Linode's API, as far as programs beside the engine ask it: ``python -m … ADDRESS CERTIFICATE KEY WORLD``.

It lists what is in the world, tells regions and machine types from the catalog, and changes a NodeBalancer's node. A
node's state it never knows, since the checks are the balancer's. Any token is taken, as by the stand-in providers.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mastodon_infra.catalog.machine_types import MACHINE_TYPES
from mastodon_infra.catalog.regions import API_WORDS, REGIONS, region
from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.rehearsal.clouds.linode import CONFIG, DOMAIN, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER, INSTANCE, VOLUME
from mastodon_infra.rehearsal.world import Thing, World

Row = dict[str, Any]
MODES = ("accept", "reject", "drain", "backup")
MOST_WEIGHT = 255
ROOT = "/v4/"
PORT = 443
PATIENCE_SECONDS = 20

LISTS = {("linode", "instances"): INSTANCE, ("volumes",): VOLUME, ("domains",): DOMAIN, ("nodebalancers",): BALANCER}
SHOWN = {
    INSTANCE: ("label", "region", "type"),
    VOLUME: ("label", "region", "size"),
    DOMAIN: ("domain", "type"),
    BALANCER: ("label", "region"),
    CONFIG: ("port", "protocol", "algorithm", "stickiness", "check"),
    NODE: ("label", "address", "weight", "mode"),
}
SETTINGS: Mapping[tuple[str, ...], Row] = {
    ("profile",): {"username": "rehearsal"},
    ("account", "settings"): {
        "interfaces_for_new_linodes": "linode_default_but_legacy_config_allowed",
        "object_storage": "active",
    },
}
NODE_DEFAULTS = {"weight": 100, "mode": "accept"}


class RefusedError(Exception):
    """A call that is answered by an error: its status, and the reason that is told."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def answer(world: World, method: str, path: str, *, body: Row, filtered: Row, has_token: bool) -> Row:
    """What the API says to a call; raises RefusedError where that is an error.

    ``path`` begins behind ``/v4/``. The caller holds the world's lock.
    """
    parts = tuple(path.strip("/").split("/"))
    told = _public(parts)
    if told is None and not has_token:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Invalid Token")
    if method == "PUT":
        return _change_node(world, parts, body)
    told = told or SETTINGS.get(parts) or _of_world(world, parts)
    return _listed(told, filtered) if isinstance(told, list) else told


def _public(parts: tuple[str, ...]) -> Row | list[Row] | None:
    """What everybody may know."""
    match parts:
        case ("regions", name):
            return _region(name)
        case ("linode", "types"):
            return [_type(machine) for machine in MACHINE_TYPES]
        case _:
            return None


def _of_world(world: World, parts: tuple[str, ...]) -> Row | list[Row]:
    """A list of things, or one."""
    if parts in LISTS:
        return [_shown(thing) for thing in world.all(LISTS[parts])]
    match parts:
        case ("nodebalancers", _, "configs"):
            return _below(world, CONFIG, "nodebalancerId", _found(world, parts[:-1]))
        case ("nodebalancers", _, "configs", _, "nodes"):
            return _below(world, NODE, "configId", _found(world, parts[:-1]))
        case _:
            return _shown(_found(world, parts))


# --- NodeBalancers --------------------------------------------------------------------------------------------------


def _found(world: World, parts: tuple[str, ...]) -> Thing:
    """A balancer, one of its configurations, or a node of that; each has to belong to the one before."""
    match parts:
        case ("nodebalancers", balancer):
            thing = world.get(BALANCER, balancer)
        case ("nodebalancers", balancer, "configs", config):
            thing = _belonging(world.get(CONFIG, config), nodebalancerId=balancer)
        case ("nodebalancers", balancer, "configs", config, "nodes", node):
            thing = _belonging(world.get(NODE, node), nodebalancerId=balancer, configId=config)
        case _:
            thing = None
    if thing is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Not found")
    return thing


def _belonging(thing: Thing | None, **owners: str) -> Thing | None:
    is_so = thing is not None and all(str(thing.inputs[name]) == owner for name, owner in owners.items())
    return thing if is_so else None


def _below(world: World, token: str, name: str, owner: Thing) -> list[Row]:
    return [_shown(thing) for thing in world.all(token) if str(thing.inputs[name]) == owner.id]


def _change_node(world: World, parts: tuple[str, ...], body: Row) -> Row:
    wrong = [name for name, fits in _FITS.items() if name in body and not fits(body[name])]
    if wrong:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"[{wrong[0]}] is not valid")
    node = _found(world, parts)
    if node.type != NODE:
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")
    changed = replace(node, inputs={**node.inputs, **{name: body[name] for name in _FITS if name in body}})
    world.put(changed)
    return _shown(changed)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "mode": lambda value: value in MODES,
    "weight": lambda value: isinstance(value, int) and 1 <= value <= MOST_WEIGHT,
}

# --- Rows -----------------------------------------------------------------------------------------------------------


def _shown(thing: Thing) -> Row:
    row: Row = {"id": int(thing.id)} | {name: thing.inputs.get(name) for name in SHOWN[thing.type]}
    if thing.type == INSTANCE:
        row |= {"ipv4": thing.outputs["ipv4s"], "status": thing.outputs["status"]}
    elif thing.type == BALANCER:
        row |= {"ipv4": thing.outputs["ipv4"], "hostname": thing.outputs["hostname"]}
    elif thing.type == CONFIG:
        row |= {"nodebalancer_id": thing.inputs["nodebalancerId"]}
    elif thing.type == NODE:
        given = {name: value for name, value in row.items() if value is not None}
        owners = {"nodebalancer_id": thing.inputs["nodebalancerId"], "config_id": thing.inputs["configId"]}
        row = NODE_DEFAULTS | given | owners | {"status": "unknown"}
    return row


def _region(name: str) -> Row:
    row = region(name)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Not found")
    words = sorted(word for capability, word in API_WORDS.items() if row.can(capability))
    return {"id": row.name, "status": "ok", "capabilities": words}


def _type(machine: MachineType) -> Row:
    price = machine.price_usd_month
    dearer = [row for row in REGIONS if row.price_factor != 1]
    return {
        "id": machine.name,
        "vcpus": machine.vcpus,
        "memory": machine.memory_mib,
        "price": {"monthly": float(price)},
        "region_prices": [{"id": row.name, "monthly": float(price * row.price_factor)} for row in dearer],
    }


def _listed(rows: list[Row], filtered: Row) -> Row:
    """One page that holds all."""
    data = [row for row in rows if _passes(row, filtered)]
    return {"data": data, "page": 1, "pages": 1, "results": len(data)}


def _passes(row: Row, filtered: Row) -> bool:
    either = filtered.get("+or")
    if either is not None and not any(_passes(row, one) for one in either):
        return False
    return all(row.get(name) == value for name, value in filtered.items() if name != "+or")


# --- The server -----------------------------------------------------------------------------------------------------


class Calls(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        """Answer, or change."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, told = HTTPStatus.OK, self._told(body)
        except RefusedError as refused:
            status, told = refused.status, {"errors": [{"reason": str(refused)}]}
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-OAuth-Scopes", "*")
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_GET  # noqa: N815  # the library's name

    def _told(self, body: bytes) -> Row:
        path = urlsplit(self.path).path
        if not path.startswith(ROOT):
            raise RefusedError(HTTPStatus.NOT_FOUND, "Not found")
        try:
            read, filtered = json.loads(body or b"{}"), json.loads(self.headers.get("X-Filter") or "{}")
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Invalid JSON") from error
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        world = World(Path(sys.argv[4]))
        with world.locked():
            return answer(
                world,
                self.command,
                path.removeprefix(ROOT),
                body=read,
                filtered=filtered,
                has_token=scheme == "Bearer" and bool(token),
            )


def main() -> None:
    """Answer for ever."""
    address, certificate, key, _ = sys.argv[1:]
    server = ThreadingHTTPServer((address, PORT), Calls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
