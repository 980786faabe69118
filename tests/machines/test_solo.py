"""A whole instance on one machine: from a fresh Debian and its user data to a page through nginx, and over a reboot."""

import json
import re
import stat
import time
from dataclasses import fields
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.looking import check_units, down, page, redis, rehearsed, sql

NODE = "web-1"
SETTINGS = Path("/proc/sys")
KERNEL = ("kernel/pid_max", "kernel/hostname", "kernel/panic", "fs/file-max", "fs/inotify/max_user_watches")


def kernel():
    """What machines must leave alone on this computer."""
    settings = [*(SETTINGS / name for name in KERNEL), *sorted((SETTINGS / "vm").iterdir())]
    found = {str(path): path.read_text() for path in settings if path.stat().st_mode & stat.S_IRUSR}
    return found | {"swaps": Path("/proc/swaps").read_text()}


def clock():
    """By how much the clock is ahead of the time since the boot: it stays unless somebody sets the clock."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


@pytest.fixture(scope="module")
def before(asked):
    return kernel(), clock()


@pytest.fixture(scope="module")
def solo(before, tmp_path_factory):
    with rehearsed("solo", {"size": "solo"}, tmp_path_factory.mktemp("solo")) as instance:
        yield instance


@pytest.fixture
def machine(solo):
    return solo.machine(NODE)


def check_everything(solo, machine):
    """What holds after the first boot holds after every boot."""
    check_units(solo, NODE)
    assert page(solo, "/health") == "OK"
    assert page(solo, "/api/v1/streaming/health") == "OK"
    assert json.loads(page(solo, "/api/v2/instance"))["users"] == 1
    assert "/packs/" in page(solo, "/")
    assert sql(machine, "SELECT username FROM accounts") == ["admin"]


def test_cloud_init_has_nothing_to_complain_of(machine):
    status = json.loads(machine.must("cloud-init", "status", "--format=json"))
    assert (status["status"], status["errors"], status["recoverable_errors"]) == ("done", [], {})


def test_units_and_pages(solo, machine):
    check_everything(solo, machine)


def test_files_of_the_image_are_kept_for_pages_of_later_ones(solo, machine):
    assert page(solo, "/packs/js/chunk-1.js") == "/* of this image */"
    kept = "/var/lib/mastodon-infra/assets"
    (application,) = re.findall(r"application-[\w.-]+\.js", page(solo, "/"))
    machine.must("bash", "-c", f"echo old > {kept}/packs/js/old.js; echo gone > {kept}/packs/js/gone.js; "
                 f"touch -d '40 days ago' {kept}/packs/js/gone.js; systemctl restart mastodon-assets")  # fmt: skip

    assert machine.must("ls", f"{kept}/packs/js").split() == [application, "chunk-1.js", "old.js"]
    assert page(solo, "/packs/js/old.js") == "old"
    assert machine.must("stat", "--format=%U %a", f"{kept}/packs/js/old.js") == "root 644"
    assert machine.must("bash", "-c", "ls -d /var/lib/mastodon-infra/assets* | wc -l") == "2"


def test_the_database_has_its_roles_and_the_owner(machine):
    roles = sql(machine, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'mastodon%' ORDER BY 1")
    assert {"mastodon", "mastodon_admin"} <= set(roles)
    assert sql(machine, "SELECT obj_description('public'::regnamespace) IS NULL") == ["t"]
    assert sql(machine, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'accounts'") == [
        "mastodon_owner"
    ]


def test_data_lies_on_the_volumes(solo, machine):
    for volume in solo.plan.volumes:
        assert machine.must("findmnt", "--noheadings", "--output=FSTYPE", volume.mount_path) == "ext4"


def test_a_job_is_worked(machine):
    """Through Redis as Mastodon's own user knows it."""
    job = {"class": "StandIn::Numbered", "args": [7, 0], "jid": "asked", "queue": "mailers"}
    redis(machine, "LPUSH", "queue:mailers", json.dumps(job))
    worked = "SELECT number FROM stand_in_jobs WHERE jid = 'asked'"
    assert wait_until(lambda: sql(machine, worked) == ["7"], seconds=20)


def test_every_target_of_monitoring_is_up(machine):
    assert down(machine) == []


