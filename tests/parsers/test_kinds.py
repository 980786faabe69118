"""The table of kinds covers whatever a bundle has, and is shown to whoever runs the tests."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.parsers import root
from tests.parsers.cases import every_place
from tests.parsers.kinds import KINDS, PLAIN_TEXT, kind_of, table
from tests.parsers.places import files_of
from tests.parsers.root import ENVIRONMENT, privilege

PAGE = Path(__file__).parents[2] / "docs/explanation/parser-checks.md"


def test_every_artefact_has_a_parser_or_a_reason(capfd):
    counts: Counter[str] = Counter()
    unknown = set()
    for place in every_place():
        for file in files_of(place):
            kind = kind_of(file.path)
            if kind:
                counts[kind.name] += 1
            elif file.path not in PLAIN_TEXT:
                unknown.add(file.path)
    with capfd.disabled():
        sys.stderr.write(f"\n{table(counts)}\n\n  {_outlook()}\n\n")

    assert not unknown, "give each a kind in tests/parsers/kinds.py, or a reason in PLAIN_TEXT"


def _outlook() -> str:
    """Whether the parsers run at all; on a build server nothing is ever skipped for want of a right or a tool."""
    if privilege() is None:
        return "parsers not run: they need root" + (", which fails here" if ENVIRONMENT.get("CI") else "")
    return f"{len(KINDS)} kinds, each read whole and once broken on purpose; none is skipped"


def test_the_table_fits_80_columns_and_has_every_kind():
    lines = table({}).splitlines()

    assert max(map(len, lines)) <= 80
    assert [kind.name for kind in KINDS if not any(line.startswith(f"  {kind.name} ") for line in lines)] == []


@pytest.mark.parametrize(("environment", "outcome"), [({"CI": "true"}, "Failed"), ({}, "Skipped")])
def test_what_cannot_run_fails_on_a_build_server_and_is_said_elsewhere(monkeypatch, environment, outcome):
    monkeypatch.setattr(root, "ENVIRONMENT", environment)

    with pytest.raises(BaseException, match="parser checks not run: no root") as told:
        root.cannot("no root")

    assert told.typename == outcome


def test_every_kind_is_seen_in_a_bundle_or_has_a_sample():
    seen = {kind_of(file.path) for place in every_place() for file in files_of(place)}

    assert [kind.name for kind in KINDS if kind not in seen and not kind.sample] == []


def test_the_page_has_the_table():
    page = PAGE.read_text(encoding="utf-8")

    assert [kind.name for kind in KINDS if f"| {kind.name} | {kind.parser} |" not in page] == []
