"""The report of ``verify`` in the documentation is of this version: it has every group, as text and as data."""

import json
from pathlib import Path

from mastodon_infra.operate.verify.everything import GROUPS

REPORTS = Path(__file__).parents[3] / "docs/reference"


def test_the_report_has_every_group_and_nothing_failed():
    told = json.loads((REPORTS / "verify-medium.json").read_text(encoding="utf-8"))

    assert list(dict.fromkeys(check["group"] for check in told["checks"])) == list(GROUPS)
    assert {check["outcome"] for check in told["checks"]} <= {"ok", "unproven", "skipped"}


def test_text_and_data_tell_of_the_same_checks():
    text = (REPORTS / "verify-medium.txt").read_text(encoding="utf-8")
    told = json.loads((REPORTS / "verify-medium.json").read_text(encoding="utf-8"))

    words = " ".join(text.split())
    assert [check["name"] for check in told["checks"] if check["name"] not in words] == []
