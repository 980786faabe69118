"""Whatever text stands in a stack file, it is refused in a clear sentence or stays one value in every artefact."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.verdict import spec_from
from tests.parsers.cases import KEYS, SMALLEST
from tests.unit.render.structure import keys, parsed, structure

LONGEST_MESSAGE = 1_010
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}
CLOUDFLARE = {"dns": "cloudflare", "proxied": True}
PINNED = {"version": "v4.7.4", "image_digest": f"sha256:{'a' * 64}", "streaming_image_digest": f"sha256:{'a' * 64}"}
PIECES = (
    "'", '"', "\\", "\n", "\r\n", "\t", "\0", "\x1b[2J", "{{ 7 * 7 }}", "{% raw %}", "{# #}", "$(reboot)", "${HOME}",
    "`reboot`", "%i", "%", "!!python/object/apply:os.system [x]", "&a *a", "- a: b", ": ", " #", "; reboot", "| x",
    "> /etc/passwd", "\u202e", "\u2028", "\x85", "\ufeff", "\U0001f418", "é", "EOF", "--", "'; DROP TABLE users; --",
    "}", "server {", "[Service]\nExecStart=/bin/sh", "\nPasswordAuthentication yes", "x" * 20_000, " ", "",
)  # fmt: skip

Said = dict[str, Any]


def _key(text: str) -> Said:
    return {"administrators": [{"name": "alice", "ssh_keys": [f"{KEYS[0].rpartition(' ')[0]} {text}"]}]}


def _owner(name: str) -> Callable[[str], Said]:
    return lambda text: {"owner": SMALLEST["owner"] | {name: text}}


def _in(group: str, name: str, beside: Said | None = None) -> Callable[[str], Said]:
    return lambda text: {group: (beside or {}) | {name: text}}


def _node(text: str) -> Said:
    work, data = ["web", "streaming", "sidekiq"], ["postgres", "redis", "monitoring"]
    return {"nodes": {text: {"roles": work}, "data": {"roles": data}}}


FIELDS: dict[str, tuple[str, Callable[[str], Said]]] = {
    "domain": ("social.example", lambda text: {"domain": text}),
    "web_domain": ("www.social.example", lambda text: {"web_domain": text}),
    "region": ("au-mel", lambda text: {"region": text}),
    "size": ("solo", lambda text: {"size": text}),
    "owner.username": ("admin", _owner("username")),
    "owner.email": ("admin@social.example", _owner("email")),
    "administrators.name": ("alice", lambda text: {"administrators": [{"name": text, "ssh_keys": KEYS}]}),
    "administrators.ssh_keys": ("alice@laptop", _key),
    "allowed_networks": ("203.0.113.0/24", lambda text: {"allowed_networks": [text]}),
    "nodes": ("work", _node),
    "nodes.machine_type": ("g6-standard-4", lambda text: {"nodes": {"web": {"machine_type": text}}}),
    "mail.host": ("smtp.relay.example", _in("mail", "host", RELAY)),
    "mail.username": ("social", _in("mail", "username", RELAY)),
    "mail.from_address": ("hello@social.example", _in("mail", "from_address", RELAY)),
    "mail.spf_include": ("spf.relay.example", _in("mail", "spf_include", RELAY)),
    "mail.dkim": ("s1.relay.example", lambda text: {"mail": RELAY | {"dkim": {"s1._domainkey.social.example": text}}}),
    "storage.region": ("us-ord", _in("storage", "region")),
    "storage.bucket": ("a-bucket-of-mine", _in("storage", "bucket")),
    "backups.bucket": ("a-bucket-of-mine", _in("backups", "bucket")),
    "edge.zone": ("social.example", _in("edge", "zone")),
    "edge.media_domain": ("cdn.social.example", _in("edge", "media_domain")),
    "edge.streaming_domain": ("live.social.example", _in("edge", "streaming_domain", CLOUDFLARE)),
    "alerts.email": ("watch@social.example", _in("alerts", "email")),
    "alerts.webhook_host": ("hooks.chat.example", _in("alerts", "webhook_host")),
    "mastodon.version": ("v4.7.4", _in("mastodon", "version", PINNED)),
    "mastodon.image_digest": (f"sha256:{'b' * 64}", _in("mastodon", "image_digest", PINNED)),
    "mastodon.default_locale": ("en", _in("mastodon", "default_locale")),
    "mastodon.alternate_domains": ("also.example", lambda text: {"mastodon": {"alternate_domains": [text]}}),
    "sidekiq.units": (
        "every",
        lambda text: {
            "sidekiq": {
                "units": {text: {"queues": ["default", "push", "ingress", "mailers", "pull", "scheduler", "fasp"]}}
            }
        },
    ),
}
"""Each field that takes words, with a harmless one, and how it is said."""

NAMES = {"nodes", "administrators.name", "sidekiq.units"}
"""Fields whose text becomes part of names and paths: structures are compared with the harmless one in its place."""

HOSTILE = st.one_of(
    st.sampled_from(PIECES),
    st.lists(st.sampled_from(PIECES[:-3]), min_size=2, max_size=4).map("".join),
    st.text(max_size=60),
)


def planned(field: str, text: str) -> InstancePlan:
    return plan_instance(spec_from(SMALLEST | {"size": "solo"} | FIELDS[field][1](text)))


@cache
def harmless(field: str) -> tuple[list[Any], dict[tuple[str, str], BundleFile]]:
    return bones(planned(field, FIELDS[field][0]), "")


def bones(plan: InstancePlan, text: str, benign: str = "") -> tuple[list[Any], dict[tuple[str, str], BundleFile]]:
    """The structure of everything that all machines get. Names that hold the text are read with the benign one."""
    # A volume's device is called by its label, in systemd's words for a path, and the label by the domain.
    names = {volume.label.replace("-", r"\x2d"): volume.name for volume in plan.volumes} | {text: benign}
    found: list[Any] = []
    files: dict[tuple[str, str], BundleFile] = {}
    for node in plan.nodes:
        wiring = Wiring.placeholder(plan)
        made = bundle(plan, node, wiring)
        data = user_data(plan, node, wiring, ceiling=10**6)
        found.append(_renamed(_bones(made), names))
        found.append(_renamed(list(keys(parsed(data.text))), names))
        files |= {(_renamed(node.name, names), _renamed(file.path, names)): file for file in made.files}
    return found, files


def _bones(made: NodeBundle) -> list[Any]:
    units = [(unit.name, unit.state.value) for unit in made.units]
    return [made.packages, units, [user.name for user in made.users], [(f.path, structure(f)) for f in made.files]]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return reduce(lambda known, name: known.replace(name, names[name]) if name else known, names, value)
    if isinstance(value, list | tuple):
        return [_renamed(one, names) for one in value]
    return value


@pytest.mark.parametrize("field", FIELDS)
@given(hostile=HOSTILE, place=st.sampled_from(["{}", "{benign}{}", "{}{benign}"]))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_a_hostile_text_is_refused_or_stays_one_value(field, hostile, place):
    benign = FIELDS[field][0]
    place = "{benign}{}" if field in NAMES else place
    text = place.replace("{}", hostile).replace("{benign}", benign)
    try:
        plan = planned(field, text)
    except MastodonInfraError as error:
        assert_is_clear(error)
        return
    assert_structure_stays(field, text, plan)


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_a_hostile_comment_of_a_key_stays_beside_the_key(piece):
    try:
        plan = planned("administrators.ssh_keys", f"a{piece}b")
    except MastodonInfraError as error:
        assert_is_clear(error)
        return
    assert_structure_stays("administrators.ssh_keys", f"a{piece}b", plan)


def assert_is_clear(error: MastodonInfraError) -> None:
    for problem in error.problems:
        assert problem.path
        for line in problem.lines():
            assert len(line) <= LONGEST_MESSAGE
            assert "\n" not in line
            assert not any(ord(char) < ord(" ") or char in "\u202e\u2028\x85\ufeff\x7f" for char in line), ascii(line)


def assert_structure_stays(field: str, text: str, plan: InstancePlan) -> None:
    usual, files = harmless(field)
    found, changed = bones(plan, text if field in NAMES else "", FIELDS[field][0])
    for one, other in zip(found, usual, strict=True):
        assert one == other
    for place, file in changed.items():
        if re.match(r"#!/bin/(ba)?sh\b", file.content) and file.content != files[place].content:
            assert subprocess.run(["bash", "-n"], input=file.content.encode(), check=False).returncode == 0, file.path
