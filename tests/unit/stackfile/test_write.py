import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.errors import StackFileError
from mastodon_infra.stackfile import write
from mastodon_infra.stackfile.document import parse
from mastodon_infra.stackfile.emit import block_lines, flow, plain_data
from mastodon_infra.stackfile.names import INSTANCE_KEY
from mastodon_infra.stackfile.read import parse_stack
from mastodon_infra.stackfile.specimens import specimen
from mastodon_infra.stackfile.write import in_order, replace_instance, save, stack_text

KEY = specimen("ssh_keys", None)[0]
DATA = {
    "mail": "none",
    "domain": "social.example",
    "region": "au-mel",
    "size": "small",
    "owner": {"username": "admin", "email": "admin@social.example"},
    "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
}
OTHER = {**DATA, "size": "medium", "allowed_networks": ["203.0.113.0/24", "::/0"], "disposable": True}
OLD = """# yaml-language-server: $schema=instance.schema.json
# Ours, since 2022.
config:
  linode:apiVersion: v4beta # the newest
  # the instance
  mastodon-infra:instance:  # all of it
    # not kept: inside
    domain: old.example   # nor this
    owner: {username: "x"}

    # behind the last line: kept

  mastodon-infra:smtpPassword:
    secure: v1:abc=
# the end
encryptionsalt:   v1:c2FsdA==
"""
NEW_FILE = """# yaml-language-server: $schema=instance.schema.json
# social.example: after a change, mastodon-infra check and plan.
config:
  mastodon-infra:instance:
    domain: social.example
    region: au-mel
    size: small
    owner:
      username: admin
      email: admin@social.example
    administrators:
      - name: alice
        ssh_keys:
          - KEY
    mail: none
"""


def instance_of(text):
    return parse(text, name="x").data["config"][INSTANCE_KEY]


class TestNewFile:
    def test_a_new_file_reads_like_one_written_by_hand(self):
        assert stack_text(DATA) == NEW_FILE.replace("KEY", KEY)

    def test_a_new_file_gives_the_spec_back(self):
        assert parse_stack(stack_text(OTHER), name="x").spec.disposable

    def test_a_spec_read_from_a_file_writes_only_what_was_said(self):
        spec = parse_stack(stack_text(DATA), name="x").spec
        assert stack_text(spec.model_dump(exclude_unset=True)) == stack_text(DATA)

    def test_secrets_stand_beside_the_instance(self):
        text = stack_text(DATA, secrets={"mastodon-infra:smtpPassword": "v1:abc="}, comment="Ours.")
        assert text.endswith("    mail: none\n  mastodon-infra:smtpPassword:\n    secure: v1:abc=\n")
        assert text.splitlines()[1] == "# Ours."


WORDS = st.sampled_from(
    ["yes", "no", "on", "off", "y", "n", "true", "null", "~", "", "010", "0x1f", "1e3", "1_000", ".inf", "-", "- a",
     "a: b", "a #b", "#a", "@a", "*a", "&a", "!a", "{a", "[a", "'a", '"a', "a\nb", "\u2028", "\u0085", "\ufeff", "\x07",
     "::/0", "---", "...", "--- a", "%YAML",
     "2022-11-05", "1:30", "<<", "=", "a:", " a", "a ", "%a", "`a", "|", ">", "?", "? a", "v1:c2FsdA==", "Grüße", "😀"]
)  # fmt: skip
TEXTS = WORDS | st.text(max_size=10)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(10**17), 10**17),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), below, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.dictionaries(TEXTS.filter(lambda key: key != "<<"), VALUES, max_size=4))
def test_whatever_is_written_is_read_back_as_it_was(data):
    in_blocks = "\n".join(["a:", *block_lines(data, indent=2)]) if data else "a: {}"
    assert parse(f"{in_blocks}\n", name="x").data == {"a": data}
    assert parse(f"a: {flow(data)}\n", name="x").data == {"a": data}


