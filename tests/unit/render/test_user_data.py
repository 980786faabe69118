import gzip
import io
import re
import tarfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mastodon_infra.catalog.limits import USER_DATA
from mastodon_infra.errors import TemplateError
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.user_data import UserData, payload_of, user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.render.yaml_text import yaml_text

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyZ4eY2PDXlZMg02s8Xn1X9BqIWaUXySPKOhSvL/gFX demo@social.example"

Tree = dict[str, tuple[int, str]]


def parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return document


def tree_after_first_boot(data: UserData) -> Tree:
    """What lies on the machine once cloud-init has written its files and the installer unpacked the payload."""
    tree = {
        entry["path"]: (int(entry["permissions"], 8), entry["content"]) for entry in parsed(data.text)["write_files"]
    }
    digest = tree.pop("/var/lib/mastodon-infra/digest")[1]
    assert re.fullmatch(r"[0-9a-f]{64}\n", digest)
    if data.payload is not None:
        assert tree.pop("/var/lib/mastodon-infra/payload.sha256")[1] == f"{data.payload.sha256}\n"
        assert data.payload.key in tree.pop("/var/lib/mastodon-infra/payload.curl")[1]
        with tarfile.open(fileobj=io.BytesIO(data.payload.content)) as tar:
            for member in tar.getmembers():
                content = tar.extractfile(member)
                assert content is not None
                tree[f"/{member.name}"] = (member.mode, content.read().decode())
    return tree


def test_every_node_fits_is_a_cloud_config_and_is_the_same_twice(plan):
    for node in plan.nodes[:3]:
        wiring = Wiring.stand_in(plan)
        data = user_data(plan, node, wiring)
        assert data.text.startswith("#cloud-config\n")
        assert gzip.decompress(data.gzipped).decode() == data.text
        assert len(data.gzipped) <= USER_DATA.value
        assert user_data(plan, node, wiring).gzipped == data.gzipped


@pytest.mark.parametrize(("stack", "name"), [("small", "web-1"), ("medium", "web-1"), ("medium", "postgres-1")])
def test_both_routes_leave_the_bundles_tree(planned, stack, name):
    plan = planned(stack)
    node, wiring = plan.node(name), Wiring.placeholder(plan)
    whole = user_data(plan, node, wiring, ceiling=10**6)
    split = user_data(plan, node, wiring, ceiling=0)
    assert whole.payload is None
    assert split.payload is not None
    expected = {file.path: (file.mode, file.content) for file in bundle(plan, node, wiring).files}
    assert tree_after_first_boot(whole) == expected
    assert tree_after_first_boot(split) == expected


def test_the_tree_list_tells_the_installer_who_owns_what(planned):
    plan = planned("medium")
    node_bundle = bundle(plan, plan.node("postgres-1"), Wiring.placeholder(plan))
    told = {
        line.rpartition(" ")[2]: line.split(" ")[:4]
        for line in node_bundle.file("/etc/mastodon-infra/tree").content.splitlines()
    }
    for file in node_bundle.files:
        assert told[file.path] == ["file", f"{file.mode:04o}", file.owner, file.group]


def test_a_payload_is_known_without_any_secret(planned):
    plan = planned("small")
    node = plan.nodes[0]
    data = user_data(plan, node, Wiring.placeholder(plan))
    needed = payload_of(plan, node)
    assert needed is not None
    assert data.payload == needed
    content = gzip.decompress(needed.content).decode()
    assert not re.findall(r"<<[\w -]+>>", content)


def test_without_a_key_a_payload_cannot_be_fetched(planned):
    plan = planned("medium")
    bare = replace(Wiring.placeholder(plan), payload_access_key_id="", payload_secret_access_key="")
    assert user_data(plan, plan.node("postgres-1"), bare, ceiling=0).payload
    with pytest.raises(TemplateError, match="no key with which it could fetch the rest"):
        user_data(plan, plan.node("web-1"), bare, ceiling=0)


def test_nothing_is_left_to_the_image(planned):
    plan = planned("medium")
    document = parsed(user_data(plan, plan.node("web-1"), Wiring.placeholder(plan)).text)
    assert [user["name"] for user in document["users"]] == ["alice"]
    assert document["ssh_deletekeys"] is True
    assert set(document["ssh_keys"]) == {"ed25519_private", "ed25519_public"}
    assert "disk_setup" not in document
    assert "fs_setup" not in document


def test_data_shows_neither_text_nor_bytes(planned):
    plan = planned("medium")
    assert "password" not in repr(user_data(plan, plan.nodes[0], Wiring.placeholder(plan)))


HOSTILE = [
    "{{ 7 * 7 }}", "$(reboot)", "`reboot`", "'; DROP TABLE statuses; --", '" \\', "!!python/object:os.system x",
    "# not", "\u00e4\u2603\U0001f418", "%{x} %i $HOME", "- a: b", "| ", "EOF", "*anchor &alias",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_beside_a_key_stay_beside_the_key(planned, words):
    key = f"{KEY.rpartition(' ')[0]} {words}"
    plan = planned(size="medium", administrators=[{"name": "alice", "ssh_keys": [key]}])
    plain = planned(size="medium")
    data, usual = (user_data(one, one.node("redis-1"), Wiring.placeholder(one)) for one in (plan, plain))
    written, path = tree_after_first_boot(data), "/etc/ssh/authorized_keys.d/alice"
    assert written[path][1].splitlines()[1] == key
    expected = tree_after_first_boot(usual)
    assert {name for name in written if written[name] != expected[name]} == {path}


@given(st.text(), st.text())
@example("a: b\n", "- x\n")
@example("{{ x }}\n!!python/object\n", "'\"\\")
@example("#cloud-config\n", "a\n\nb\n")
@example(" leads\nwith a blank\n", "trails \n")
@example("tab\tinside\n\tand in front\n", "\x85\u2028\ufeff")
@example("...\n---\n", "no\n")
def test_any_text_comes_back_from_yaml(first, second):
    document = {"a": first, "list": [{"path": second, "content": first}, [first, second]], "empty": "", "none": []}
    assert parsed(yaml_text(document)) == document
