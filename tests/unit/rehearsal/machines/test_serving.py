"""When a rehearsed instance has served its first visitor."""

from itertools import count

from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from mastodon_infra.rehearsal.machines.serving import FirstService


def service(*statuses):
    """Answers in turn, the last of them for ever; each look at the clock is a second later."""
    left = list(statuses)
    ticks = count(100)
    return FirstService(
        lambda: left.pop(0) if len(left) > 1 else left[0], clock=lambda: float(next(ticks)), every_seconds=0.001
    )


def test_it_is_the_first_answer_that_is_well():
    found = service(0, 502, 200)
    with found:
        assert wait_until(lambda: found.seconds is not None, seconds=10)
    assert found.seconds == 1


def test_nobody_was_served():
    found = service(503)
    with found:
        pass
    assert found.seconds is None
