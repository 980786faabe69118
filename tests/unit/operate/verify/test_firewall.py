"""What diff says of two listings by nft, and what it means."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.verify.firewall import judge_rules
from mastodon_infra.operate.verify.questions import Said

CLOSED_BY_HAND = """\
12d11
<                 ip saddr 0.0.0.0/0 tcp dport 443 accept
"""


@pytest.mark.parametrize(
    ("said", "outcome", "seen"),
    [
        (Said(0, "", ""), "ok", "the planned ones"),
        (Said(4, "", ""), "failed", "no rules are loaded"),
        (Said(1, CLOSED_BY_HAND, ""), "failed", "1 rules differ, the first: ip saddr 0.0.0.0/0 tcp dport 443 accept"),
        (Said(3, "", "unshare: unshare failed: Operation not permitted"), "failed", "Operation not permitted"),
        (Said(1, "", "bash: diff: command not found"), "failed", "diff: command not found"),
    ],
    ids=["the same", "flushed", "a rule is gone", "no namespace", "no program"],
)
def test_rules_of_the_kernel(said, outcome, seen):
    (check,) = judge_rules("web-1", said)
    assert check.outcome.value == outcome
    assert seen in check.seen
