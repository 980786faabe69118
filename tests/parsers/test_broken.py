"""One artefact of each kind broken on purpose: a check that cannot fail checks nothing."""

import re
from dataclasses import replace
from functools import cache

import pytest

from tests.parsers.cases import Place
from tests.parsers.kinds import KINDS, of_kind
from tests.parsers.machine import Refused
from tests.parsers.places import files_of

PLACES = (
    Place("placed", "front-1"),
    *(Place("medium", node) for node in ("web-1", "sidekiq-1", "postgres-1", "redis-1", "monitoring-1")),
)
"""Nodes that have every kind between them."""


@cache
def place_of(kind):
    """The first node that has artefacts of the kind; the smallest where only the sample is left."""
    return next((place for place in PLACES if of_kind(kind, files_of(place))), PLACES[-1])


@pytest.mark.parametrize(
    "kind", sorted(KINDS, key=lambda kind: PLACES.index(place_of(kind))), ids=lambda kind: kind.name
)
def test_a_good_artefact_passes_and_a_broken_one_does_not(kind, machine_tree):
    place = place_of(kind)
    tree = machine_tree(place)
    files = of_kind(kind, files_of(place)) or kind.samples()
    tree.write(files)
    kind.check(tree, files)

    good = next(file for file in files if re.fullmatch(kind.spoilt, file.path))
    broken = replace(good, content=kind.spoil(good.content))
    try:
        with pytest.raises(Refused) as refused:
            kind.check(tree.changed(broken), tuple(broken if file is good else file for file in files))
    finally:
        tree.write([good])
    assert str(refused.value).strip()
