"""What a running machine needs to hold its bundle."""

from dataclasses import replace
from pathlib import Path

import pytest

from mastodon_infra.operate.converge.decide import ConvergeError, decide
from mastodon_infra.operate.converge.job import whole_job
from mastodon_infra.render.difference import Act, Verb
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

NGINX = "/etc/nginx/nginx.conf"
OLD = a_bundle(a_file(NGINX, need="reload nginx.service"), units=("nginx.service",))
NEW = a_bundle(a_file(NGINX, "two\n", need="reload nginx.service"), units=("nginx.service",))


@pytest.fixture
def machine(tmp_path):
    made = FolderMachine(tmp_path)
    made.boot(OLD)
    return made


def postgres(content):
    path = "/etc/postgresql/17/main/conf.d/10-tuning.conf"
    return a_bundle(
        a_file(path, content, need="restart postgresql@17-main.service"), units=("postgresql@17-main.service",)
    )


def test_a_machine_that_holds_its_bundle_needs_nothing(machine):
    assert not machine.decide(OLD)


def test_a_changed_file_is_shown_by_its_lines_and_its_service_reloads(machine):
    steps = machine.decide(NEW)

    (change,) = (one for one in steps.difference.files if one.path == NGINX)
    assert change.lines()[-2:] == ("-one", "+two")
    assert [(act.verb, act.unit) for act in steps.acts] == [(Verb.RELOAD, "nginx.service")]
    assert steps.edited == ()


def test_a_file_that_somebody_edited_is_told_and_saved_aside_before_it_is_replaced(machine):
    machine.put(NGINX, "mine\n")

    steps = machine.converge(NEW)

    assert steps.edited == (NGINX,)
    assert machine.at(NGINX).read_text() == "two\n"
    assert machine.at(f"/var/lib/mastodon-infra/aside/now{NGINX}").read_text() == "mine\n"


def test_a_file_that_is_no_longer_in_the_bundle_goes_and_its_service_hears_of_it(machine):
    more = a_bundle(
        *OLD.files[-1:], a_file("/etc/nginx/more.conf", need="reload nginx.service"), units=("nginx.service",)
    )
    machine.boot(more)

    steps = machine.converge(OLD)

    assert not machine.at("/etc/nginx/more.conf").exists()
    assert Act(Verb.RELOAD, "nginx.service", ("/etc/nginx/more.conf",)) in steps.acts


def test_a_file_of_somebody_else_stays(machine):
    machine.put("/etc/nginx/theirs.conf", "theirs\n")

    machine.converge(NEW)

    assert machine.at("/etc/nginx/theirs.conf").read_text() == "theirs\n"


def test_only_another_mode_is_mended_without_writing_of_it_as_edited(machine):
    machine.at(NGINX).chmod(0o666)

    steps = machine.converge(OLD)

    assert machine.at(NGINX).stat().st_mode & 0o777 == 0o644
    assert steps.edited == ()


def test_what_nobody_may_read_is_not_told(machine):
    secret = a_bundle(a_file("/etc/mastodon/web.env", "A=hush\n", mode=0o600))
    machine.boot(secret)

    steps = machine.decide(a_bundle(a_file("/etc/mastodon/web.env", "A=other\n", mode=0o600)))

    assert "hush" not in repr(machine.look(secret).texts)
    assert [change.lines() for change in steps.difference.files if change.path.endswith("env")] == [()]


def test_a_service_that_should_run_and_does_not_is_started(machine):
    machine.active.clear()

    assert [(act.verb, act.unit) for act in machine.decide(OLD).acts] == [(Verb.START, "nginx.service")]


def test_a_unit_that_is_gone_is_stopped_before_its_file_is_removed(machine):
    path = "/etc/containers/systemd/mastodon-more.container"
    more = a_bundle(a_file(path, "[Container]\n"), *OLD.files[-1:], units=("mastodon-more.service",))
    machine.boot(more)

    machine.converge(OLD)

    assert "systemctl stop mastodon-more.service" in machine.said
    assert "mastodon-more.service" not in machine.active
    assert "systemctl daemon-reload" in machine.said


def test_an_instance_that_nobody_wants_any_more_is_stopped(machine):
    def streaming(*ports):
        wants = " ".join(f"mastodon-streaming@{port}.service" for port in ports)
        return a_bundle(
            a_file("/etc/containers/systemd/mastodon-streaming@.container", "[Container]\n"),
            a_file("/etc/systemd/system/mastodon.target.d/streaming.conf", f"[Unit]\nWants={wants}\n"),
            units=("mastodon.target",),
        )

    machine.boot(streaming(4000, 4001))
    machine.converge(streaming(4000))

    assert machine.active == {"mastodon.target", "mastodon-streaming@4000.service"}


