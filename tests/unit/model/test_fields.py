"""What every field of the model owes its reader: a description, examples that hold, and strictness."""

import re
from collections.abc import Iterator
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from mastodon_infra.model.base import Closed
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.mastodon import MastodonSpec
from mastodon_infra.model.services import EdgeSpec


def models_in(annotation: object) -> Iterator[type[Closed]]:
    """Models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Closed):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def every_model(root: type[Closed] = InstanceSpec, seen: set[type[Closed]] | None = None) -> set[type[Closed]]:
    """The spec and all that it is made of."""
    seen = set() if seen is None else seen
    if root not in seen:
        seen.add(root)
        for field in root.model_fields.values():
            for model in models_in(field.annotation):
                every_model(model, seen)
    return seen


MODELS = sorted(every_model(), key=lambda model: model.__name__)
FIELDS = [
    pytest.param(model, name, field, id=f"{model.__name__}.{name}")
    for model in MODELS
    for name, field in model.model_fields.items()
]


def adapter(field: FieldInfo) -> TypeAdapter[object]:
    """What validates one field by itself."""
    annotation: Any = field.annotation
    for note in field.metadata:
        annotation = Annotated[annotation, note]
    return TypeAdapter(annotation)


def kinds(field: FieldInfo) -> set[type]:
    """The plain types that a field may have, without what qualifies them."""
    return set(_plain(field.annotation)) - {NoneType}


def _plain(annotation: object) -> Iterator[type]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in (tuple, dict, list):
        return
    elif get_args(annotation):
        for part in get_args(annotation):
            yield from _plain(part)
    elif isinstance(annotation, type):
        yield annotation


def test_the_walk_finds_the_whole_model():
    assert len(MODELS) >= 20
    assert {EdgeSpec, MastodonSpec} <= set(MODELS)
    assert len(FIELDS) >= 80


@pytest.mark.parametrize(("model", "name", "field"), FIELDS)
def test_a_field_says_what_it_is_in_a_sentence(model, name, field):
    text = field.description
    assert text
    assert text[0].isupper()
    assert text.endswith(".")
    assert len(text) <= 240
    assert "  " not in text


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_is_closed_frozen_and_described(model):
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"] is True
    assert (model.__doc__ or "").strip()
    assert model.__doc__ != Closed.__doc__


@pytest.mark.parametrize(
    ("model", "name", "field"),
    [param for param in FIELDS if param.values[2].examples],  # type: ignore[union-attr]
)
def test_an_example_is_accepted(model, name, field):
    for example in field.examples:
        if isinstance(example, str) and "..." in example:
            continue
        adapter(field).validate_python(example)


@pytest.mark.parametrize(
    ("model", "name", "field"),
    [param for param in FIELDS if int in kinds(param.values[2])],  # type: ignore[arg-type]
)
@pytest.mark.parametrize("wrong", ["2", "two", True, 2.5, 2.0, [2]], ids=repr)
def test_a_number_is_a_whole_number_and_nothing_like_it(model, name, field, wrong):
    with pytest.raises(ValidationError):
        adapter(field).validate_python(wrong)


@pytest.mark.parametrize(
    ("model", "name", "field"),
    [param for param in FIELDS if bool in kinds(param.values[2])],  # type: ignore[arg-type]
)
@pytest.mark.parametrize("wrong", ["true", "yes", "no", 1, 0, "off"], ids=repr)
def test_a_switch_is_true_or_false_and_nothing_like_it(model, name, field, wrong):
    with pytest.raises(ValidationError):
        adapter(field).validate_python(wrong)


def words_of(field: FieldInfo) -> list[type[StrEnum]]:
    """Closed vocabularies that a field uses."""
    return [kind for kind in kinds(field) if issubclass(kind, StrEnum)]


@pytest.mark.parametrize(
    ("model", "name", "field"),
    [param for param in FIELDS if words_of(param.values[2])],  # type: ignore[arg-type]
)
def test_a_vocabulary_takes_its_words_only(model, name, field):
    for vocabulary in words_of(field):
        for word in vocabulary:
            assert adapter(field).validate_python(word.value) is word
            assert re.fullmatch(r"[a-z0-9-]+", word.value)
        with pytest.raises(ValidationError):
            adapter(field).validate_python("something-else")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_unknown_key_is_refused(model):
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"no_such_key": 1})
    assert any(error["type"] == "extra_forbidden" for error in caught.value.errors())


def test_no_field_is_a_place_for_a_secret():
    names = {param.values[1] for param in FIELDS}
    assert not [name for name in names if re.search(r"password|secret|token|private_key|passphrase", str(name))]