def test_uploads_are_tried_and_it_is_told_that_a_key_is_of_no_use_any_more(solo, machine):
    settings, told = (
        "/etc/mastodon-infra/trial-upload.curl",
        "/var/lib/prometheus/node-exporter/mastodon-infra-upload.prom",
    )
    unit = "mastodon-trial-upload.service"

    def works():
        return machine.run("bash", "-c", f"sed -n 's/^mastodon_infra_upload_works //p' {told} 2> /dev/null").said

    assert works() == "1"
    assert list(solo.rehearsal.folder.glob(f"store/*/buckets/{solo.plan.media.bucket}/mastodon-infra/trial"))
    machine.must("cp", "--archive", settings, f"{settings}.kept")
    try:
        machine.must("sed", "--in-place", 's/^user = "[^:]*:/user = "revoked:/', settings)
        machine.must("systemctl", "restart", unit)
        assert wait_until(lambda: works() == "0", seconds=20)
        assert "InvalidAccessKeyId" in machine.must("journalctl", "--output=cat", f"--unit={unit}")
    finally:
        machine.must("mv", f"{settings}.kept", settings)
    machine.must("systemctl", "kill", "--signal=KILL", unit)
    assert works() == "0", "after a crash it must be seen that the number ages"
    assert wait_until(lambda: works() == "1", seconds=20)
    machine.must("systemctl", "stop", unit)
    assert works() == "", "a machine that tries no more must not go on telling"
    machine.must("systemctl", "start", unit)
    assert wait_until(lambda: works() == "1", seconds=20)


def test_there_is_a_backup_in_the_bucket(solo, machine):
    info = json.loads(machine.must("runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info"))
    assert [backup["type"] for backup in info[0]["backup"]] == ["full"]
    assert any(solo.rehearsal.folder.glob(f"store/*/buckets/{solo.plan.backups.bucket}/pgbackrest/*"))


def test_after_a_reboot_all_is_back_and_nothing_is_done_again(solo, machine):
    rows = sql(machine, "SELECT count(*) FROM users")
    cluster = sql(machine, "SELECT system_identifier FROM pg_control_system()")
    solo.reboot(NODE)
    check_everything(solo, machine)
    assert sql(machine, "SELECT count(*) FROM users") == rows
    assert sql(machine, "SELECT system_identifier FROM pg_control_system()") == cluster
    said = machine.must("journalctl", "--boot", "--output=cat", "--unit=mastodon-first-start.service")
    assert "container" not in said, "the first start made a container, so it did something"
    info = json.loads(machine.must("runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info"))
    assert len(info[0]["backup"]) == 1


PUBLIC = {
    "vapid_public_key", "ca_certificate", "origin_certificate", "origin_pull_ca", "site_certificate_request",
    "media_access_key_id", "backup_access_key_id", "payload_access_key_id", "smtp_username",
}  # fmt: skip
"""Of the wiring, what is shown to others anyway, or is a name."""

LEAST_SECRET = 16


def secrets_of(wiring):
    """Each secret by its name; of a key, which has several lines, one from its middle."""
    named = {field.name: getattr(wiring, field.name) for field in fields(wiring) if field.name not in PUBLIC}
    keys = {**{f"host key of {key.node}": key for key in named.pop("host_keys")},
            **{f"certificate of {one.service}": one for one in named.pop("server_certificates")}}  # fmt: skip
    texts = named | {name: key.private_key for name, key in keys.items()}
    middles = {name: text.splitlines()[len(text.splitlines()) // 2] for name, text in texts.items() if text}
    assert all(len(secret) >= LEAST_SECRET for secret in middles.values()), "too short to be looked for"
    return middles


SHOWN = {
    "journal": ("journalctl", "--no-pager", "--output=export"),
    "command lines": ("bash", "-c", "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' || true"),
    "units": ("systemctl", "show", "--all", "--no-pager", "*"),
    "unit files": (
        "bash",
        "-c",
        "find /etc/systemd/system /run/systemd/generator /etc/containers/systemd -type f -exec cat {} +",
    ),
}
"""What others than root and a secret's own reader can come to see of a machine."""


@pytest.mark.parametrize("place", SHOWN)
def test_no_secret_is_in_the_journal_on_a_command_line_or_in_a_unit(solo, machine, place):
    secrets = secrets_of(solo.wiring())
    assert {"postgres_admin_password", "redis_password", "backup_cipher_passphrase", "secret_key_base"} <= set(secrets)
    # Of this place alone, and as a line of its own: the journal also has what was told before, and systemd's word that
    # it starts this, before it runs.
    seen = f"a-secret-that-somebody-has-told-in-{place.replace(' ', '-')}"
    told = ("journalctl", "--output=cat", "--unit=indiscreet")
    machine.must("systemd-run", "--quiet", "--unit=indiscreet", "bash", "-c", f"echo {seen}; sleep 60; : {seen}")
    try:
        assert wait_until(lambda: seen in machine.must(*told).splitlines(), seconds=10)
        text = machine.must(*SHOWN[place], seconds=120)
    finally:
        machine.must("systemctl", "stop", "indiscreet.service")

    assert place == "unit files" or seen in text, "this would not find one"
    assert [name for name, secret in secrets.items() if secret in text] == []


def test_this_computer_is_as_it_was(solo, before):
    settings, ahead = before
    assert kernel() == settings
    assert clock() == pytest.approx(ahead, abs=0.5)
