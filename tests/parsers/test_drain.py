"""How sidekiq is ended: the script that waits for its jobs, and the order of what systemd runs."""

import pytest

from tests.parsers.cases import Place
from tests.parsers.checks import units

SCRIPT = "/usr/local/lib/mastodon-infra/drain-sidekiq"
NAME = "mastodon-sidekiq-scheduler-1"
HOME = Place("medium", "sidekiq-1")

PODMAN = r"""#!/bin/bash
echo "$*" >> /tmp/asked
case "$1" in
    kill) exit 0 ;;
    top)
        turn=$(grep --count ^top /tmp/asked)
        line=$(sed --quiet "${turn}p" /tmp/titles)
        [ "$line" != gone ] || { echo "no such container" >&2; exit 125; }
        echo COMMAND; echo "/usr/bin/tini -- bundle exec sidekiq"; echo "$line" ;;
esac
"""


@pytest.fixture
def tree(machine_tree):
    tree = machine_tree(HOME)
    tree.machine.put("/usr/local/bin/podman", PODMAN, 0o755)
    tree.machine.must("rm -f /tmp/asked; touch /tmp/asked")
    yield tree
    tree.machine.must("rm /usr/local/bin/podman")


@pytest.mark.parametrize(
    ("titles", "looks"),
    [
        (("sidekiq 8.1.6 mastodon [0 of 5 busy]", "sidekiq 8.1.6 mastodon [0 of 5 busy] stopping"), 2),
        (("sidekiq 8.1.6 mastodon [3 of 5 busy] stopping", "sidekiq 8.1.6 mastodon [0 of 5 busy] stopping"), 2),
        (("sidekiq 8.1.6 mastodon [10 of 10 busy] stopping", "sidekiq 9.0.0 mastodon [0 of 10 busy] stopping"), 2),
        (("sidekiq 8.1.6 mastodon [1 of 5 busy] stopping", "gone"), 2),
    ],
    ids=["has not heard yet", "finishes its jobs", "another release", "ended by itself"],
)
def test_it_waits_until_the_last_job_is_done(tree, titles, looks):
    tree.machine.put("/tmp/titles", "\n".join(titles) + "\n")
    tree.machine.must([SCRIPT, NAME])
    asked = tree.machine.must("cat /tmp/asked").splitlines()
    assert asked == [f"kill --signal=TSTP {NAME}", *[f"top {NAME} args"] * looks]


def test_a_job_without_end_is_left_to_sidekiq_after_the_planned_time(tree):
    tree.machine.put("/tmp/titles", "sidekiq 8.1.6 mastodon [1 of 5 busy] stopping\n" * 9)
    seconds = tree.plan.mastodon.sidekiq_stop.drain_seconds.value
    short = tree.machine.must(["sed", f"s/{seconds}/2/", SCRIPT])
    tree.machine.put("/tmp/drain", short, 0o755)
    assert "goes back to its queue" in tree.machine.must(["/tmp/drain", NAME])


def test_podman_s_own_stop_comes_after_the_drain(machine_tree):
    tree = machine_tree(HOME)
    units.generate(tree)
    unit = tree.machine.must(["cat", f"{units.GENERATED}/{NAME}.service"]).splitlines()
    stops = [line for line in unit if line.startswith("ExecStop=")]
    assert stops[0] == f"ExecStop=-{SCRIPT} {NAME}"
    assert "podman rm" in stops[1]
    start = next(line for line in unit if line.startswith("ExecStart="))
    for word in ("--read-only ", "--read-only-tmpfs=false", "-v /tmp ", "-v /opt/mastodon/tmp", "--cgroups=split"):
        assert word in start, start
