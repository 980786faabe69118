"""The edges of a job on the machine: power that is lost, two who launch, units that fail, files that turn secret."""

import fcntl
import json
from dataclasses import replace

import pytest

from mastodon_infra.operate.converge.job import access_job, whole_job
from mastodon_infra.operate.converge.machine import apply, launch
from mastodon_infra.render.difference import Act, Verb
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

NGINX, SSHD, NFT = "/etc/nginx/nginx.conf", "/etc/ssh/sshd_config.d/10-mastodon-infra.conf", "/etc/nftables.conf"
SYSCTL = "/etc/sysctl.d/60-mastodon-infra.conf"
UNITS = ("nftables.service", "nginx.service", "ssh.service")


def a_machine_s(text, *, kernel="vm.swappiness = 10\n"):
    return a_bundle(
        a_file(SSHD, text, need="reload ssh.service"),
        a_file(NFT, text, need="reload nftables.service"),
        a_file(NGINX, text, need="reload nginx.service"),
        a_file(SYSCTL, kernel),
        units=UNITS,
    )


OLD, NEW = a_machine_s("old\n"), a_machine_s("new\n")
NEEDS_REBOOT = a_machine_s("new\n", kernel="")


@pytest.fixture
def machine(tmp_path):
    made = FolderMachine(tmp_path)
    made.boot(OLD)
    return made


def access(machine, wanted):
    return access_job(machine.decide(wanted), moment="now")


def launched(machine, job, *, guarded=()):
    return machine.launched({"program": "", "job": job, "guarded": list(guarded), "seconds": 90})


class TestAccess:
    def test_what_takes_it_in_is_done_before_it_is_proven(self, machine):
        done = [(act["verb"], act["unit"]) for act in access(machine, NEW)["acts"]]

        assert sorted(done) == [("reload", "nftables.service"), ("reload", "ssh.service")]

    def test_also_where_its_unit_was_stopped(self, machine):
        machine.active.discard("nftables.service")

        done = [(act["verb"], act["unit"]) for act in access(machine, NEW)["acts"]]

        assert sorted(done) == [("reload", "ssh.service"), ("start", "nftables.service")]

    def test_also_where_a_reboot_would_do_it_later(self, machine):
        assert [act.verb for act in machine.decide(NEEDS_REBOOT).acts] == [Verb.REBOOT]

        job = access(machine, NEEDS_REBOOT)

        assert sorted(act["unit"] for act in job["acts"]) == ["nftables.service", "ssh.service"]
        assert [act["verb"] for act in job["waiting"]] == ["reboot"]

    def test_nothing_of_other_services_is_done_with_it(self, machine):
        machine.active.discard("nginx.service")

        assert {act["unit"] for act in access(machine, NEW)["acts"]} == {"nftables.service", "ssh.service"}


class TestPowerThatIsLost:
    def test_before_new_access_is_proven_brings_back_the_old_one(self, machine):
        before = machine.tree()
        launched(machine, access(machine, NEW), guarded=(SSHD, NFT))
        assert machine.at(SSHD).read_text() == "new\n"
        machine.said.clear()

        machine.lose_power()

        assert [machine.at(path).read_text() for path in (SSHD, NFT)] == ["old\n", "old\n"]
        assert machine.said == [], "whatever starts then reads the old one by itself"
        assert set(machine.tree()) == set(before)
        assert machine.decide(NEW).edited == ()

    def test_after_it_was_proven_leaves_the_new_one(self, machine):
        launched(machine, access(machine, NEW), guarded=(SSHD, NFT))
        launched(machine, whole_job(machine.decide(NEW), moment="now"))

        machine.lose_power()

        assert machine.at(SSHD).read_text() == "new\n"
        assert not machine.at(f"/{launch.UNPROVEN}").exists()

    def test_before_a_reboot_that_was_due_does_not_say_that_it_is_over(self, machine):
        machine.converge(NEEDS_REBOOT)
        assert machine.look(NEEDS_REBOOT).installed == OLD.digest

        machine.lose_power()

        assert machine.look(NEEDS_REBOOT).installed == OLD.digest
        machine.converge(NEEDS_REBOOT)
        assert machine.look(NEEDS_REBOOT).installed == NEEDS_REBOOT.digest
        assert not machine.decide(NEEDS_REBOOT)


