"""First boots in a bad order, and machines that are lost: each ends with everything running, without a hand."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.machines.machine import control_groups
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from mastodon_infra.render.app import LOADING_MARK
from tests.machines.looking import BOOT_SECONDS, INSTALL_SECONDS, START_SECONDS, check_units, deployed, page, redis, sql
from tests.machines.test_split import NODES

LATE_SECONDS = 120
DATABASE_LATE_SECONDS = int(os.environ.get("MASTODON_INFRA_LATE_SECONDS", LATE_SECONDS))
"""How late the database's machine comes; ten minutes take ten minutes, and teach nothing that two do not."""
INSTALLER, POSTGRES = "mastodon-infra-install.service", "postgresql@17-main.service"
HAS_DATABASE = ("runuser", "-u", "postgres", "--", "psql", "-XAtq", "--dbname=mastodon_production", "--command=SELECT")
SLOW = """
    CREATE SCHEMA slow;
    CREATE FUNCTION slow.down() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); END';
    CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slow.down()
"""
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def late(asked, parts, tmp_path_factory):
    """The machine of the data does not come, and when it does, both its volumes are missing."""
    held_back = ("social-example-data-1", "social-example-data-postgres", "social-example-data-redis")
    folder = tmp_path_factory.mktemp("late")
    with deployed("late", {"size": "small", "nodes": NODES}, folder, parts, held_back=held_back) as instance:
        yield instance


@pytest.fixture(scope="module")
def hindered(asked, parts, tmp_path_factory):
    """One machine, held back."""
    held_back = ("social-example-web-1",)
    with deployed(
        "hindered", {"size": "solo"}, tmp_path_factory.mktemp("hindered"), parts, held_back=held_back
    ) as instance:
        yield instance


def is_installed(machine):
    return machine.pid and machine.run("test", "-e", "/var/lib/mastodon-infra/installed")


def state(machine, unit):
    return machine.run("systemctl", "is-active", unit).said


def failed(machine):
    return machine.must("systemctl", "list-units", "--failed", "--no-legend", "--plain")


def check_everything(instance):
    for name in instance.machines:
        check_units(instance, name)
    assert page(instance, "/health") == "OK"
    assert page(instance, "/api/v1/streaming/health") == "OK"
    assert json.loads(page(instance, "/api/v2/instance"))["users"] == 1


def verify(instance):
    """All that an administrator would ask; a restored copy takes its minutes in other tests."""
    instance.verb("--", "verify", "--patience", str(START_SECONDS), "--skip", "restore")


