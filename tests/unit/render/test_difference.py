"""What becomes of a machine when it gets another bundle: what changes, and what it does then, in which order."""

from dataclasses import replace

import pytest

from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import Action, BundleFile, BundleUnit, BundleUser, Need, Part, UnitState
from mastodon_infra.render.difference import Verb, difference
from mastodon_infra.render.wiring import Wiring

UNITS = "/etc/systemd/system"


@pytest.fixture
def solo(planned):
    plan = planned("solo")
    return bundle(plan, plan.nodes[0], Wiring.placeholder(plan))


def with_changed(made, *parts, text="# changed\n"):
    """The bundle with something added to each file whose path has one of these parts."""
    files = tuple(
        replace(file, content=file.content + text) if any(part in file.path for part in parts) else file
        for file in made.files
    )
    assert files != made.files
    return replace(made, files=files)


def a_file(path, *, content="", need=None):
    return BundleFile(path, content, "root", "root", 0o644, need or Need(Action.NOTHING), False, Part.PAYLOAD)


def acts(old, new):
    return [(act.verb, act.unit) for act in difference(old, new).acts]


def test_equal_bundles_do_not_differ(solo):
    same = difference(solo, solo)

    assert not same
    assert (same.files, same.acts, same.rereads_units) == ((), (), False)


def test_a_changed_file_is_told_line_by_line_with_what_it_needs(solo):
    (change,) = difference(solo, with_changed(solo, "/etc/nginx/nginx.conf")).files

    assert change.lines()[-1] == "+# changed"
    assert acts(solo, with_changed(solo, "/etc/nginx/nginx.conf")) == [(Verb.RELOAD, "nginx.service")]


def test_a_unit_is_named_once_and_restart_outweighs_reload(solo):
    new = with_changed(solo, "/etc/nginx/nginx.conf", "/etc/nginx/mastodon/site.conf", "nginx.service.d/")

    assert acts(solo, new) == [(Verb.RESTART, "nginx.service")]
    assert difference(solo, new).rereads_units


def test_a_secret_is_told_without_its_content(solo):
    (change,) = difference(solo, with_changed(solo, "/etc/mastodon/web.env", text="SECRET=hush\n")).files

    assert change.is_secret
    assert change.lines() == ()
    assert "hush" not in repr(change)


def test_a_file_that_stops_being_secret_still_hides_what_it_was(solo):
    old = solo.file("/etc/mastodon/web.env")
    files = tuple(replace(file, is_secret=False, content="open\n") if file == old else file for file in solo.files)

    (change,) = difference(solo, replace(solo, files=files)).files

    assert change.lines() == ()


def test_another_mode_or_owner_alone_is_a_change(solo):
    old = solo.file("/etc/nftables.conf")
    files = tuple(replace(file, mode=0o600) if file == old else file for file in solo.files)

    (change,) = difference(solo, replace(solo, files=files)).files

    assert change.access == ("0755 root:root", "0600 root:root")
    assert change.lines() == ()


def test_how_a_file_travels_is_no_change_on_the_machine(solo):
    files = tuple(replace(file, part=Part.BOOT) for file in solo.files)

    assert not difference(solo, replace(solo, files=files))


def test_units_act_after_what_they_are_ordered_after(solo):
    new = with_changed(
        solo, "postgres-roles.service", "postgres/10-tuning", "17/main/conf.d/20-server", "redis-exporter@.service",
        "redis-server@.service.d", "postgres-cluster.service",
    )  # fmt: skip

    told = [unit for _, unit in acts(solo, new)]

    assert told.index("postgresql@17-main.service") < told.index("mastodon-postgres-roles.service")
    for name in ("queue", "cache"):
        before, after = f"redis-server@{name}.service", f"mastodon-redis-exporter@{name}.service"
        if before in told and after in told:
            assert told.index(before) < told.index(after)
    assert len(told) == len(set(told))


def test_order_follows_chains_through_units_that_do_not_change(solo):
    chain = tuple(
        a_file(f"{UNITS}/{name}.service", content=f"[Unit]\n{order}\n", need=Need(Action.RESTART, f"{name}.service"))
        for name, order in (("a", "After=b.service"), ("b", "After=c.service"), ("c", "Before=b.service"))
    )
    old = replace(solo, files=(*solo.files, *chain))

    assert acts(old, with_changed(old, f"{UNITS}/a.", f"{UNITS}/c.")) == [
        (Verb.RESTART, "c.service"),
        (Verb.RESTART, "a.service"),
    ]


def test_a_reboot_stands_alone(solo):
    new = with_changed(solo, "/etc/nginx/nginx.conf")
    kernel = a_file("/etc/default/kernel", need=Need(Action.REBOOT))

    (act,) = difference(solo, replace(new, files=(*new.files, kernel))).acts

    assert (act.verb, act.unit, act.because) == (Verb.REBOOT, "", ("/etc/default/kernel",))


def test_what_comes_starts_and_what_goes_stops_instead_of_restarting(solo):
    unit = a_file(f"{UNITS}/one.service", content="[Unit]\n", need=Need(Action.RESTART, "one.service"))
    more = replace(solo, files=(*solo.files, unit), units=(*solo.units, BundleUnit("one.service", UnitState.STARTED)))

    assert acts(solo, more) == [(Verb.START, "one.service")]
    assert acts(more, solo) == [(Verb.STOP, "one.service")]


def test_a_need_of_all_instances_names_each(planned):
    plan = planned("large")
    node = next(one for one in plan.nodes if len(one.sidekiq) > 1)
    made = bundle(plan, node, Wiring.placeholder(plan))

    told = acts(made, with_changed(made, "/etc/mastodon/sidekiq.env"))

    assert len(told) > 1
    assert all(verb is Verb.RESTART and unit.startswith("mastodon-sidekiq-") for verb, unit in told)
    assert not any("*" in unit for _, unit in told)


def test_packages_logins_and_folders_are_told(solo):
    new = replace(
        solo,
        packages=(*solo.packages, "tor"),
        users=(BundleUser("bob", ("sudo",)),),
        directories=solo.directories[1:],
    )

    found = difference(solo, new)

    assert found.packages.added == ("tor",)
    assert [user.name for user in (*found.users.added, *found.users.removed)] == ["bob", "alice"]
    assert found.directories.removed == solo.directories[:1]


def test_every_need_of_every_stack_is_an_act_on_a_unit_without_a_star(plan):
    for node in plan.nodes:
        made = bundle(plan, node, Wiring.placeholder(plan))
        for file in made.files:
            if file.needs.unit:
                told = acts(made, with_changed(made, file.path))
                assert told, file.path
                assert all("*" not in unit and "@." not in unit for _, unit in told), file.path
