from decimal import Decimal

import pytest
from jinja2 import DictLoader, StrictUndefined

from mastodon_infra.catalog.sources import JUDGEMENT
from mastodon_infra.errors import TemplateError
from mastodon_infra.plan.decided import Decided
from mastodon_infra.render import environment


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch):
    """Render a text as if it were a template."""

    def render(text: str, **context: object) -> str:
        ours = environment._environment()
        monkeypatch.setattr(ours, "loader", DictLoader({"a.j2": text}))
        monkeypatch.setattr(ours, "cache", None)
        return environment.render("a.j2", context)

    return render


@pytest.mark.parametrize(
    "value",
    [True, None, ("a",), 1.5, Decided(3, "a rule", JUDGEMENT)],
    ids=["switch", "none", "tuple", "float", "decided"],
)
def test_what_is_printed_only_by_accident_is_refused(write, value):
    with pytest.raises(TemplateError, match="a template prints"):
        write("{{ value }}", value=value)


def test_words_numbers_and_decimals_are_printed(write):
    assert write("{{ a }} {{ b }} {{ c }}\n", a="x", b=3, c=Decimal("0.9")) == "x 3 0.9\n"


def test_a_misspelt_name_is_an_error_that_names_it(write):
    with pytest.raises(TemplateError, match="'shared_bufers' is undefined"):
        write("shared_buffers = {{ shared_bufers }}")


def test_the_environment_is_strict():
    assert environment._environment().undefined is StrictUndefined


@pytest.mark.parametrize("value", ["a b", "it's", "$(reboot)", '"; rm', "a\nb"])
def test_shell_words_stay_one_word(value):
    import shlex

    assert shlex.split(environment.as_shell_word(value)) == [value]


def test_sql_texts_double_their_quotes():
    assert environment.as_sql_text("o'clock; DROP") == "'o''clock; DROP'"
