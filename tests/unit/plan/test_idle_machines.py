"""A sidekiq group with more machines than processes: what is left over is told, and still gets its files."""

from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.wiring import Wiring
from tests.unit.plan.specs import plan_of

PLACEMENT = {
    "web": {"roles": ["web", "streaming"]},
    "jobs": {"roles": ["sidekiq"], "count": 4},
    "data": {"roles": ["postgres", "redis", "monitoring"]},
}


def test_machines_without_a_process_are_named_and_get_no_sidekiq():
    plan = plan_of(size="solo", nodes=PLACEMENT)
    idle = [node for node in plan.nodes if node.group == "jobs" and not node.sidekiq]

    assert idle
    note = next(note for note in plan.notes if note.name == "idle-jobs")
    assert all(node.name in note.text for node in idle)
    for node in idle:
        paths = [file.path for file in bundle(plan, node, Wiring.placeholder(plan)).files]
        assert not [path for path in paths if "mastodon-sidekiq" in path]
        assert not [target for target in plan.monitoring.targets if (target.job, target.node) == ("sidekiq", node.name)]
