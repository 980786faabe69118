"""The laws between fields, and the small questions that they and the plan ask of a spec."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mastodon_infra.catalog.regions import region
from mastodon_infra.errors import SpecError
from mastodon_infra.model import laws
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.nodes import SidekiqUnitSpec
from mastodon_infra.model.role import REQUIRED_ROLES, SINGLE_ROLES, Queue, Role
from mastodon_infra.model.tier import LARGEST_MAU, Tier, tier_for
from mastodon_infra.plan import feasibility
from mastodon_infra.plan.instance import plan_instance
from tests.unit.plan.specs import plan_of, spec_of

CASES = sorted((Path(__file__).parents[2] / "cases" / "invalid").glob("*.yaml"))

UNDER = [
    ("social.example", "social.example", True, "the zone itself"),
    ("files.social.example", "social.example", True, "inside"),
    ("a.b.social.example", "social.example", True, "deep inside"),
    ("antisocial.example", "social.example", False, "ends with the same letters only"),
    ("example", "social.example", False, "the other way round"),
    ("social.example", "example", True, "a whole top-level zone"),
]


@pytest.mark.parametrize(("name", "zone", "expected", "why"), UNDER)
def test_being_under_a_zone_ends_at_a_dot(name, zone, expected, why):
    assert laws.is_under(name, zone) is expected, why


MANY = tuple(f"name{number}" for number in range(20))
NEAREST = [
    ("monitring", ("web", "monitoring"), "did you mean monitoring?", "a letter forgotten"),
    ("g6-standard-5", ("g6-standard-4", "g6-standard-6", "x"), "did you mean g6-standard-6 or g6-standard-4?", "two"),
    ("zzz", ("a", "b"), "known: a, b", "nothing near: all of them"),
    ("zzz", MANY, f"known: {', '.join(MANY[:12])} …", "many: the first twelve"),
]


@pytest.mark.parametrize(("word", "known", "expected", "why"), NEAREST)
def test_the_nearest_known_word_is_offered(word, known, expected, why):
    assert feasibility.nearest(word, known) == expected, why


TIERS = [
    (1, Tier.SOLO),
    (100, Tier.SOLO),
    (101, Tier.SMALL),
    (1_000, Tier.SMALL),
    (3_000, Tier.MEDIUM),
    (3_001, Tier.LARGE),
    (10_001, Tier.XLARGE),
    (30_001, Tier.XLARGE),
    (LARGEST_MAU, Tier.XLARGE),
]


@pytest.mark.parametrize(("users", "tier"), TIERS, ids=str)
def test_a_number_of_people_has_the_smallest_tier_that_covers_it(users, tier):
    assert tier_for(users) is tier


def test_tiers_promise_more_and_more():
    promises = [tier.monthly_active_users for tier in Tier]
    assert promises == sorted(set(promises))
    assert all(tier_for(tier.monthly_active_users) is tier for tier in Tier)


def test_a_spec_answers_what_was_asked():
    spec = spec_of(size="medium", web_domain="web.social.example")
    assert (spec.monthly_active_users, spec.website) == (3_000, "web.social.example")
    assert spec.smtp is None
    assert laws.dns_zone(spec) == "social.example"
    assert laws.media_domain(spec) == "files.web.social.example"
    other = spec_of(
        domain="social.town.example",
        expected_monthly_active_users=7,
        mail={"provider": "ses", "region": "us-east-1"},
        edge={"zone": "town.example", "media_domain": "m.town.example"},
    )
    assert (other.monthly_active_users, other.website) == (7, "social.town.example")
    assert other.smtp is other.mail
    assert (laws.dns_zone(other), laws.media_domain(other)) == ("town.example", "m.town.example")


def test_roles_and_queues_are_the_known_ones():
    assert set(Role) >= REQUIRED_ROLES
    assert SINGLE_ROLES < REQUIRED_ROLES
    assert len(Queue) == 7


def test_a_list_of_queues_is_strict_and_a_map_is_weighted():
    strict = SidekiqUnitSpec.model_validate({"queues": ["push", "pull"]})
    assert list(strict.queues.items()) == [(Queue.PUSH, None), (Queue.PULL, None)]
    weighted = SidekiqUnitSpec.model_validate({"queues": {"push": 3}})
    assert weighted.queues == {Queue.PUSH: 3}


@pytest.mark.parametrize(
    ("queues", "said"),
    [
        (["push", "push"], "a queue is listed twice"),
        ([], "at least 1"),
        ({}, "at least 1"),
        (["posh"], "default"),
        ({"push": 0}, "greater than or equal to 1"),
        ({"push": 101}, "less than or equal to 100"),
        ({"push": "3"}, "integer"),
        ("push", "dictionary"),
    ],
    ids=str,
)
def test_queues_in_another_form_are_refused(queues, said):
    with pytest.raises(ValidationError) as caught:
        SidekiqUnitSpec.model_validate({"queues": queues})
    assert said in str(caught.value)


# --- Each law has a case --------------------------------------------------------------------------------------------

EVERY_LAW = (*laws.LAWS, *feasibility._LAWS, *feasibility._REGION_LAWS, feasibility._no_region)


def broken_laws(spec):
    """Names of the laws that a spec breaks."""
    row = region(spec.region)
    found = {law.__name__ for law in (*laws.LAWS, *feasibility._LAWS) if list(law(spec))}
    if row is None:
        return found | {feasibility._no_region.__name__}
    return found | {law.__name__ for law in feasibility._REGION_LAWS if list(law(spec, row))}


def broken_by_cases():
    """Laws that the case files break, as far as a file gets to the laws at all."""
    found = {}
    for case in CASES:
        try:
            words = YAML(typ="safe").load(case.read_text(encoding="utf-8"))
            spec = InstanceSpec.model_validate(words["config"]["mastodon-infra:instance"])
        except (YAMLError, ValidationError, TypeError, KeyError):
            continue
        found[case.stem] = broken_laws(spec)
    return found


def test_each_law_is_broken_by_a_case_file_or_below():
    found = broken_by_cases()
    assert len(found) >= 20
    below = broken_laws(spec_of(size="small", nodes=groups(address_block=1), sidekiq={"units": unit_on("front")}))
    assert below == {"_unit_groups"}
    assert set().union(below, *found.values()) == {law.__name__ for law in EVERY_LAW}


@pytest.mark.parametrize("name", sorted(broken_by_cases()))
def test_a_spec_that_breaks_a_law_gets_no_plan(name):
    words = YAML(typ="safe").load((CASES[0].parent / f"{name}.yaml").read_text(encoding="utf-8"))
    spec = InstanceSpec.model_validate(words["config"]["mastodon-infra:instance"])
    if broken_laws(spec):
        with pytest.raises(SpecError) as caught:
            plan_instance(spec)
        assert caught.value.problems
    else:
        plan_instance(spec)


def test_all_broken_laws_are_told_at_once():
    with pytest.raises(SpecError) as caught:
        plan_of(
            size="medium",
            search=True,
            postgres={"replicas": 1, "volume_gib": 5},
            nodes={"webb": {"count": 2}},
            backups={"enabled": False},
        )
    assert {problem.dotted for problem in caught.value.problems} == {
        "search",
        "postgres.replicas",
        "postgres.volume_gib",
        "nodes.webb",
        "backups.enabled",
    }


# --- Laws of placement, which a file of its own would only make longer -----------------------------------------------


def groups(**more):
    """Two groups that share the first role, and the rest."""
    return {
        "web": {"roles": ["web", "streaming"]},
        "front": {"roles": ["web"]} | more,
        "rest": {"roles": ["sidekiq", "postgres", "redis", "monitoring"]},
    }


def unit_on(group):
    """One unit for all queues, on a group."""
    return {"all": {"queues": [queue.value for queue in Queue], "group": group}}


def test_a_unit_needs_a_group_that_works_queues():
    words = {"size": "small", "nodes": groups(address_block=1)}
    (problem,) = laws.problems(spec_of(**words, sidekiq={"units": unit_on("front")}))
    assert problem.dotted == "sidekiq.units.all.group"
    assert "'front' does not have the role sidekiq" in problem.message
    assert not laws.problems(spec_of(**words, sidekiq={"units": unit_on("rest")}))


def test_groups_that_could_meet_say_which_block_they_have():
    (problem,) = laws.problems(spec_of(size="small", nodes=groups()))
    assert problem.dotted == "nodes.front"
    assert "address_block: 1" in problem.hint
    assert not laws.problems(spec_of(size="small", nodes=groups(address_block=1)))


def test_the_block_that_is_proposed_is_free():
    nodes = groups() | {"third": {"roles": ["web", "sidekiq"]}, "fourth": {"roles": ["web"], "address_block": 1}}
    while found := laws.problems(spec_of(size="small", nodes=nodes)):
        name = found[0].path[-1]
        block = found[0].hint.partition("address_block: ")[2].partition(";")[0]
        nodes[name] = nodes[name] | {"address_block": int(block)}
    blocks = [nodes[name].get("address_block", 0) for name in ("web", "front", "third", "fourth")]
    assert len(set(blocks)) == 4


def test_seventeen_groups_of_a_role_are_too_many():
    nodes = {f"web-{block}": {"roles": ["web", "streaming"], "address_block": block} for block in range(16)}
    nodes["rest"] = {"roles": ["sidekiq", "postgres", "redis", "monitoring"]}
    assert not laws.problems(spec_of(size="small", nodes=nodes))
    nodes["one-more"] = {"roles": ["web"]}
    (problem,) = laws.problems(spec_of(size="small", nodes=nodes))
    assert problem.hint == "put more nodes into fewer groups"


@pytest.mark.parametrize("block", [-1, 16], ids=str)
def test_there_are_sixteen_blocks(block):
    with pytest.raises(ValidationError):
        spec_of(size="small", nodes=groups(address_block=block))


def test_a_unit_may_name_a_group_that_the_tier_has():
    assert plan_of(size="medium", sidekiq={"units": unit_on("sidekiq")}).sidekiq[0].group == "sidekiq"
    with pytest.raises(SpecError) as caught:
        plan_of(size="medium", sidekiq={"units": unit_on("redis")})
    assert "does not have the role sidekiq" in str(caught.value)


# --- Where buckets go -----------------------------------------------------------------------------------------------

BUCKETS = [
    ({"region": "au-mel"}, "au-mel", "au-mel", "beside the machines"),
    ({"region": "ap-southeast"}, None, None, "Linode has no buckets in Sydney, and nothing moves abroad unasked"),
    ({"region": "ap-southeast", "storage": {"provider": "wasabi"}}, "ap-southeast-2", "ap-southeast-2", "the nearest"),
    (
        {"region": "au-mel", "backups": {"provider": "aws"}},
        "au-mel",
        "ap-southeast-2",
        "backups at another provider, the nearest",
    ),
    (
        {"region": "au-mel", "storage": {"region": "us-east"}, "backups": {"region": "jp-osa"}},
        "us-east",
        "jp-osa",
        "as asked",
    ),
]


@pytest.mark.parametrize(("words", "media", "backups", "why"), BUCKETS)
def test_buckets_are_near_unless_asked_otherwise(words, media, backups, why):
    spec = spec_of(size="small", **words)
    assert (feasibility.media_region(spec), feasibility.backup_region(spec)) == (media, backups), why