class TestSplit:
    """In this order, on one instance."""

    def test_machines_wait_for_the_database_machine(self, late):
        front, watch = late.machine("front-1"), late.machine("watch-1")
        assert wait_until(lambda: is_installed(front) and is_installed(watch), seconds=INSTALL_SECONDS)
        time.sleep(DATABASE_LATE_SECONDS)
        assert state(front, "mastodon-first-start.service") == "activating"
        assert failed(front) == failed(watch) == ""

    def test_postgresql_and_redis_wait_for_their_volumes(self, late):
        late.rehearsal.order("let-go", label="social-example-data-1")
        data = late.machine("data-1")
        assert wait_until(lambda: is_installed(data), seconds=INSTALL_SECONDS)
        time.sleep(LATE_SECONDS)
        assert state(data, POSTGRES) != "active"
        assert state(data, "redis-server@queue.service") != "active"
        assert failed(data) == ""

    def test_postgresql_does_not_wait_for_the_volume_of_redis(self, late):
        data = late.machine("data-1")
        late.rehearsal.order("let-go", label="social-example-data-postgres")
        assert wait_until(lambda: data.run(*HAS_DATABASE), seconds=BOOT_SECONDS)
        assert state(data, POSTGRES) == "active"
        assert state(data, "redis-server@queue.service") != "active"
        assert failed(data) == ""

    def test_a_leader_that_is_killed_while_it_loads_the_schema_begins_anew(self, late):
        front, data = late.machine("front-1"), late.machine("data-1")
        sql(data, SLOW)
        late.rehearsal.order("let-go", label="social-example-data-redis")
        assert wait_until(lambda: int(sql(data, TABLES)[0]) > 2, seconds=INSTALL_SECONDS)
        late.rehearsal.order("power-off", machine="social-example-front-1")
        assert sql(data, "SELECT obj_description('public'::regnamespace)") == [LOADING_MARK]
        assert sql(data, "SELECT to_regclass('ar_internal_metadata') IS NULL") == ["t"]
        sql(data, "DROP SCHEMA slow CASCADE")
        late.rehearsal.order("power-on", machine="social-example-front-1")
        assert wait_until(lambda: front.pid, seconds=BOOT_SECONDS)
        late.settle(INSTALL_SECONDS)
        check_everything(late)

    def test_a_leader_that_is_made_anew_leaves_a_full_database_alone(self, late):
        data = late.machine("data-1")
        before = sql(data, "SELECT id, username, created_at FROM accounts")
        late.replace("front-1")
        check_everything(late)
        assert sql(data, "SELECT id, username, created_at FROM accounts") == before

    def test_a_database_machine_that_is_made_anew_has_every_row_and_every_job(self, late):
        data = late.machine("data-1")
        sql(data, "CREATE TABLE kept AS SELECT generate_series(1, 10000) AS number")
        redis(data, "LPUSH", "queue:nobody", "job")
        cluster = sql(data, "SELECT system_identifier FROM pg_control_system()")
        # Redis writes every second.
        time.sleep(2)
        late.replace("data-1")
        check_everything(late)
        assert sql(data, "SELECT count(*), sum(number) FROM kept") == ["10000|50005000"]
        assert redis(data, "LRANGE", "queue:nobody", "0", "-1") == "job"
        assert sql(data, "SELECT system_identifier FROM pg_control_system()") == cluster
        redis(data, "DEL", "queue:nobody")
        verify(late)


class TestOneMachine:
    """In this order, on one instance."""

    def test_packages_that_do_not_come_are_asked_for_again(self, hindered):
        machine = hindered.machine("web-1")
        hindered.rehearsal.order("let-go", label="social-example-web-1")
        assert wait_until(lambda: machine.pid, seconds=BOOT_SECONDS)
        machine.must("mount", "-t", "tmpfs", "none", "/srv/packages")
        tries = ("systemctl", "show", "--property=NRestarts", "--value", INSTALLER)
        assert wait_until(lambda: int(machine.run(*tries).said or 0) >= 2, seconds=INSTALL_SECONDS)
        machine.must("umount", "/srv/packages")
        hindered.settle(INSTALL_SECONDS)
        check_everything(hindered)

    def test_a_first_boot_that_loses_power_while_it_installs_goes_on(self, hindered):
        machine = hindered.machine("web-1")
        before = machine.pid
        hindered.verb("--", "up", "--yes", "--replace", "web-1")
        assert wait_until(lambda: machine.pid not in {0, before}, seconds=BOOT_SECONDS)
        assert wait_until(lambda: machine.run("pgrep", "--exact", "dpkg"), seconds=INSTALL_SECONDS)
        time.sleep(3)
        hindered.rehearsal.order("power-off", machine="social-example-web-1")
        hindered.rehearsal.order("power-on", machine="social-example-web-1")
        assert wait_until(lambda: machine.pid, seconds=BOOT_SECONDS)
        hindered.settle(INSTALL_SECONDS)
        check_everything(hindered)
        verify(hindered)

    def test_after_a_crash_down_leaves_nothing(self, hindered):
        rehearsal = hindered.rehearsal
        groups = control_groups(rehearsal.folder)
        volume = next((rehearsal.folder / "volumes").glob("*.img"))
        assert left_of(rehearsal.folder, groups, volume)
        os.kill(rehearsal.keeper, signal.SIGKILL)
        hindered.verb("--down")
        assert not rehearsal.folder.exists()
        assert left_of(rehearsal.folder, groups, volume) == []


def left_of(folder, groups, volume):
    """Processes, mounts, loop devices and control groups of a rehearsal."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder) in process.joinpath("mountinfo").read_text():
                found.append(process.name)
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            if backing.read_text().startswith(str(volume)):
                found.append(str(backing))
    return found + [folder for folder, *_ in os.walk("/sys/fs/cgroup") if groups in folder]
