"""Each thing that a real provider or API refuses is refused here, in words that say what is wrong.

The last part takes every row's strictness away in turn: a wrong program has to notice.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.rehearsal.kinds import ApiError, Call, Kind
from mastodon_infra.rehearsal.world import World
from tests.unit.rehearsal import wrong_linode, wrong_others
from tests.unit.rehearsal.clouds import (
    GOOD,
    REGION,
    THERE,
    WASABI,
    furnished,
    inputs_of,
    refusal,
    rows,
    stand_in,
    token_of,
)
from tests.unit.rehearsal.wrong import ALONE, NEEDED, Wrong

WITHOUT_WHAT_IT_NEEDS = tuple(
    Wrong(kind, {name: None}, f"{name}: a value is required") for kind, names in NEEDED.items() for name in names
)
SECOND_OF_ITS_NAME = tuple(
    Wrong(kind, {name: inputs[name] for name in names}, "must be unique")
    for kind, names in ALONE.items()
    for inputs in [next(inputs for there, _, inputs, _ in THERE if there == kind)]
)
WRONG = (*WITHOUT_WHAT_IT_NEEDS, *SECOND_OF_ITS_NAME, *wrong_linode.LINODE_WRONG, *wrong_others.OTHERS_WRONG)
DOUBTFUL = (*wrong_linode.DOUBTFUL, *wrong_others.DOUBTFUL)


def prepared(program: Wrong, world: World) -> World:
    """A world in which everything was made that the program comes after."""
    for kind, changed in program.first:
        assert refusal(kind, world, inputs_of(kind, changed)) == ""
    return world


def answer(program: Wrong, world: World) -> str:
    """What the program is refused with."""
    if program.was is None:
        return refusal(program.kind, world, inputs_of(program.kind, program.changed), dict(program.settings))
    provider, token = stand_in(program.kind, world), token_of(program.kind)
    before, after = inputs_of(program.kind, program.was), inputs_of(program.kind, program.changed)
    identity, properties, _ = provider.create(token, before, is_preview=False)
    try:
        provider.update(token, identity, olds=properties, old_inputs=before, news=after, is_preview=False)
    except ApiError as error:
        return str(error)
    return ""


def test_every_kind_has_good_inputs():
    assert GOOD.keys() == rows().keys()


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {"BucketPolicy"}))
def test_good_inputs_are_taken(kind, world):
    assert refusal(kind, world, inputs_of(kind, {})) == ""


@pytest.mark.parametrize("program", WRONG, ids=str)
def test_wrong_program_is_refused(program, world):
    assert program.words in answer(program, prepared(program, world))


@pytest.mark.parametrize("program", DOUBTFUL, ids=str)
def test_doubt_is_a_warning(program, world):
    """Nobody has seen what the API says to these."""
    provider = stand_in(program.kind, world, dict(program.settings))

    _, _, warnings = provider.create(token_of(program.kind), inputs_of(program.kind, program.changed), is_preview=False)

    assert [program.words in warning for warning in warnings] == [True]


# --- What is taken where it is not wrong ----------------------------------------------------------------------------


def test_public_policy_is_taken_once_it_was_opened_and_at_others_at_once(world):
    assert refusal("BucketPolicy", world, GOOD["BucketPolicy"], WASABI) == ""
    assert refusal("BucketPublicAccessBlock", world, GOOD["BucketPublicAccessBlock"]) == ""
    world.remove("aws:s3/bucketPolicy:BucketPolicy", "media-bucket")

    assert refusal("BucketPolicy", world, GOOD["BucketPolicy"]) == ""


def test_volume_takes_the_region_of_its_machine(world):
    assert refusal("Volume", world, inputs_of("Volume", {"region": None})) == ""


def test_group_that_is_full_keeps_its_members(world):
    """A change of one of them counts the others only."""
    program = Wrong("Instance", wrong_linode.IN_GROUP, "", first=wrong_linode.FULL_GROUP[1:], was=wrong_linode.IN_GROUP)

    assert answer(program, prepared(program, world)) == ""


def test_quotes_and_brackets_in_a_text_are_nothing_to_pair(world):
    said = r'http.host eq "a\"(b" and http.user_agent matches r#"[("]"#'

    assert refusal("Ruleset", world, inputs_of("Ruleset", wrong_others.cache_rule(expression=said))) == ""


def test_reserved_address_belongs_to_one_machine_at_a_time(world):
    address = {"public": {"ipv4": {"addresses": [{"address": "auto", "primary": True}]}}}
    _, reserved, _ = stand_in("ReservedIp", world).create(token_of("ReservedIp"), {"region": REGION}, is_preview=False)
    address["public"]["ipv4"]["addresses"][0]["address"] = reserved["address"]
    inputs = {**GOOD["Instance"], "linodeInterfaces": [address]}

    _, made, _ = stand_in("Instance", world).create(token_of("Instance"), inputs, is_preview=False)

    assert made["ipv4s"] == [reserved["address"]]
    assert "assigned to another" in refusal("Instance", world, {**inputs, "label": "web-2"})


def test_refusal_never_quotes_a_password(world):
    assert "s3cret" not in refusal("Instance", world, {**GOOD["Instance"], "rootPass": "s3cret"})


@pytest.mark.parametrize(
    ("kind", "changed", "needed"),
    [
        ("Instance", {}, Capability.METADATA),
        ("Instance", wrong_linode.interfaces(wrong_linode.VLAN), Capability.VLAN),
        ("Volume", {}, Capability.BLOCK_STORAGE),
        ("Vpc", {}, Capability.VPC),
        ("PlacementGroup", {}, Capability.PLACEMENT_GROUP),
        ("NodeBalancer", {}, Capability.NODEBALANCER),
        ("ObjectStorageBucket", {}, Capability.OBJECT_STORAGE),
    ],
)
def test_region_has_to_be_able_to_do_it(kind, changed, needed, world, monkeypatch):
    assert refusal(kind, world, inputs_of(kind, changed)) == ""
    unable = replace(REGIONS[0], capabilities=frozenset(Capability) - {needed})
    monkeypatch.setattr("mastodon_infra.rehearsal.clouds.linode_rules.region", lambda _: unable)

    assert f"has no {needed.value}" in refusal(kind, world, inputs_of(kind, {**changed, "label": "another"}))


# --- Without it, a wrong program would pass -------------------------------------------------------------------------


def weakened(row: Kind) -> Iterator[tuple[str, str, Kind]]:
    """The kind without each of the things that make it strict, and which that is: where it stands and what it is."""
    for where in ("required", "checks", "rules", "unsure", "unique"):
        every = getattr(row, where)
        for number, one in enumerate(every):
            left: dict[str, Any] = {where: (*every[:number], *every[number + 1 :])}
            yield where, f"{where} {number}: {getattr(one, '__qualname__', one)}", replace(row, **left)


def notices(row: Kind, where: str, program: Wrong, world: World) -> bool:
    """Whether the provider refuses the program, or, for what stands at the API's door, the API."""
    inputs = inputs_of(program.kind, program.changed)
    is_refused_before = bool(row.failures(inputs))
    if where in {"required", "checks"} or is_refused_before:
        return is_refused_before
    account = stand_in(program.kind, world, dict(program.settings)).account
    before = None if program.was is None else inputs_of(program.kind, program.was)
    call = Call(row.token, inputs, world, account, old=before)
    try:
        row.refuse(call)
    except ApiError:
        return True
    return bool(call.warnings)


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_nothing_that_makes_a_kind_strict_can_be_taken_away_unnoticed(kind, tmp_path):
    row = rows()[kind]
    programs = [
        (program, prepared(program, furnished(World(tmp_path / str(number)))))
        for number, program in enumerate((*WRONG, *DOUBTFUL))
        if program.kind == kind
    ]

    unnoticed = [
        title
        for where, title, weak in weakened(row)
        if not any(
            notices(row, where, program, world) and not notices(weak, where, program, world)
            for program, world in programs
        )
    ]

    assert unnoticed == []
