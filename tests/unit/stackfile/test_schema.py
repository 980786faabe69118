from pathlib import Path

import jsonschema
import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.stackfile import schema
from mastodon_infra.stackfile.document import parse
from mastodon_infra.stackfile.names import looks_secret
from mastodon_infra.stackfile.read import parse_stack
from mastodon_infra.stackfile.shape import Shape, root
from mastodon_infra.stackfile.specimens import specimen

ROOT = Path(__file__).parents[3]
CASES = ROOT / "tests" / "cases"
VALID = sorted((CASES / "valid").glob("*.yaml"))
STRUCTURAL = (
    "count-in-quotes", "count-out-of-bounds", "data-pooler-mistyped", "domain-with-capitals", "everything-missing",
    "file-instance-as-text", "file-instance-empty", "file-instance-forgotten", "group-as-one-value",
    "keys-mistyped", "list-left-empty", "mail-of-an-unknown-provider", "mail-provider-unknown",
    "mail-ses-without-region", "mastodon-version-misshapen", "nodes-role-mistyped", "owner-with-an-at-sign",
    "queues-mistyped", "queues-twice-in-a-unit", "queues-weights-misshapen",
    "secret-beside-the-instance-in-clear", "size-mistyped", "storage-bucket-with-dots", "units-with-odd-names",
)  # fmt: skip
JUDGE = jsonschema.Draft202012Validator(schema.stack_schema())


def data_of(case):
    return parse(case.read_text(encoding="utf-8"), name=case.name).data


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema.stack_schema())


def test_the_file_beside_the_stacks_is_the_schema_of_the_model():
    written = (ROOT / "stacks" / "instance.schema.json").read_text(encoding="utf-8")
    assert written == schema.schema_text(), "run: make schema"


def test_the_text_of_the_schema_is_the_same_every_time():
    assert schema.schema_text() == schema.schema_text()


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.stem)
def test_a_valid_file_fits_the_schema(case):
    JUDGE.validate(data_of(case))


@pytest.mark.parametrize("name", STRUCTURAL)
def test_a_slip_of_structure_shows_in_an_editor(name):
    assert not JUDGE.is_valid(data_of(CASES / "invalid" / f"{name}.yaml"))


def test_the_demo_is_sound_and_fits_the_schema():
    text = (ROOT / "stacks" / "Pulumi.demo.yaml").read_text(encoding="utf-8")
    stack = parse_stack(text, name="Pulumi.demo.yaml")
    assert stack.spec.disposable
    JUDGE.validate(stack.document.data)


def shapes(shape: Shape, path: tuple[str | int, ...] = ()):
    """Every shape of the instance with its path; names that an operator chooses are written as ``any``."""
    yield path, shape
    known = shape.keys(None) or {}
    for key, below in known.items():
        yield from shapes(below, (*path, key))
    for part in (0, "any"):
        further = None if known and part == "any" else shape.below(part, None)
        if further is not None:
            yield from shapes(further, (*path, part))


def test_every_key_is_described_and_none_looks_like_a_secret():
    keys = [(path, shape) for path, shape in shapes(root()) if path and path[-1] not in {0, "any"}]
    assert len(keys) > 60
    assert [path for path, shape in keys if not shape.description] == []
    assert [path for path, _ in keys if looks_secret(str(path[-1]))] == []


def test_every_key_that_must_be_said_has_a_specimen_that_the_model_takes():
    spec = InstanceSpec.model_validate({key: specimen(key, None) for key in root().required({})})
    assert spec.domain == "social.example"
    for path, shape in shapes(root()):
        for variant in ({}, {"provider": "ses"}, {"provider": "smtp"}):
            missing = [key for key in shape.required(variant) if specimen(key, shape.below(key, variant)) is None]
            assert missing == [], path


def test_a_validator_without_a_pattern_is_noticed():
    def _new(text: str) -> str:
        return text

    with pytest.raises(schema.UnknownValidatorError, match="_new"):
        schema._pattern(_new)