def test_a_reboot_that_is_done_says_so(machine):
    machine.converge(NEEDS_REBOOT)

    machine.reboot()

    assert machine.look(NEEDS_REBOOT).installed == NEEDS_REBOOT.digest
    assert not machine.decide(NEEDS_REBOOT)


def test_a_reboot_for_an_earlier_bundle_does_not_tell_of_that_one(machine):
    machine.converge(NEEDS_REBOOT)
    third = a_machine_s("third\n", kernel="")
    machine.converge(third, allow_restart=False)

    machine.reboot()

    assert machine.look(third).installed == OLD.digest
    machine.converge(third)
    assert not machine.decide(third)


def test_access_that_cannot_be_taken_in_is_undone_at_once(machine, monkeypatch):
    job = access(machine, NEW)
    run = machine._run

    def refuses(*words, **how):
        if words[:2] == ("systemctl", "reload-or-restart") and machine.at(SSHD).read_text() == "new\n":
            raise apply.Trouble("ssh.service does not start")
        return run(*words, **how)

    monkeypatch.setattr(machine, "_run", refuses)

    assert launched(machine, job, guarded=(SSHD, NFT)) == {"trouble": "ssh.service does not start"}
    assert machine.at(SSHD).read_text() == "old\n"
    assert not machine.at(f"/{launch.UNPROVEN}").exists()


def test_a_second_launcher_leaves_the_job_of_the_first_alone(machine):
    folder = machine.at(f"/{launch.NOTES}")
    (folder / "job").mkdir(parents=True)
    (folder / "job/job.json").write_text("the first's")

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert launched(machine, {}) == {"trouble": "another converge is at work here"}

    assert (folder / "job/job.json").read_text() == "the first's"


def test_a_file_that_turns_secret_is_nobody_else_s_from_the_first_moment(tmp_path):
    before = a_bundle(a_file("/etc/mastodon/web.env", "KEY=\n"))
    after = a_bundle(replace(a_file("/etc/mastodon/web.env", "KEY=secret\n"), mode=0o600))
    effects, is_killed = 0, True
    while is_killed:
        machine = FolderMachine(tmp_path / str(effects))
        machine.boot(before)
        is_killed = machine.killed_after(effects, after)
        file = machine.at("/etc/mastodon/web.env")
        assert "secret" not in file.read_text() or file.stat().st_mode & 0o077 == 0
        effects += 1


def test_what_a_killed_run_left_no_longer_keeps_packages_from_starting_services(machine):
    mark = machine.at(f"/{apply.STOPS_PACKAGES}")
    mark.parent.mkdir(parents=True)
    mark.touch()

    machine.converge(NEW)

    assert not mark.exists()


class TestDirectoriesThatLeftTheBundle:
    @pytest.fixture
    def converged(self, machine):
        machine.boot(a_bundle(directories=("/etc/gone", "/etc/gone/below", "/etc/full", "/etc/theirs")))
        machine.put("/etc/full/something", "")
        machine.packages = {"theirs"}
        machine.converge(a_bundle())
        return machine

    def test_go_where_they_are_empty(self, converged):
        assert not converged.at("/etc/gone").exists()
        assert not converged.decide(a_bundle())

    def test_stay_where_something_is_in_them(self, converged):
        assert converged.at("/etc/full/something").exists()

    def test_stay_where_a_package_has_them_too(self, converged):
        assert converged.at("/etc/theirs").exists()


def test_a_unit_that_cannot_be_enabled_is_told(machine, monkeypatch):
    run, states = machine._run, {"one.service": "generated", "two.service": "disabled"}

    def enabling(*words, **how):
        if words[:2] == ("systemctl", "is-enabled"):
            return states[words[-1]]
        if words[:2] == ("systemctl", "enable"):
            raise apply.Trouble(f"{words[-1]} is masked")
        return run(*words, **how)

    monkeypatch.setattr(machine, "_run", enabling)

    machine.converge(a_bundle(units=("one.service",)))
    with pytest.raises(apply.Trouble, match=r"two.service is masked"):
        machine.converge(a_bundle(units=("one.service", "two.service")))


def test_the_note_of_what_is_still_to_be_done_holds_a_reboot_until_it_is_done(machine):
    machine.converge(NEEDS_REBOOT)

    noted = json.loads(machine.at(f"/{apply.NOTES}/pending.json").read_text())

    assert [one["verb"] for one in noted] == ["reboot"]
    assert [act.verb for act in machine.look(NEEDS_REBOOT).pending] == [Act(Verb.REBOOT, "").verb]
