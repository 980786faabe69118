import pytest

from mastodon_infra.errors import StackFileError
from mastodon_infra.stackfile.annotate import annotated
from mastodon_infra.stackfile.read import parse_stack

TEXT = """config:
  mastodon-infra:instance:
    domain: social.example
    size: smal
    mail: {provider: smtp, password: "a,b #c", host: x.example}
    password: |
      first line
      second line
    administrators:
      - name: Alice B
        ssh_keys:
          - |
            -----BEGIN OPENSSH PRIVATE KEY (not a real one)
            c2VjcmV0
            -----END
"""


@pytest.fixture
def echo():
    with pytest.raises(StackFileError) as caught:
        parse_stack(TEXT, name="stack.yaml")
    return annotated(TEXT, caught.value.problems)


def test_each_wrong_line_carries_its_marks_and_each_mark_is_explained(echo):
    lines = echo.splitlines()
    marked = next(line for line in lines if line.startswith("    size: smal"))
    mark = marked.rpartition("# ")[2]
    at = lines.index(f"# {mark}: size: 'smal' is not a choice for size")
    assert lines[at + 1].startswith("#     hint: did you mean small?")
    assert lines[0] == "config:"


def test_secrets_and_private_keys_are_not_echoed(echo):
    assert not any(part in echo for part in ("a,b", "#c", "first line", "second line", "c2VjcmV0"))
    assert "- name: Alice B" in echo
