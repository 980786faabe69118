"""The generated pages are current, and say something about every key and every fact."""

from pathlib import Path

import pytest

from mastodon_infra.catalog.facts import all_rows
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.report.reference import facts_page, stack_file_page

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize(("name", "page"), [("stack-file.md", stack_file_page), ("facts.md", facts_page)])
def test_page_in_docs_is_what_the_code_says(name, page):
    assert (REFERENCE / name).read_text(encoding="utf-8") == page(), "run: make schema"


def test_every_key_of_the_instance_is_explained():
    page = stack_file_page()
    for name in InstanceSpec.model_fields:
        assert f"| `{name}` |" in page


def test_every_fact_is_listed_once():
    page = facts_page()
    assert page.count("\n| `") == len(all_rows())
