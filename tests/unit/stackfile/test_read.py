import functools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.errors import MastodonInfraError, SpecError, StackFileError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.stackfile import read
from mastodon_infra.stackfile.read import parse_stack, read_stack
from mastodon_infra.stackfile.shape import root
from mastodon_infra.stackfile.specimens import specimen
from mastodon_infra.stackfile.verdict import spec_from

KEY = str(specimen("ssh_keys", None)[0])
TEXT = f"""config:
  mastodon-infra:instance:
    domain: social.example
    region: au-mel
    size: small
    owner:
      username: admin
      email: admin@social.example
    administrators:
      - name: alice
        ssh_keys:
          - {KEY}
    mail: none
"""


def refuse(*_):
    raise PermissionError(13, "Permission denied")


def problems_of(text):
    with pytest.raises(StackFileError) as caught:
        parse_stack(text, name="stack.yaml")
    return caught.value.problems


def test_a_path_is_located_at_its_line_or_at_its_nearest_written_parent():
    stack = parse_stack(TEXT, name="stack.yaml")
    assert stack.locate(("owner", "email")) == "stack.yaml:8"
    assert stack.locate(("administrators", 0, "ssh_keys", 0)) == "stack.yaml:12"
    assert stack.locate(("owner", "nothing", "there")) == "stack.yaml:6"
    assert stack.locate(("edge", "dns")) == "stack.yaml:2"
    assert stack.locate(()) == "stack.yaml:2"


@pytest.mark.parametrize("text", [TEXT.replace("\n", "\r\n"), f"\ufeff{TEXT}", TEXT.rstrip("\n"), f"---\n{TEXT}...\n"])
def test_line_endings_a_byte_order_mark_and_document_marks_change_nothing(text):
    assert parse_stack(text, name="x").spec == parse_stack(TEXT, name="x").spec


def test_the_same_data_without_a_file_gives_the_same_spec():
    stack = parse_stack(TEXT, name="x")
    data = stack.document.data
    assert spec_from(json.loads(json.dumps(data["config"]["mastodon-infra:instance"]))) == stack.spec


@pytest.mark.parametrize("data", [None, "text", 3, [], {}, {"domain": 3}])
def test_data_that_is_no_instance_is_a_spec_error_with_paths(data):
    with pytest.raises(SpecError) as caught:
        spec_from(data)
    assert all(not problem.where for problem in caught.value.problems)