def test_what_holds_state_is_not_interrupted_without_leave_and_is_not_forgotten(machine):
    machine.boot(postgres("one\n"))
    new = postgres("two\n")

    first = machine.converge(new, allow_restart=False)
    again = machine.decide(new, allow_restart=False)

    assert [act.unit for act in first.waiting] == ["postgresql@17-main.service"]
    assert machine.said == ["systemctl daemon-reload"]
    assert not again
    assert again.waiting == first.waiting
    assert machine.look(new).installed != new.digest

    machine.converge(new, allow_restart=True)

    assert machine.said[1:] == ["systemctl daemon-reload", "systemctl restart postgresql@17-main.service"]
    assert machine.look(new).installed == new.digest
    assert not machine.decide(new).waiting


def test_a_reboot_does_what_waited(machine):
    machine.boot(postgres("one\n"))
    new = postgres("two\n")
    machine.converge(new, allow_restart=False)

    machine.reboot()
    machine.converge(new, allow_restart=False)

    assert "systemctl restart postgresql@17-main.service" not in machine.said
    assert machine.look(new).installed == new.digest


def kernel(*lines):
    text = "".join(f"{line}\n" for line in ("# words = no setting", *lines))
    return a_bundle(
        a_file("/etc/sysctl.d/60.conf", text, need="restart systemd-sysctl.service"),
        a_file(NGINX, text, need="reload nginx.service"),
        units=("nginx.service", "systemd-sysctl.service"),
    )


def test_a_kernel_setting_that_is_no_longer_made_stays_until_a_reboot_and_keeps_nothing_else_waiting(machine):
    machine.boot(kernel("net.core.somaxconn = 1024", "vm.swappiness = 10"))

    new = kernel("vm.swappiness=10")
    steps = machine.converge(new, allow_restart=False)

    assert steps.waiting == (Act(Verb.REBOOT, "", ("/etc/sysctl.d/60.conf",)),)
    assert [act.unit for act in steps.acts] == ["nginx.service", "systemd-sysctl.service"]
    assert machine.decide(new, allow_restart=False).waiting == steps.waiting
    assert [act.verb for act in machine.decide(new).acts] == [Verb.REBOOT]


def test_a_reboot_does_not_keep_a_unit_that_is_gone(machine):
    gone = a_file("/etc/systemd/system/mastodon-gone.service", "[Service]\n")
    old = kernel("net.core.somaxconn = 1024")
    machine.boot(a_bundle(*old.files, gone, units=(*(unit.name for unit in old.units), "mastodon-gone.service")))

    steps = machine.converge(kernel())

    assert [act.verb for act in steps.acts] == [Verb.REBOOT]
    assert steps.stopped == ("mastodon-gone.service",)
    assert "systemctl disable --now --quiet mastodon-gone.service" in machine.said


def test_another_value_of_a_kernel_setting_needs_no_reboot(machine):
    machine.boot(kernel("vm.swappiness = 10"))

    assert machine.decide(kernel("vm.swappiness = 20", "net.core.somaxconn = 1"), allow_restart=False).waiting == ()


def test_a_database_that_would_leave_the_machine_is_refused_without_leave(machine):
    machine.boot(postgres("one\n"))

    with pytest.raises(ConvergeError, match="no longer in the plan"):
        machine.decide(OLD, allow_restart=False)


WEB = "/etc/containers/systemd/mastodon-web.container"


def web(image):
    return a_bundle(a_file(WEB, f"[Container]\nImage={image}\n"))


def test_an_image_that_only_a_hand_has_changed_is_put_right(machine):
    machine.boot(web("mastodon:v4.7.4"))
    machine.put(WEB, "[Container]\nImage=mastodon:mine\n")

    steps = machine.converge(web("mastodon:v4.7.4"))

    assert steps.edited == (WEB,)
    assert "v4.7.4" in machine.at(WEB).read_text()


def test_another_image_is_not_this_doors_work(machine):
    machine.boot(web("mastodon:v4.7.4"))

    with pytest.raises(ConvergeError, match=r"mastodon:v4.7.4, and the plan wants mastodon:v4.8.0"):
        machine.decide(web("mastodon:v4.8.0"))


def test_a_machine_that_never_finished_installing_itself_is_left_alone(tmp_path):
    with pytest.raises(ConvergeError, match="not finished installing"):
        FolderMachine(tmp_path).decide(OLD)


