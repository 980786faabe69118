"""All twelve, in their order."""

from tests.machines.bad_days import days_1_to_6, days_7_to_12

DAYS = tuple(sorted((*days_1_to_6.DAYS, *days_7_to_12.DAYS), key=lambda day: day.number))

ALWAYS = frozenset({1, 3, 4, 6})
"""The days that ``make test-machines`` lives through; the others take longer, and come with ``make bad-days``."""

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
