"""What replaces a machine, which is asking for it, and what does not."""

import base64
import gzip
import re

from tests.engine.rehearsed import Rehearsed

MACHINE = "linode:index/instance:Instance"
OBJECT = "linode:index/objectStorageObject:ObjectStorageObject"
AFTERWARDS = {"ObjectStorageObject", "Stack"}
"""Kinds that show what running machines are to get: the payloads, and the outputs with the digests."""


def test_another_web_host_changes_records_only(tmp_path):
    """And the request for a certificate, which names the host."""
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo", "web_domain": "www.social.example"})
    stack.up()
    machines = stack.machines()

    stack.ask({"size": "solo", "web_domain": "web.social.example"})
    kinds = {kind for kind, _ in stack.preview()}
    stack.up()

    assert kinds - AFTERWARDS == {"DomainRecord", "CertRequest"}
    assert stack.machines() == machines
    assert stack.preview() == {}


def test_replaced_machines_get_new_user_data_and_their_private_addresses_again(up_once, tmp_path, edited):
    """Deleted first, because labels and addresses are unique; and after what they fetch was put into the bucket."""
    stack = up_once("medium").copy(tmp_path / "rehearsal", package=edited)
    before, fetchable, told = _machines(stack), _objects(stack), len(stack.world.journal())

    asked = [word for name in ("sidekiq-1", "web-1") for word in ("--replace", stack.urn(name))]
    stack.say("up", "--yes", "--skip-preview", "--suppress-progress", *asked)
    after, events = _machines(stack), _events(stack, told)

    assert {name for name in before if after[name].id != before[name].id} == {"sidekiq-1", "web-1"}
    for name in ("sidekiq-1", "web-1"):
        assert after[name].inputs["linodeInterfaces"] == before[name].inputs["linodeInterfaces"]
        assert "# edited" in _user_data(after[name])
        assert "# edited" not in _user_data(before[name])
        assert events.index(("delete", name)) < events.index(("create", name))
    assert events.index(("create", "payload-web-1")) < events.index(("create", "web-1"))
    assert _fetched(before["web-1"]) <= fetchable < _objects(stack), "a first boot may not be over yet"
    assert _fetched(after["web-1"]) == _objects(stack) - fetchable
    assert stack.preview() == {}


def _machines(stack):
    """By node, as labels have the domain's slug before the node."""
    return {thing.inputs["label"].removeprefix("social-example-"): thing for thing in stack.world.all(MACHINE)}


def _objects(stack):
    return {thing.inputs["key"] for thing in stack.world.all(OBJECT)}


def _events(stack, since):
    return [(event.operation, event.urn.rpartition("::")[2]) for event in stack.world.journal()[since:]]


def _user_data(machine):
    return gzip.decompress(base64.b64decode(machine.inputs["metadatas"][0]["userData"])).decode()


def _fetched(machine):
    return set(re.findall(r"payload/[0-9a-f]{64}\.tar\.gz", _user_data(machine)))
