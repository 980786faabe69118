import json

import pytest

PATHS = (
    "postgres.shared_buffers",
    "postgres.work_mem",
    "redis.queue.maxmemory",
    "nodes.web-1.web.workers",
    "demand.puma_threads",
    "capacity.limits.puma-threads.users",
    "groups.web.count",
    "connections.max_connections",
)


def test_explanations_read_as_their_golden(cli, stack, golden):
    stack("social", "size: large")

    pages = [cli("explain", "social", path).out for path in PATHS]

    golden("cli/explain.txt", "\n".join(pages))


def test_a_capped_value_says_what_its_rule_gave(cli, stack, golden):
    stack("social", "size: xlarge")

    outcome = cli("explain", "social", "postgres.work_mem")

    assert "which was not kept" in outcome.out
    golden("cli/explain-cap.txt", outcome.out)


def test_without_a_path_every_value_is_listed_once(cli, stack):
    stack("social", "size: large")

    lines = cli("explain", "social", columns=100).out.splitlines()

    paths = [line.partition(" = ")[0] for line in lines if " = " in line]
    assert len(paths) == len(set(paths)) > 100
    assert "postgres.jit = off" in lines
    assert "nodes.web-2, nodes.web-3: as nodes.web-1, each with its own upgrades.schedule" in lines


@pytest.mark.parametrize("columns", [40, 60])
@pytest.mark.parametrize("size", ["small", "xlarge"])
def test_a_list_keeps_within_a_narrow_terminal(cli, stack, columns, size):
    stack("social", f"size: {size}")

    lines = cli("explain", "social", columns=columns).out.splitlines()

    assert [line for line in lines if len(line) > columns] == []
    assert not any(line.strip() == "=" for line in lines)


def test_a_prefix_lists_what_is_below_it(cli, stack):
    stack("social")

    lines = cli("explain", "social", "redis.cache.").out.splitlines()

    assert lines[0] == "redis.cache.port = 6380"
    assert all(line.startswith("redis.cache.") for line in lines)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("shared_buffers", "postgres.shared_buffers"),
        ("postgres.shared_bufers", "postgres.shared_buffers"),
        ("puma-threads", "capacity.limits.puma-threads.users"),
    ],
)
def test_an_unknown_path_names_the_nearest(cli, stack, path, meant):
    stack("social")

    outcome = cli("explain", "social", path)

    assert outcome.code == 1
    assert meant in outcome.err


def test_as_data_each_value_has_its_rule_and_source(cli, stack):
    stack("social")

    (one,) = json.loads(cli("explain", "social", "postgres.shared_buffers", "--json").out)

    assert one["rule"] == "a quarter of PostgreSQL's memory"
    assert one["unit"] == "KiB"
    assert one["source"]["key"] == "pgtune"
    assert one["source"]["confirmed"] is True


def test_every_path_of_the_list_can_be_explained(cli, stack):
    stack("social")
    every = json.loads(cli("explain", "social", "--json").out)

    for one in every[::7]:
        outcome = cli("explain", "social", one["path"])
        assert outcome.code == 0
        assert outcome.out.startswith(f"{one['path']} = ")
