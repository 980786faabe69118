"""A whole instance on one machine: from a fresh Debian and its user data to a page through nginx, and over a reboot."""

import json
from pathlib import Path

import pytest

from tests.machines.looking import check_units, down, page, rehearsed, settled, sql
from tests.parsers.cases import plan_of

NODE = "web-1"
KERNEL = ("vm/swappiness", "vm/overcommit_memory", "kernel/pid_max", "fs/file-max", "kernel/hostname")


def kernel():
    """What machines must leave alone on this computer."""
    return {name: Path(f"/proc/sys/{name}").read_text() for name in KERNEL} | {"swaps": Path("/proc/swaps").read_text()}


@pytest.fixture(scope="module")
def before(parts):
    return kernel()


@pytest.fixture(scope="module")
def solo(parts, before, tmp_path_factory):
    with rehearsed(plan_of("solo"), parts, tmp_path_factory.mktemp("solo")) as rehearsal:
        yield rehearsal


@pytest.fixture
def machine(solo):
    return solo.machines[NODE]


def check_everything(solo, machine):
    """What holds after the first boot holds after every boot."""
    check_units(solo, NODE)
    assert page(machine, "/health") == "OK"
    assert page(machine, "/api/v1/streaming/health") == "OK"
    assert json.loads(page(machine, "/api/v2/instance"))["users"] == 1
    assert "/packs/" in page(machine, "/")
    assert sql(machine, "SELECT username FROM accounts") == ["admin"]


def test_cloud_init_has_nothing_to_complain_of(machine):
    status = json.loads(machine.must("cloud-init", "status", "--format=json"))
    assert (status["status"], status["errors"], status["recoverable_errors"]) == ("done", [], {})


def test_units_and_pages(solo, machine):
    check_everything(solo, machine)


def test_files_of_the_image_are_kept_for_pages_of_later_ones(machine):
    assert page(machine, "/packs/js/chunk-1.js") == "/* of this image */"
    kept = "/var/lib/mastodon-infra/assets"
    machine.must("bash", "-c", f"echo old > {kept}/packs/js/old.js; echo gone > {kept}/packs/js/gone.js; "
                 f"touch -d '40 days ago' {kept}/packs/js/gone.js; systemctl restart mastodon-assets")  # fmt: skip

    assert machine.must("ls", f"{kept}/packs/js").split() == ["chunk-1.js", "old.js"]
    assert page(machine, "/packs/js/old.js") == "old"
    assert machine.must("stat", "--format=%U %a", f"{kept}/packs/js/old.js") == "root 644"
    assert machine.must("bash", "-c", "ls -d /var/lib/mastodon-infra/assets* | wc -l") == "2"


def test_the_database_has_its_roles_and_the_owner(machine):
    roles = sql(machine, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'mastodon%' ORDER BY 1")
    assert {"mastodon", "mastodon_admin"} <= set(roles)
    assert sql(machine, "SELECT obj_description('public'::regnamespace) IS NULL") == ["t"]
    assert sql(machine, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'accounts'") != ["postgres"]


def test_data_lies_on_the_volumes(solo, machine):
    for volume in solo.plan.volumes:
        assert machine.must("findmnt", "--noheadings", "--output=FSTYPE", volume.mount_path) == "ext4"


def test_a_job_is_worked(machine):
    """Through Redis as Mastodon's own user knows it."""
    script = """
        set -a; . /etc/mastodon/sidekiq.env
        ask() { REDISCLI_AUTH=$REDIS_PASSWORD redis-cli --no-auth-warning --user "$REDIS_USER" -p "$REDIS_PORT" "$@"; }
        ask LPUSH queue:mailers job > /dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            if ask LRANGE stand-in:worked 0 -1 | grep -q queue:mailers; then exit 0; fi
            sleep 1
        done
        exit 1
    """
    machine.must("bash", "-c", script)


def test_every_target_of_monitoring_is_up(machine):
    assert down(machine) == []


def test_there_is_a_backup_in_the_bucket(solo, machine):
    info = json.loads(machine.must("runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info"))
    assert [backup["type"] for backup in info[0]["backup"]] == ["full"]
    assert any((solo.store / solo.plan.backups.bucket / "pgbackrest").iterdir())


def test_after_a_reboot_all_is_back_and_nothing_is_done_again(solo, machine):
    rows = sql(machine, "SELECT count(*) FROM users")
    cluster = sql(machine, "SELECT system_identifier FROM pg_control_system()")
    machine.reboot()
    settled(solo)
    check_everything(solo, machine)
    assert sql(machine, "SELECT count(*) FROM users") == rows
    assert sql(machine, "SELECT system_identifier FROM pg_control_system()") == cluster
    said = machine.must("journalctl", "--boot", "--output=cat", "--unit=mastodon-first-start.service")
    assert "container" not in said, "the first start made a container, so it did something"
    info = json.loads(machine.must("runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info"))
    assert len(info[0]["backup"]) == 1


def test_this_computer_is_as_it_was(solo, before):
    assert kernel() == before