class TestReplace:
    def test_every_other_key_and_comment_is_kept(self):
        new = replace_instance(OLD, OTHER)
        head, _, rest = OLD.partition("    # not kept")
        tail = rest[rest.index("\n    # behind the last") - 1 :]
        assert new.startswith(head)
        assert new.endswith(tail)
        assert instance_of(new) == in_order(OTHER)

    def test_twice_is_once(self):
        once = replace_instance(OLD, OTHER)
        assert replace_instance(once, OTHER) == once

    def test_an_instance_that_says_the_same_keeps_its_comments(self):
        text = stack_text(DATA).replace("    size: small", "    # few of us\n    size:   small # yet")
        assert replace_instance(text, DATA) == text

    @pytest.mark.parametrize(
        "text",
        [
            "", "# nothing yet\n", "# no line end", "encryptionsalt: v1:x=\n", "encryptionsalt: v1:x=", "config:\n",
            "config: {}\n", "config:   # later\nencryptionsalt: v1:x=\n", "config:\n  a:b: 1\n",
            "config: {a:b: 1, c:d: {secure: x}}\n", "config: {mastodon-infra:instance: {domain: x}, a:b: 1} # all\n",
            "config: {a:b: 1, mastodon-infra:instance: }\n", "config:\n    a:b: 1\nx: 1\n",
            "config:\n  mastodon-infra:instance: {domain: x} # here\n  a:b: 1\n",
            "config:\n  mastodon-infra:instance:\n  a:b: 1\n", "config:\n  mastodon-infra:instance:\n",
            "config:\n  mastodon-infra:instance: # c\n    # d", "config:\n  mastodon-infra:instance:",
            "config:\n  mastodon-infra:instance: |\n    text\n    # text\n\n  # comment\n  a:b: 1\n",
            "config:\n  mastodon-infra:instance:\n    a: >-\n      folded\n\n\n# c\nx: 1",
            "config:\n  mastodon-infra:instance:\n    - a\n    -\n  # c\n  a:b: 1\n",
            "config:\n  \"mastodon-infra:instance\" :\n    domain: x\n  'a:b': 1\n",
            "\ufeffconfig:\n  mastodon-infra:instance: 3\n", "---\nconfig:\n  mastodon-infra:instance: null\n...\n",
            "config: !!map\n  mastodon-infra:instance: 3\n",
            "config:\n  ? mastodon-infra:instance\n  : domain: x\n",
            "config:\n  mastodon-infra:instance:\n    domain: 010\n    domain: x\n  a:b: 1\n",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
    def test_any_form_of_file_takes_a_new_instance(self, text, newline):
        text = text.replace("\n", newline)
        before = parse(text, name="x").data or {}
        new = replace_instance(text, OTHER)
        after = parse(new, name="x").data
        others = {key: value for key, value in (before.get("config") or {}).items() if key != INSTANCE_KEY}
        assert after == {**before, "config": {**others, INSTANCE_KEY: in_order(OTHER)}}
        assert "\r\n" not in text or "\n" not in new.replace("\r\n", "")
        assert new.startswith("\ufeff") == text.startswith("\ufeff")

    @pytest.mark.parametrize(
        "text",
        [
            "config:\n  a:b: &x {domain: y}\n  mastodon-infra:instance: *x\n",
            "config:\n  mastodon-infra:instance: &x {domain: y}\n  a:b: *x\n",
            "config:\n  mastodon-infra:instance:\n    owner: &x {a: b}\n  a:b: *x\n",
            "null\n",
            "{encryptionsalt: v1:x=}\n",
        ],
    )
    def test_an_instance_that_is_woven_into_the_file_is_left_alone(self, text):
        with pytest.raises(StackFileError, match="cannot be exchanged"):
            replace_instance(text, DATA)

    @pytest.mark.parametrize("text", ["- a\n", "config: 3\n", "config:\n  a: 1\n  a: 2\n"])
    def test_a_file_with_problems_of_its_own_is_left_alone(self, text):
        with pytest.raises(StackFileError, match="problems of its own"):
            replace_instance(text, DATA)


COMMENTS = st.sampled_from(["", "\n", "# word\n", "  # indented\n", "\n\n#\n"])
SIBLINGS = st.sampled_from(
    [
        "  a:b: 1\n",
        "  a:c: {secure: v1:x=}   # why\n",
        "  'a:d':\n    - x\n    -   y\n",
        '  a:e: "q: #"\n',
        "  a:f: |\n    t\n\n",
    ]
)
INSTANCES = st.sampled_from(
    ["  mastodon-infra:instance:\n    domain: x\n", "  mastodon-infra:instance: {}\n", "  mastodon-infra:instance:\n",
     "  mastodon-infra:instance: # c\n      nodes:\n        web:\n          - a\n          - b # d\n",
     "  mastodon-infra:instance:\n    t: |\n      # no comment\n\n"]
)  # fmt: skip


@given(
    before=st.tuples(COMMENTS, st.lists(SIBLINGS, unique=True, max_size=2), COMMENTS),
    instance=INSTANCES,
    after=st.tuples(COMMENTS, st.sampled_from(["", "x: 1\n", "encryptionsalt:   v1:y=\n", "x: 1"])),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_every_byte_outside_the_instance_is_kept(before, instance, after, newline):
    head = (before[0] + "config:\n" + "".join(before[1]) + before[2]).replace("\n", newline)
    block, tail = instance.replace("\n", newline), "".join(after).replace("\n", newline)
    new = replace_instance(head + block + tail, OTHER)
    assert new.startswith(head)
    assert new.endswith(tail)
    middle = new[len(head) : len(new) - len(tail)] if tail else new[len(head) :]
    assert middle.lstrip(" ").startswith(INSTANCE_KEY)
    assert instance_of(new) == in_order(OTHER)


class TestSave:
    def test_a_file_is_written_whole_and_nothing_is_left_beside_it(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        save(path, "a: 1\r\n")
        assert path.read_bytes() == b"a: 1\r\n"
        assert list(tmp_path.iterdir()) == [path]
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~write._umask()

    def test_an_old_file_keeps_its_mode(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_text("old")
        path.chmod(0o640)
        save(path, "new")
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        real = tmp_path / "elsewhere" / "aus.yaml"
        real.write_text("old")
        link = tmp_path / "Pulumi.aus.yaml"
        link.symlink_to(real)
        save(link, "new")
        assert link.is_symlink()
        assert real.read_text() == "new"

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(StackFileError, match="mkdir -p"):
            save(tmp_path / "nowhere" / "Pulumi.aus.yaml", "new")

    def test_a_folder_that_may_not_be_written_is_named(self, tmp_path, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.mkstemp", refuse)
        with pytest.raises(StackFileError, match="cannot be written to: Permission denied"):
            save(tmp_path / "Pulumi.aus.yaml", "new")

    def test_a_full_disk_leaves_the_old_file(self, tmp_path, monkeypatch):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_text("old")

        def refuse(*_args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", refuse)
        with pytest.raises(StackFileError, match="No space left"):
            save(path, "new")
        assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_words_amounts_and_models_become_plain_data():
    spec = parse_stack(stack_text({**DATA, "funding": {"reserve_usd": 10.5}}), name="x").spec
    data = in_order({"spec": plain_data(spec)})["spec"]
    assert data["funding"] == {"reserve_usd": 10.5}
    assert type(data["size"]) is str
