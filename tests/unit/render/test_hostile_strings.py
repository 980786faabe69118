"""Whatever text stands in a stack file, it is refused in a clear sentence or stays one value in every artefact."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, reduce
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import Action, BundleFile, Need, NodeBundle, Part
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.verdict import spec_from
from tests.parsers.cases import KEYS, SMALLEST
from tests.unit.render.structure import keys, parsed, structure

LONGEST_MESSAGE = 1_010
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}
SES = {"provider": "ses", "region": "ap-southeast-2"}
EVERY = {"queues": ["default", "push", "ingress", "mailers", "pull", "scheduler", "fasp"]}
CLOUDFLARE = {"dns": "cloudflare", "proxied": True}
PINNED = {"version": "v4.7.4", "image_digest": f"sha256:{'a' * 64}", "streaming_image_digest": f"sha256:{'a' * 64}"}
PIECES = (
    "'", '"', "\\", "\n", "\r\n", "\t", "\0", "\x1b[2J", "{{ 7 * 7 }}", "{% raw %}", "{# #}", "$(reboot)", "${HOME}",
    "`reboot`", "%i", "%", "!!python/object/apply:os.system [x]", "&a *a", "- a: b", ": ", " #", "; reboot", "| x",
    "> /etc/passwd", "\u202e", "\u2028", "\x85", "\ufeff", "\U0001f418", "é", "EOF", "--", "'; DROP TABLE users; --",
    "}", "server {", "[Service]\nExecStart=/bin/sh", "\nPasswordAuthentication yes", "x" * 20_000, " ", "",
)  # fmt: skip

Said = dict[str, Any]
NOTHING = Need(Action.NOTHING)


def _key(text: str) -> Said:
    return {"administrators": [{"name": "alice", "ssh_keys": [f"{KEYS[0].rpartition(' ')[0]} {text}"]}]}


def _owner(name: str) -> Callable[[str], Said]:
    return lambda text: {"owner": SMALLEST["owner"] | {name: text}}


def _in(group: str, name: str, beside: Said | None = None) -> Callable[[str], Said]:
    return lambda text: {group: (beside or {}) | {name: text}}


def _node(text: str) -> Said:
    work, data = ["web", "streaming", "sidekiq"], ["postgres", "redis", "monitoring"]
    return {"nodes": {text: {"roles": work}, "data": {"roles": data}}}


def _key_of_dkim(text: str) -> Said:
    return {"mail": RELAY | {"dkim": {text: "s1.relay.example"}}}


def _group(text: str) -> Said:
    return _node(text) | {"sidekiq": {"units": {"every": EVERY | {"group": text}}}}


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
    "mail.region": ("ap-southeast-2", _in("mail", "region", SES)),
    "mail.host": ("smtp.relay.example", _in("mail", "host", RELAY)),
    "mail.username": ("social", _in("mail", "username", RELAY)),
    "mail.from_address": ("hello@social.example", _in("mail", "from_address", RELAY)),
    "mail.spf_include": ("spf.relay.example", _in("mail", "spf_include", RELAY)),
    "mail.dkim": ("s1.relay.example", lambda text: {"mail": RELAY | {"dkim": {"s1._domainkey.social.example": text}}}),
    "mail.dkim.key": ("s1._domainkey.social.example", _key_of_dkim),
    "storage.region": ("us-ord", _in("storage", "region")),
    "storage.bucket": ("a-bucket-of-mine", _in("storage", "bucket")),
    "backups.region": ("us-ord", _in("backups", "region")),
    "backups.bucket": ("a-bucket-of-mine", _in("backups", "bucket")),
    "edge.zone": ("social.example", _in("edge", "zone")),
    "edge.media_domain": ("cdn.social.example", _in("edge", "media_domain")),
    "edge.streaming_domain": ("live.social.example", _in("edge", "streaming_domain", CLOUDFLARE)),
    "alerts.email": ("watch@social.example", _in("alerts", "email")),
    "alerts.webhook_host": ("hooks.chat.example", _in("alerts", "webhook_host")),
    "alerts.heartbeat_host": ("beats.example", _in("alerts", "heartbeat_host")),
    "mastodon.version": ("v4.7.4", _in("mastodon", "version", PINNED)),
    "mastodon.image_digest": (f"sha256:{'b' * 64}", _in("mastodon", "image_digest", PINNED)),
    "mastodon.streaming_image_digest": (f"sha256:{'b' * 64}", _in("mastodon", "streaming_image_digest", PINNED)),
    "mastodon.default_locale": ("en", _in("mastodon", "default_locale")),
    "mastodon.alternate_domains": ("also.example", lambda text: {"mastodon": {"alternate_domains": [text]}}),
    "sidekiq.units": ("every", lambda text: {"sidekiq": {"units": {text: EVERY}}}),
    "sidekiq.units.group": ("work", _group),
}
"""Each field that takes words, with a harmless one, and how it is said."""

WORDS_OF_A_LIST = {"size"}
"""Fields of words that the schema lists."""

NAMES = {"nodes", "administrators.name", "sidekiq.units", "sidekiq.units.group"}
"""Fields whose text becomes part of names and paths: structures are compared with the harmless one in its place."""

HOSTILE = st.one_of(
    st.sampled_from(PIECES),
    st.lists(st.sampled_from(PIECES[:-3]), min_size=2, max_size=4).map("".join),
    st.text(max_size=60),
)


INSTANCES: dict[str, Said] = {
    "solo": {"size": "solo"},
    "many": {
        "size": "small",
        "disposable": True,
        "web_domain": "www.social.example",
        "nodes": {
            "front": {"roles": ["web", "streaming"], "also": ["onion"], "count": 2, "machine_type": "g6-standard-2"},
            "back": {"roles": ["sidekiq", "postgres", "redis", "monitoring"], "machine_type": "g6-standard-6"},
        },
        "postgres": {"pooler": "app-nodes"},
    },
}
"""One machine, and several: a balancer, poolers, an onion service, handles on another domain than the web site."""


def planned(field: str, text: str, instance: str = "solo") -> InstancePlan:
    return plan_instance(spec_from(SMALLEST | INSTANCES[instance] | FIELDS[field][1](text)))


@cache
def harmless(field: str, instance: str = "solo") -> tuple[list[Any], dict[tuple[str, str], BundleFile]]:
    return bones(planned(field, FIELDS[field][0], instance), "")


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
    look_at(field, hostile, place, "solo")


@pytest.mark.parametrize("field", FIELDS)
@given(hostile=HOSTILE, place=st.sampled_from(["{}", "{benign}{}", "{}{benign}"]))
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
def test_so_it_is_where_many_machines_stand(field, hostile, place):
    look_at(field, hostile, place, "many")


def look_at(field: str, hostile: str, place: str, instance: str) -> None:
    benign = FIELDS[field][0]
    place = "{benign}{}" if field in NAMES else place
    text = place.replace("{}", hostile).replace("{benign}", benign)
    try:
        plan = planned(field, text, instance)
    except MastodonInfraError as error:
        assert_is_clear(error)
        return
    assert_structure_stays(field, text, plan, instance)


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


def assert_structure_stays(field: str, text: str, plan: InstancePlan, instance: str = "solo") -> None:
    usual, files = harmless(field, instance)
    found, changed = bones(plan, text if field in NAMES else "", FIELDS[field][0])
    for one, other in zip(found, usual, strict=True):
        assert one == other
    for place, file in changed.items():
        if re.match(r"#!/bin/(ba)?sh\b", file.content) and file.content != files[place].content:
            assert subprocess.run(["bash", "-n"], input=file.content.encode(), check=False).returncode == 0, file.path


def words_of(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every field that takes words of the operator's own, dotted. A map's keys are words too."""
    for name, field in model.model_fields.items():
        yield from _words_in(field.annotation, f"{above}{name}")