@pytest.mark.parametrize("what", ["is_busy", "awaits_proof"])
def test_a_machine_at_which_an_earlier_run_is_still_at_work_is_left_alone(machine, what):
    with pytest.raises(ConvergeError, match="earlier converge"):
        decide(NEW, replace(machine.look(NEW), **{what: True}), allow_restart=True)


def test_what_is_not_well_is_told_also_where_nothing_is_to_be_done(machine):
    machine.trouble = "http://127.0.0.1:3000/health answers 500"

    seen = replace(machine.look(OLD), health=machine.trouble)

    assert decide(OLD, seen, allow_restart=True).unwell == (machine.trouble,)
    assert not decide(OLD, seen, allow_restart=True)


def test_a_file_that_lay_there_before_the_bundle_had_it_is_saved_aside(machine):
    more = "/etc/nginx/more.conf"
    machine.put(more, "mine\n")

    steps = machine.converge(a_bundle(*OLD.files, a_file(more), units=("nginx.service",)))

    assert steps.edited == (more,)
    assert machine.at(f"/var/lib/mastodon-infra/aside/now{more}").read_text() == "mine\n"


def test_a_file_that_is_new_in_the_bundle_and_there_already_as_it_should_be_is_nobodys_edit(machine):
    more = "/etc/nginx/more.conf"
    machine.put(more, "one\n")

    assert machine.decide(a_bundle(*OLD.files, a_file(more), units=("nginx.service",))).edited == ()


def test_a_link_in_the_place_of_a_file_is_told_and_what_it_leads_to_is_saved_aside(machine):
    machine.put("/srv/mine.conf", "mine\n")
    machine.at(NGINX).unlink()
    machine.at(NGINX).symlink_to(machine.at("/srv/mine.conf"))

    steps = machine.converge(OLD)

    assert steps.edited == (NGINX,)
    assert machine.at(NGINX).read_text() == "one\n"
    assert not machine.at(NGINX).is_symlink()
    assert machine.at(f"/var/lib/mastodon-infra/aside/now{NGINX}").read_text() == "mine\n"
    assert machine.at("/srv/mine.conf").read_text() == "mine\n"


def test_a_link_that_leads_nowhere_is_saved_aside_as_it_is(machine):
    machine.at(NGINX).unlink()
    machine.at(NGINX).symlink_to("/srv/nowhere.conf")

    steps = machine.converge(OLD)

    assert steps.edited == (NGINX,)
    assert machine.at(NGINX).read_text() == "one\n"
    assert machine.at(f"/var/lib/mastodon-infra/aside/now{NGINX}").readlink() == Path("/srv/nowhere.conf")


def test_missing_packages_are_added_and_none_is_taken_away(machine):
    new = a_bundle(*OLD.files[-1:], units=("nginx.service",), packages=("nginx", "tor"))
    machine.packages = {"nginx", "theirs"}

    steps = machine.converge(new)

    assert steps.difference.packages.added == ("tor",)
    assert steps.difference.packages.removed == ()
    assert machine.packages == {"nginx", "tor", "theirs"}


def test_a_package_that_left_the_bundle_stays_and_is_told_once(machine):
    machine.boot(a_bundle(*OLD.files[-1:], units=("nginx.service",), packages=("nginx", "tor")))
    new = a_bundle(*OLD.files[-1:], units=("nginx.service",), packages=("nginx",))

    steps = machine.converge(new)

    assert steps.difference.packages.removed == ("tor",)
    assert machine.packages == {"nginx", "tor"}
    assert [said for said in machine.said if "apt" in said] == ["apt-mark manual nginx", "apt-mark auto tor"]
    assert not machine.decide(new)


def test_settings_that_let_people_in_are_told_apart(machine):
    sshd = "/etc/ssh/sshd_config.d/10-mastodon-infra.conf"
    new = a_bundle(*OLD.files[-1:], a_file(sshd, need="reload ssh.service"), units=("nginx.service",))

    assert machine.decide(new).guarded == (sshd,)


def test_an_undo_that_a_proof_left_for_the_next_boot_is_taken_away_though_nothing_else_differs(machine):
    undo = machine.at("/var/lib/mastodon-infra/unproven/undo.json")
    undo.parent.mkdir(parents=True)
    undo.write_text("{}")

    steps = machine.decide(OLD)
    assert steps
    machine.launched({"program": "", "job": whole_job(steps, moment="now"), "guarded": [], "seconds": 90})

    assert not undo.exists()
    assert not machine.decide(OLD)
