"""The table of kinds covers whatever a bundle has, and is shown to whoever runs the tests."""

import sys
from collections import Counter
from pathlib import Path

from tests.parsers.cases import every_place
from tests.parsers.kinds import KINDS, PLAIN_TEXT, kind_of, table
from tests.parsers.places import files_of

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
        sys.stderr.write(f"\n{table(counts)}\n\n")

    assert not unknown, "give each a kind in tests/parsers/kinds.py, or a reason in PLAIN_TEXT"


def test_every_kind_is_seen_in_a_bundle_or_has_a_sample():
    seen = {kind_of(file.path) for place in every_place() for file in files_of(place)}

    assert [kind.name for kind in KINDS if kind not in seen and not kind.sample] == []


def test_the_page_has_the_table():
    page = PAGE.read_text(encoding="utf-8")

    assert [kind.name for kind in KINDS if f"| {kind.name} | {kind.parser} |" not in page] == []
