"""``render --diff``: against a folder of before, what would change on a machine and what the machine does then."""

import json
import shutil

import pytest


@pytest.fixture
def before(cli, stack, folder):
    """A folder that was rendered from a stack of five machines."""
    stack("social", "size: medium")
    assert cli("render", "social", "--out", "old").code == 0
    return folder / "old"


def test_without_a_change_nothing_would_change(cli, before):
    one = cli("render", "social", "--node", "web-1", "--diff", "old")
    every = cli("render", "social", "--diff", "old")

    assert (one.code, one.out) == (0, "Nothing would change on web-1.\n")
    assert (every.code, every.out) == (0, "Nothing would change on 5 machines.\n")


def test_a_change_shows_lines_and_what_the_machine_does_then(cli, stack, before):
    stack("social", "size: medium", more="web: {threads: 4}")

    outcome = cli("render", "social", "--node", "web-1", "--diff", "old")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("web-1: ")
    assert "  ~ /etc/mastodon/web.env: holds secrets, so its content is not shown\n" in outcome.out
    assert "MAX_THREADS" not in outcome.out
    assert "\nWhat web-1 does then\n" in outcome.out
    assert outcome.out.count("- mastodon-web.service restarts") == 1


def test_lines_of_plain_files_are_shown_and_kept_whole(cli, before):
    settings = before / "postgres-1/files/etc/ssh/sshd_config.d/10-mastodon-infra.conf"
    settings.write_text(settings.read_text() + "# " + "old " * 60 + "\n")

    outcome = cli("render", "social", "--node", "postgres-1", "--diff", "old")

    assert f"    -# {'old ' * 60}".rstrip() in outcome.out.splitlines()
    assert "- ssh.service reloads, and goes on meanwhile, because of\n" in outcome.out


def test_machines_that_come_and_go_are_named(cli, stack, before):
    stack("social", "size: small")

    outcome = cli("render", "social", "--diff", "old")

    assert "  - postgres-1: no longer in the plan\n" in outcome.out
    assert "  + package postgresql" in outcome.out
    only = cli("render", "social", "--diff", "old", "--node", "web-1")
    assert "no longer in the plan" not in only.out


def test_a_machine_that_the_folder_lacks_is_new(cli, before):
    shutil.rmtree(before / "redis-1")

    assert "  + redis-1: a new machine with " in cli("render", "social", "--diff", "old", "--node", "redis-1").out


def test_machines_that_change_alike_are_shown_once(cli, stack, folder):
    stack("social", "size: large")
    cli("render", "social", "--out", "old")
    stack("social", "size: large", more="mastodon: {session_limit: 7}")

    outcome = cli("render", "social", "--diff", "old")

    assert "\nweb-3: as web-2\n" in outcome.out
    assert "Nothing would change on " in outcome.out


def test_as_data_each_change_has_its_acts_and_no_secret(cli, stack, before):
    stack("social", "size: medium", more="web: {threads: 4}")

    outcome = cli("render", "social", "--diff", "old", "--json")
    data = json.loads(outcome.out)

    (web,) = (node for node in data["nodes"] if node["node"] == "web-1")
    env = next(file for file in web["files"] if file["path"] == "/etc/mastodon/web.env")
    assert env == {
        "path": "/etc/mastodon/web.env", "before": "0600 root:root", "after": "0600 root:root", "is_secret": True,
        "diff": [],
    }  # fmt: skip
    assert {"verb": "restart", "unit": "mastodon-web.service", "because": ["/etc/mastodon/web.env"]} in web["acts"]
    assert (data["added"], data["removed"]) == ([], [])


def test_nothing_is_written(cli, stack, before):
    listed = sorted(before.rglob("*"))
    stack("social", "size: large")

    cli("render", "social", "--diff", "old")

    assert sorted(before.rglob("*")) == listed


@pytest.mark.parametrize("words", [(), ("--out", "new", "--diff", "old")])
def test_a_folder_is_written_or_compared_with(cli, stack, words):
    stack("social")

    outcome = cli("render", "social", *words)

    assert outcome.code == 2
    assert "give either --out, a folder to write, or --diff, one to compare with" in outcome.err


def _no_index(old):
    for index in old.glob("*/bundle.json"):
        index.unlink()


def _another_layout(old):
    (old / "web-1/bundle.json").write_text('{"layout": 99}')


def _not_an_index(old):
    (old / "web-1/bundle.json").write_text("[]")


def _half_an_index(old):
    (old / "web-1/bundle.json").write_text('{"layout": 1, "files": [{"path": "/etc/hosts"}]}')


def _file_gone(old):
    (old / "web-1/files/etc/nginx/nginx.conf").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "old\n  there is no such folder\n"),
        (_no_index, "old\n  an older version wrote this folder, without an index\n"),
        (_another_layout, "old/web-1/bundle.json\n  its layout is 99, and this version reads layout 1\n"),
        (_not_an_index, "old/web-1/bundle.json\n  this is no index of a machine's files\n"),
        (_half_an_index, "old/web-1/bundle.json\n  this is no index of a machine's files\n"),
        (_file_gone, "old/web-1/files/etc/nginx/nginx.conf\n  a file of its index cannot be read: No such file"),
    ],
)
def test_a_folder_that_render_did_not_write_so_is_refused(cli, before, spoil, said):
    spoil(before)

    outcome = cli("render", "social", "--diff", "old")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(said)
    assert "hint: mastodon-infra render STACK --out DIR writes such a folder" in outcome.err


def test_a_folder_of_other_things_is_refused(cli, stack, folder):
    stack("social")
    (folder / "mine").mkdir()

    assert "render did not write this folder" in cli("render", "social", "--diff", "mine").err
