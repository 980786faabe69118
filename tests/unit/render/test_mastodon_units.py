"""Mastodon's own units: what a container may do, how it ends, and what runs on one node only."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.naming import service_host
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import Action, Need
from mastodon_infra.render.difference import Verb, difference, unit_of
from mastodon_infra.render.wiring import Wiring
from tests.unit.render.conftest import MINIMUM

CONTAINERS = "/etc/containers/systemd/"
BOOT_SECONDS = 150
"""How long Puma may take until it answers, by the official chart."""


def bundles_of(plan):
    wiring = Wiring.placeholder(plan)
    return {node.name: bundle(plan, node, wiring) for node in plan.nodes}


def containers(plan):
    """Every container of the plan: its node's plan, its path, and its lines by name."""
    for name, made in bundles_of(plan).items():
        for file in made.files:
            if file.path.startswith(CONTAINERS):
                yield plan.node(name), file.path, settings(file.content)


def settings(text):
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_no_container_may_more_than_it_needs(plan):
    for _, path, said in containers(plan):
        assert said["DropCapability"] == ["all"], path
        assert said["NoNewPrivileges"] == ["true"], path
        assert said["ReadOnly"] == ["true"], path
        assert said["User"] == said["Group"] == ["991"], path
        assert "AddCapability" not in said, path


def test_every_container_is_held_to_the_plan_s_limit_and_cannot_fill_the_journal(plan):
    for node, path, said in containers(plan):
        name = re.sub(rf"{CONTAINERS}mastodon-(.*?)(-[a-z]+-\d+)?(@)?\.container", r"\1", path)
        limit = node.memory.limit({"web": "puma", "web-metrics": "puma-metrics"}.get(name, name))
        assert said["MemoryMax"] == [f"{limit.most.value}M"], path
        assert said["MemoryHigh"] == [f"{limit.high.value}M"], path
        assert said["MemorySwapMax"] == [f"{limit.swap.value}M"], path
        assert said["Slice"] == ["mastodon.slice"], path
        assert said["LogDriver"] == ["passthrough"], path
        assert int(said["LogRateLimitBurst"][0]) == plan.mastodon.containers.log_lines.value


def test_what_may_grow_shares_one_limit_on_its_machine(plan):
    for name, made in bundles_of(plan).items():
        slices = [settings(file.content).get("Slice", ["system.slice"])[0] for file in made.files if file.defines_units]
        group = plan.node(name).memory.group_most
        if group is None:
            assert "mastodon.slice" not in slices, name
        else:
            held = settings(made.file("/etc/systemd/system/mastodon.slice").content)
            assert held["MemoryMax"] == [f"{group.value}M"], name
            assert "mastodon.slice" in slices, name


def test_images_are_there_before_anything_that_needs_them_starts(plan):
    for name, made in bundles_of(plan).items():
        wanted = {said["Image"][0] for node, _, said in containers(plan) if node.name == name}
        if not wanted:
            continue
        script = made.file("/usr/local/lib/mastodon-infra/pull-images").content
        assert wanted <= set(re.findall(r"'([^']+)'", script)), name
        schema = settings(made.file("/etc/systemd/system/mastodon-schema.service").content)
        assert "mastodon-images.service" in schema["After"][0].split()
        assert "mastodon-images.service" in schema["Wants"][0].split()


def test_an_image_is_pinned_by_its_digest_where_one_is_given(planned):
    digests = {"image_digest": f"sha256:{'a' * 64}", "streaming_image_digest": f"sha256:{'b' * 64}"}
    plan = planned(mastodon={"version": "v4.7.4", **digests})
    images = {said["Image"][0] for _, _, said in containers(plan)}
    assert {image.partition("@")[2] for image in images} == set(digests.values())
    assert all(":v4.7.4@" in image for image in images)


def test_sidekiq_drains_then_gives_back_then_is_killed(plan):
    for _, path, said in containers(plan):
        if "sidekiq" not in path:
            continue
        name = said["ContainerName"][0]
        assert said["ExecStop"] == [f"-/usr/local/lib/mastodon-infra/drain-sidekiq {name}"]
        gives_back = int(said["Exec"][0].partition("-t ")[2].split()[0])
        drain = plan.mastodon.sidekiq_stop.drain_seconds.value
        container, unit = int(said["StopTimeout"][0]), int(said["TimeoutStopSec"][0])
        assert 25 <= gives_back < container
        assert drain + container < unit


def test_the_scheduler_is_one_unit_of_one_node(plan):
    with_it = [
        (node.name, path)
        for node, path, said in containers(plan)
        if "sidekiq" in path and re.search(rf"-q {Queue.SCHEDULER}\b", said["Exec"][0])
    ]
    assert len(with_it) == 1, with_it


@pytest.mark.parametrize(
    "fields",
    [
        {
            "nodes": {
                "web": {"roles": ["web", "streaming"], "count": 2},
                "busy": {"roles": ["sidekiq"]},
                "quiet": {"roles": ["sidekiq"], "address_block": 1},
                "data": {"roles": ["postgres", "redis", "monitoring"]},
            }
        },
        {
            "nodes": {
                "web": {"roles": ["web", "streaming"]},
                "busy": {"roles": ["sidekiq"], "count": 2},
                "data": {"roles": ["postgres", "redis", "monitoring"]},
            },
            "sidekiq": {
                "units": {
                    "clock": {"queues": ["scheduler"], "concurrency": 5},
                    "rest": {
                        "queues": ["default", "push", "ingress", "mailers", "pull", "fasp"],
                        "concurrency": 10,
                        "processes": 3,
                    },
                }
            },
        },
    ],
    ids=["two groups of sidekiq", "units of one's own"],
)
def test_the_scheduler_is_one_unit_in_placements_of_one_s_own(planned, fields):
    test_the_scheduler_is_one_unit_of_one_node(planned(**fields))


