import json

import pytest

from mastodon_infra.cli import render


def everything_in(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_render_writes_each_machine_with_placeholders(cli, stack, folder):
    stack("social", "size: medium")

    outcome = cli("render", "social", "--out", "out")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("wrote the files of 5 machines into out\n  web-1 ")
    assert (folder / "out/web-1/user-data").read_text().startswith("#cloud-config\n")
    assert (folder / "out/postgres-1/files/etc/nftables.conf").is_file()
    assert "0600 root:root /etc/mastodon/web.env" in (folder / "out/web-1/files.txt").read_text()
    assert "<<secret_key_base>>" in (folder / "out/web-1/files/etc/mastodon/web.env").read_text()


def test_render_again_gives_the_same_bytes(cli, stack, folder):
    stack("social")
    cli("render", "social", "--out", "out")
    before = everything_in(folder / "out")

    cli("render", "social", "--out", "out")

    assert before == everything_in(folder / "out")
    assert not [path for path in folder.iterdir() if path.name.startswith(".out")]


def test_render_as_data_gives_sizes(cli, stack):
    stack("social")

    data = json.loads(cli("render", "social", "--out", "out", "--json").out)

    (node,) = data["nodes"]
    assert node["node"] == "web-1"
    assert 0 < node["user_data_bytes"] <= 16384


def test_render_of_an_unknown_machine_names_the_nearest(cli, stack, folder):
    stack("social", "size: medium")

    outcome = cli("render", "social", "--out", "out", "--node", "postgres")

    assert (outcome.code, outcome.err) == (
        1,
        "--node\n  the plan has no machine 'postgres'\n  hint: did you mean postgres-1?\n",
    )
    assert not (folder / "out").exists()


@pytest.mark.parametrize("verb", [("render", "social"), ("demo",)])
def test_folder_with_other_files_is_left_alone(cli, stack, folder, verb):
    stack("social")
    stack("demo")
    (folder / "mine").mkdir()
    (folder / "mine/letter.txt").write_text("dear\n")

    outcome = cli(*verb, "--out", "mine")

    assert outcome.code == 1
    assert "holds files that were not made by this command" in outcome.err
    assert list(everything_in(folder / "mine").values()) == [b"dear\n"]


def test_file_in_place_of_the_folder_is_named(cli, stack, folder):
    stack("social")
    (folder / "out").write_text("x")

    assert "this is a file, not a folder" in cli("render", "social", "--out", "out").err


def test_render_that_fails_leaves_the_old_folder(cli, stack, folder, monkeypatch):
    stack("social")
    cli("render", "social", "--out", "out")
    before = everything_in(folder / "out")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render, "_write_tree", fail)
    outcome = cli("render", "social", "--out", "out")

    assert (outcome.code, outcome.err) == (1, "out\n  the folder cannot be written: No space left on device\n")
    assert everything_in(folder / "out") == before
    assert sorted(path.name for path in folder.iterdir()) == ["out", "stacks"]


def test_folder_behind_a_link_is_filled_where_it_is(cli, stack, folder):
    stack("social")
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")

    assert cli("render", "social", "--out", "link").code == 0
    assert (folder / "link").is_symlink()
    assert (folder / "real/web-1/user-data").is_file()


def test_one_machine_again_leaves_the_others_alone(cli, stack, folder):
    stack("social", "size: medium")
    assert cli("render", "social", "--out", "out").code == 0
    before = sorted(str(path) for path in (folder / "out").rglob("*"))

    assert cli("render", "social", "--out", "out", "--node", "web-1").code == 0

    assert sorted(str(path) for path in (folder / "out").rglob("*")) == before


@pytest.mark.parametrize("node", ["", "web-1"])
def test_a_file_of_mine_is_never_deleted(cli, stack, folder, node):
    stack("social", "size: medium")
    assert cli("render", "social", "--out", "out").code == 0
    mine = folder / "out" / "web-1" / "my-notes.txt"
    mine.write_text("keep", encoding="utf-8")

    outcome = cli("render", "social", "--out", "out", *(["--node", node] if node else []))

    assert outcome.code == 1
    assert "files of somebody else: web-1/my-notes.txt" in outcome.err
    assert mine.read_text(encoding="utf-8") == "keep"
