"""What the days happen to, and what its plan says. Pure."""

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from tests.parsers.cases import SMALLEST

INSTANCE = {
    "size": "medium",
    "nodes": {
        "web": {"roles": ["web", "streaming"], "count": 2, "machine_type": "g6-standard-2"},
        "sidekiq": {"roles": ["sidekiq"], "count": 2, "machine_type": "g6-standard-2"},
        "postgres": {"roles": ["postgres"], "machine_type": "g6-standard-2"},
        "redis": {"roles": ["redis"], "machine_type": "g6-standard-1"},
        "monitoring": {"roles": ["monitoring"], "machine_type": "g6-standard-1"},
    },
}
"""What they happen to: every role on machines of its own, two web nodes behind a balancer, two of sidekiq."""


def threads_of(node):
    """How many jobs a node works at once: so many are lost with it, at most."""
    plan = plan_instance(InstanceSpec.model_validate(SMALLEST | INSTANCE))
    return sum(process.concurrency for process in plan.node(node).sidekiq)