class TestFiles:
    def test_an_absent_file_names_the_nearest_one(self, tmp_path):
        (tmp_path / "Pulumi.aus.yaml").write_text(TEXT)
        with pytest.raises(StackFileError, match=r"did you mean .*Pulumi\.aus\.yaml"):
            read_stack(tmp_path / "Pulumi.asu.yaml")

    def test_an_absent_file_without_a_near_one_says_how_to_write_it(self, tmp_path):
        with pytest.raises(StackFileError, match="mastodon-infra new aus writes one"):
            read_stack(tmp_path / "nowhere" / "Pulumi.aus.yaml")

    def test_a_folder_is_not_a_stack_file(self, tmp_path):
        with pytest.raises(StackFileError, match="this is a folder"):
            read_stack(tmp_path)

    def test_a_file_that_may_not_be_read_says_so(self, tmp_path, monkeypatch):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_text(TEXT)
        monkeypatch.setattr(type(path), "read_bytes", refuse)
        with pytest.raises(StackFileError, match="may not be read"):
            read_stack(path)

    def test_a_file_in_another_encoding_names_the_line(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_bytes(TEXT.encode() + "# Gr\u00fc\u00dfe\n".encode("latin-1"))
        with pytest.raises(StackFileError, match=r":14\n.*not UTF-8"):
            read_stack(path)

    def test_a_file_in_utf_16_says_so(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_bytes(TEXT.encode("utf-16"))
        with pytest.raises(StackFileError, match="UTF-16"):
            read_stack(path)

    def test_a_huge_file_is_not_parsed(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_bytes(b"#" * (read.LARGEST_BYTES + 1))
        with pytest.raises(StackFileError, match=r"1,048,577 bytes"):
            read_stack(path)

    def test_a_sound_file_is_named_as_it_was_given(self, tmp_path):
        path = tmp_path / "Pulumi.aus.yaml"
        path.write_text(TEXT)
        assert read_stack(path).name == str(path)


class TestHostileText:
    def test_a_tower_of_aliases_is_refused_quickly(self):
        tower = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        tower += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
        assert any(
            "values" in problem.message for problem in problems_of(f"{TEXT}x:\n  " + tower.replace("\n", "\n  "))
        )

    def test_deep_nesting_is_refused(self):
        assert "nested too deep" in problems_of(TEXT + "x: " + "[" * 5000 + "]" * 5000)[0].message

    def test_a_number_of_thousands_of_digits_is_text(self):
        problem = problems_of(TEXT.replace("size: small", f"expected_monthly_active_users: {'9' * 9000}"))[0]
        assert len(problem.message) < 150

    @pytest.mark.parametrize("value", ["!!python/object:os.system x", "!!binary aGk=", "!!set {a}"])
    def test_tags_build_nothing(self, value):
        assert any("tag" in problem.message for problem in problems_of(TEXT.replace("social.example", value, 1)))


class TestEverythingInOneRun:
    def test_laws_are_judged_although_the_structure_is_broken(self):
        text = f"{TEXT}    backups: {{enabled: false}}\n    web_domain: other.example\n    search: 3\n"
        assert [problem.dotted for problem in problems_of(text)] == ["backups.enabled", "web_domain", "search"]

    def test_a_law_is_not_broken_by_what_stands_in_for_a_missing_value(self):
        text = TEXT.replace("    domain: social.example\n", "    web_domain: social.other.example\n")
        assert [problem.message for problem in problems_of(text)] == ["the key domain is missing"]

    def test_a_value_under_a_mistyped_key_is_read_where_it_belongs(self):
        text = TEXT.replace("domain:", "domian:") + "    web_domain: other.example\n"
        assert [problem.dotted for problem in problems_of(text)] == ["domian", "web_domain"]

    def test_a_disputed_number_is_spoken_of_once(self):
        problems = problems_of(TEXT.replace("size: small", "expected_monthly_active_users: 0750"))
        assert [problem.where for problem in problems] == ["stack.yaml:5"]

    def test_problems_come_in_the_order_of_their_lines(self):
        lines = [
            problem.where for problem in problems_of(f"x: 1\n{TEXT.replace('small', 'smal')}    wbe: 1\nlate: 2\n")
        ]
        assert lines == ["stack.yaml:1", "stack.yaml:6", "stack.yaml:15", "stack.yaml:16"]


class TestSecretsAreNeverShown:
    @pytest.mark.parametrize(
        "line",
        [
            "    password: hunter2",
            "    nodes: {api_token: hunter2}",
            "    alerts: {webhook_url: hunter2}",
            "    mail_passphrase: {a: hunter2}",
            "    sidekiq: {units: {private-key: hunter2}}",
            "    unheard_of: hunter2",
            "    edge: {secure: hunter2}",
            "    mastodon: {secret_key_base: [hunter2]}",
            "  mastodon-infra:smtpPassword: hunter2",
            "  linode:token: hunter2",
            "apiToken: hunter2",
        ],
    )
    def test_no_message_holds_the_value(self, line):
        problems = problems_of(f"{TEXT}{line}\n")
        assert "hunter2" not in str([problem.lines() for problem in problems])

    def test_the_hint_names_the_sibling_key(self):
        problems = problems_of(TEXT.replace("mail: none", "mail: {provider: smtp, host: a.example, smtp_password: x}"))
        assert any("pulumi config set --secret mastodon-infra:smtpPassword" in problem.hint for problem in problems)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["none", "web", "postgres", "default", "scheduler", "small", "0.0.0.0/0", "social.example", KEY]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=6,
)


@st.composite
def grown(draw, shape):
    """Data that mostly has the model's own keys and words, with arbitrary values among them."""
    kind = draw(st.sampled_from(["tree", "group", "group", "word"]))
    known = shape.keys(None) or {}
    if kind == "group" and known:
        chosen = draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=4))
        return {key: draw(grown(known[key])) for key in chosen}
    free = shape.below("any", None) if shape.is_group and not known else None
    if kind == "group" and free:
        names = draw(st.lists(st.sampled_from(["web", "a", "B_", "default", "api_token"]), unique=True, max_size=2))
        return {name: draw(grown(free)) for name in names}
    items = shape.below(0, None)
    if kind == "group" and items:
        return [draw(grown(items)) for _ in range(draw(st.integers(0, 2)))]
    if kind == "word" and shape.words:
        return draw(st.sampled_from(shape.words))
    return draw(TREES)


def said_about(act, data):
    """The spec, or the errors that an operator would read; anything else that is raised is a crash."""
    try:
        return act(data), None
    except MastodonInfraError as error:
        return None, error


@given(data=grown(root()))
def test_any_data_gives_a_spec_or_problems_and_never_a_crash(data):
    spec, error = said_about(spec_from, data)
    assert isinstance(spec, InstanceSpec) or error.problems
    assert "Input should be" not in str(error)


@given(at=st.integers(0, len(TEXT)), cut=st.integers(0, 12), put=st.text(max_size=6))
def test_any_damage_to_a_file_is_a_located_problem_or_another_spec(at, cut, put):
    stack, error = said_about(functools.partial(parse_stack, name="stack.yaml"), TEXT[:at] + put + TEXT[at + cut :])
    assert stack or all(problem.where.startswith("stack.yaml") for problem in error.problems)


@given(text=st.text(alphabet="abc:-[]{}&*!|>'\"%@`#,? \n\t\r\ufeff0x.", max_size=60))
def test_any_text_is_a_located_problem(text):
    with pytest.raises(StackFileError):
        parse_stack(text, name="stack.yaml")