def test_maintenance_runs_on_the_leader_only(plan):
    for name, made in bundles_of(plan).items():
        timers = {unit.name for unit in made.units if "maintenance" in unit.name}
        expected = {"media", "profiles", "preview-cards"} if name == plan.leader else set()
        assert timers == {f"mastodon-maintenance-{task}.timer" for task in expected}, name
        assert any("maintenance" in file.path for file in made.files) == bool(expected), name


def test_maintenance_keeps_what_the_operator_says(planned):
    plan = planned(mastodon={"remote_media_retention_days": 30, "preview_card_retention_days": 90})
    script = bundles_of(plan)[plan.leader].file("/usr/local/lib/mastodon-infra/maintenance").content
    assert "media) command=(bin/tootctl media remove --days 30)" in script
    assert "profiles) command=(bin/tootctl media remove --prune-profiles --days 30)" in script
    assert "preview-cards) command=(bin/tootctl preview_cards remove --days 90)" in script


def test_the_nightly_restart_is_there_where_it_is_asked_for_only(planned):
    for is_asked in (False, True):
        plan = planned(mastodon={"restart_nightly": is_asked}, size="medium")
        for name, made in bundles_of(plan).items():
            node = plan.node(name)
            has_timer = any(unit.name == "mastodon-restart.timer" for unit in made.units)
            assert has_timer == (is_asked and bool(node.web or node.sidekiq)), name
            if has_timer:
                script = made.file("/usr/local/lib/mastodon-infra/restart-mastodon").content
                units = set(re.findall(r"'([^']+)'", script))
                wanted = {f"mastodon-sidekiq-{process.name}.service" for process in node.sidekiq}
                assert units == wanted | ({"mastodon-web.service"} if node.web else set())


@pytest.mark.parametrize("size", ["solo", "large", "xlarge"])
def test_at_night_one_machine_restarts_at_a_time_and_is_back_before_the_next(planned, size):
    plan = planned(mastodon={"restart_nightly": True}, size=size)
    times = {}
    for name, made in bundles_of(plan).items():
        if plan.node(name).web or plan.node(name).sidekiq:
            timer = settings(made.file("/etc/systemd/system/mastodon-restart.timer").content)
            assert "RandomizedDelaySec" not in timer
            found = re.fullmatch(r"\*-\*-\* (\d\d):(\d\d):00 UTC", timer["OnCalendar"][0])
            assert found
            times[name] = int(found[1]) * 60 + int(found[2])
    away = plan.mastodon.containers.puma_unit_stop_seconds.value + BOOT_SECONDS
    ordered = sorted(times.values())
    assert ordered[0] == 2 * 60 + 30
    assert all(later - earlier > away / 60 for earlier, later in pairwise(ordered))


def test_with_very_many_machines_the_nights_last_until_the_next_day(planned):
    maintenance = planned().mastodon.maintenance
    assert maintenance.restart_time(129) == "*-*-* 00:00:00 UTC"
    assert len({maintenance.restart_time(place) for place in range(144)}) == 144


def test_no_command_prints_a_password_into_the_journal(planned):
    """Podman writes what a container says into the journal, unless it is told not to."""
    plan = planned()
    for file in bundles_of(plan)[plan.leader].files:
        if "podman run" in file.content:
            runs = re.findall(r"podman run(?:\\\n|[^\n])*", file.content)
            assert all("--log-driver=none" in run for run in runs), file.path


def planned(**more):
    return plan_instance(InstanceSpec.model_validate({**MINIMUM, "size": "large", **more}))


def restarted(old, new):
    """The units that restart on each node that both plans have, where one takes the other's place."""
    before = bundles_of(old)
    return {
        name: [act.unit for act in difference(before[name], made).acts if act.verb is Verb.RESTART]
        for name, made in bundles_of(new).items()
        if name in before
    }


def test_whoever_holds_a_copy_of_a_store_s_address_starts_anew_when_the_store_moves():
    plan = planned()
    name = service_host("redis")
    hosts = tuple(replace(one, address="10.64.80.9") if one.name == name else one for one in plan.network.hosts)

    found = restarted(plan, replace(plan, network=replace(plan.network, hosts=hosts)))

    assert {"mastodon-web.service", "mastodon-streaming@4000.service"} <= set(found["web-1"])
    assert [unit for unit in found["sidekiq-1"] if unit.startswith("mastodon-sidekiq-")]


def test_another_web_node_tells_no_container_of_the_others_anything():
    def told(plan):
        return {
            (name, file.path): file.content
            for name, made in bundles_of(plan).items()
            for file in made.files
            if file.path.startswith(CONTAINERS)
        }

    before, after = told(planned()), told(planned(nodes={"web": {"count": 4}}))

    assert {at: after[at] for at in before} == before
    assert ("web-4", f"{CONTAINERS}mastodon-web.container") in after


def test_other_options_of_a_volume_are_taken_in_by_mounting_it_anew():
    """And so they wait for leave, as all that interrupts what holds data."""
    mounts = [file for made in bundles_of(planned()).values() for file in made.files if file.path.endswith(".mount")]

    assert mounts
    assert {file.needs for file in mounts} == {Need(Action.RESTART, unit_of(file.path)) for file in mounts}
