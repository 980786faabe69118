"""What a local cloud tells about what was done in it, and what the table of kinds makes of that."""

import pytest

from mastodon_infra.rehearsal.world import Event
from tests.engine.exercised import exercised, kinds, table

URN = "urn:pulumi:trial::mastodon-infra::mastodon:instance:MastodonInstance${}::first"
VOLUME, KEY = "linode:index/volume:Volume", "tls:index/privateKey:PrivateKey"
FIREWALL = "linode:index/firewall:Firewall"


def test_journal_keeps_the_order(world):
    events = [Event(7, "create", "urn:one"), Event(7, "delete", "urn:two"), Event(8, "update", "urn:one")]
    for event in events:
        world.remember(event)

    assert list(world.journal()) == events


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (["create"], {"created"}),
        (["create", "update"], {"created", "updated in place"}),
        (["create", "delete"], {"created", "deleted"}),
        (["create", "delete create"], {"created", "replaced"}),
        (["create", "create delete"], {"created", "replaced"}),
        (["create", "create"], {"created", "replaced"}),
        (["create", "delete", "create"], {"created", "deleted"}),
    ],
)
def test_replacing_is_told_from_making_and_deleting(runs, words):
    events = [
        Event(number, operation, URN.format(VOLUME)) for number, run in enumerate(runs) for operation in run.split()
    ]

    assert exercised(events) == {(VOLUME, word) for word in words}


def test_table_shows_gaps_and_what_a_kind_never_does():
    rows = [kind for kind in kinds() if kind.token in {VOLUME, KEY, FIREWALL}]

    lines = list(
        table(rows, {(VOLUME, "created"), (VOLUME, "deleted"), (KEY, "created")}, {VOLUME: {"label", "region"}})
    )

    assert lines[1].split() == ["linode", "Volume", "yes", "GAP", "GAP", "yes"]
    assert lines[2].split() == ["tls", "PrivateKey", "yes", "-", "GAP", "GAP"]
    assert lines[3].startswith("4 gaps")
    assert lines[4:] == ["made by no test: linode Firewall"]
