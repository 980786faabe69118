"""What up says at its end."""

import pytest

from mastodon_infra.cli.up import those_waiting

WANTED = {"web-1": "new", "web-2": "new", "redis-1": "same"}


@pytest.mark.parametrize(
    ("told", "changed", "waiting"),
    [
        # Nobody lets us look: what this run has changed.
        ({}, ["web-1"], ["web-1"]),
        # An earlier run has left something to do, and this one changed nothing.
        ({"web-1": "new", "web-2": "old", "redis-1": "same"}, [], ["web-2"]),
        # One that is away counts by what this run has changed.
        ({"web-1": "old"}, ["web-1", "web-2"], ["web-1", "web-2"]),
        # Somebody was quicker.
        ({"web-1": "new"}, ["web-1"], []),
    ],
)
def test_machines_that_wait_are_those_that_hold_something_else(told, changed, waiting):
    assert those_waiting(WANTED, WANTED, told, changed) == waiting
