"""Every artefact of every kind of node is read, in its place on a machine, by the program that will read it."""

import pytest

from tests.parsers.cases import first_of_each_group
from tests.parsers.kinds import KINDS, of_kind
from tests.parsers.places import files_of


@pytest.mark.parametrize("place", [*first_of_each_group()], ids=str)
def test_each_artefact_is_read_by_its_parser(place, machine_tree, subtests):
    tree = machine_tree(place)

    for kind in KINDS:
        if found := of_kind(kind, files_of(place)):
            with subtests.test(kind.name):
                kind.check(tree, found)