def _words_in(annotation: Any, path: str) -> Iterator[str]:
    if annotation is str:
        yield path
    elif isinstance(annotation, type) and not get_origin(annotation) and issubclass(annotation, BaseModel):
        yield from words_of(annotation, f"{path}.")
    elif get_origin(annotation) is dict:
        keys, values = get_args(annotation)
        inside = {*_words_in(values, path)}
        yield from (f"{one}.key" if one in inside else one for one in _words_in(keys, path))
        yield from inside
    elif get_origin(annotation) in {Annotated, Union, UnionType, tuple}:
        for argument in get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]:
            yield from _words_in(argument, path)


def test_no_field_that_takes_words_is_forgotten():
    assert set(words_of(InstanceSpec)) == set(FIELDS) - WORDS_OF_A_LIST


def test_the_machines_of_the_larger_instance_have_what_they_stand_for():
    plan = planned("domain", "social.example", "many")
    assert plan.balancer
    assert all(node.pgbouncer for node in plan.nodes)
    assert plan.mastodon.local_domain != plan.mastodon.web_domain
    paths = {file.path for node in plan.nodes for file in bundle(plan, node, Wiring.placeholder(plan)).files}
    assert {"/etc/nginx/mastodon/sites/onion.conf", "/etc/pgbouncer/pgbouncer.ini"} <= paths


@pytest.mark.parametrize(
    ("path", "good", "other"),
    [
        ("/etc/nginx/x.conf", "server { server_name a; }", "server { server_name a; return 200; }"),
        ("/etc/nginx/x.conf", "server { server_name a; }", "server { server_name 'a; return 200;' b; }"),
        ("/etc/nginx/x.conf", "server { a b; } c d;", "server { a b; c d; }"),
        ("/x.sql", "SELECT 'a';", "SELECT 'a'; DROP TABLE users; --';"),
        ("/x.sql", "SELECT 'a' AS b;", "SELECT 'a' AS c;"),
        ("/etc/pgbouncer/x.ini", "[a]\nb = c", "[a]\nb = c\n[d]"),
        ("/etc/pgbackrest/x.conf", "[a]\nb=c", "[a]\nb=c\nd=e"),
        ("/etc/postgresql/17/x.conf", "a = 'b'", "a = 'b'\nc = 'd'"),
    ],
)
def test_one_directive_more_is_seen(path, good, other):
    def seen(content: str) -> list[str]:
        return structure(BundleFile(path, content, "root", "root", 0o644, NOTHING, is_secret=False, part=Part.BOOT))

    assert seen(good) != seen(other)
    assert seen(good) == seen(good.replace("'a'", "'{; it''s $(one) }'"))
