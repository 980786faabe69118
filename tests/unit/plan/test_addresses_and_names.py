"""Names and addresses that are in use somewhere: a change here re-addresses or destroys machines."""

import re
from ipaddress import ip_network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.model.role import Role
from mastodon_infra.plan.addressing import ROLE_BLOCK, balancer_cidr, group_cidr, node_address
from mastodon_infra.plan.naming import label, node_name, service_host, shorten, slug_of
from tests.unit.plan.specs import plan_for, plan_of

ADDRESSES = [
    ("solo", "web-1", "10.64.16.5", "web owns the second /20"),
    ("medium", "web-1", "10.64.16.5", "the same when the roles are split"),
    ("medium", "sidekiq-1", "10.64.48.5", "sidekiq owns the fourth /20"),
    ("medium", "postgres-1", "10.64.64.5", "postgres owns the fifth /20"),
    ("medium", "redis-1", "10.64.80.5", "redis owns the sixth /20"),
    ("medium", "monitoring-1", "10.64.96.5", "monitoring owns the seventh /20"),
    ("large", "web-2", "10.64.16.6", "the second node is one further"),
    ("xlarge", "streaming-2", "10.64.32.6", "streaming owns the third /20"),
]


@pytest.mark.parametrize(("size", "node", "address", "why"), ADDRESSES)
def test_a_node_has_the_address_of_its_role_and_number(size, node, address, why):
    assert plan_of(size=size).node(node).address == address, why


BLOCKS = [
    ("10.64.0.0/16", Role.WEB, 0, "10.64.16.0/24"),
    ("10.64.0.0/16", Role.WEB, 15, "10.64.31.0/24"),
    ("10.64.0.0/16", Role.MONITORING, 3, "10.64.99.0/24"),
    ("10.80.0.0/16", Role.POSTGRES, 0, "10.80.64.0/24"),
    ("10.96.0.0/16", Role.SIDEKIQ, 1, "10.96.49.0/24"),
]


@pytest.mark.parametrize(("network", "role", "block", "expected"), BLOCKS, ids=str)
def test_a_group_has_a_block_inside_its_role(network, role, block, expected):
    assert group_cidr(network, role, block) == expected


def test_no_two_groups_can_ever_meet():
    blocks = [ip_network(group_cidr("10.64.0.0/16", role, block)) for role in ROLE_BLOCK for block in range(16)]
    blocks.append(ip_network(balancer_cidr("10.64.0.0/16")))
    assert len(blocks) == 97
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))


def test_a_block_has_room_for_the_largest_group():
    assert node_address("10.64.16.0/24", 1) == "10.64.16.5"
    assert node_address("10.64.16.0/24", 250) == "10.64.16.254"


def test_balancers_speak_from_the_last_block():
    assert balancer_cidr("10.64.0.0/16") == "10.64.240.0/28"
    assert plan_of(size="large").network.balancer_cidr == "10.64.240.0/28"


# --- Names ----------------------------------------------------------------------------------------------------------


def test_the_frozen_names_of_a_medium_instance():
    plan = plan_of(size="medium")
    assert [node.name for node in plan.nodes] == ["web-1", "sidekiq-1", "postgres-1", "redis-1", "monitoring-1"]
    assert [node.label for node in plan.nodes] == [
        "social-example-web-1",
        "social-example-sidekiq-1",
        "social-example-postgres-1",
        "social-example-redis-1",
        "social-example-monitoring-1",
    ]
    assert [(one.name, one.label, one.device, one.mount_path) for one in plan.volumes] == [
        (
            "data-postgres",
            "social-example-data-postgres",
            "/dev/disk/by-id/scsi-0Linode_Volume_social-example-data-postgres",
            "/var/lib/postgresql",
        ),
        (
            "data-redis",
            "social-example-data-redis",
            "/dev/disk/by-id/scsi-0Linode_Volume_social-example-data-redis",
            "/var/lib/redis-queue",
        ),
    ]
    assert plan.network.label == "social-example-private"
    assert (plan.media.bucket, plan.backups.bucket) == ("social-example-media", "social-example-backup")
    assert (plan.leader, plan.jump) == ("web-1", "monitoring-1")
    assert [host.name for host in plan.network.hosts] == [
        "web-1.mastodon.internal",
        "sidekiq-1.mastodon.internal",
        "postgres-1.mastodon.internal",
        "redis-1.mastodon.internal",
        "monitoring-1.mastodon.internal",
        "postgres.mastodon.internal",
        "redis.mastodon.internal",
        "monitoring.mastodon.internal",
    ]


def test_the_frozen_names_of_balancers():
    balancer = plan_for(60_000).balancer
    assert balancer is not None
    assert balancer.names == ("balancer-1", "balancer-2")
    assert balancer.labels == ("social-example-balancer-1", "social-example-balancer-2")


def test_the_leader_is_the_first_web_node_and_the_way_in_is_where_monitoring_is():
    plan = plan_for(
        500,
        nodes={
            "watch": {"roles": ["monitoring"]},
            "front": {"roles": ["web"], "count": 2},
            "rest": {"roles": ["streaming", "sidekiq", "postgres", "redis"]},
        },
    )
    assert (plan.leader, plan.jump) == ("front-1", "watch-1")


SLUGS = [
    ("social.example", "social-example", "dots become hyphens"),
    ("a.social.example", "a-social-example", "every dot"),
    ("m.example", "m-example", "short ones too"),
]


@pytest.mark.parametrize(("domain", "slug", "why"), SLUGS)
def test_a_plain_domain_is_its_own_slug(domain, slug, why):
    assert slug_of(domain) == slug, why


MARKED = [
    ("the-town.example", "the-town-example-", "a hyphen of its own could be a dot"),
    ("the.town.and.its.people.example", "the-town-and-its-", "longer than 24 characters"),
    ("xn--bcher-kva.example", "xn-bcher-kva-exam", "no two hyphens in a row, which labels refuse"),
]


@pytest.mark.parametrize(("domain", "start", "why"), MARKED)
def test_a_slug_that_could_be_anothers_is_marked(domain, start, why):
    slug = slug_of(domain)
    assert slug.startswith(start), why
    mark = slug.rpartition("-")[2]
    assert len(mark) == 6
    assert int(mark, 16) >= 0
    assert len(slug) <= 24


PARTS = st.text(st.sampled_from("ab-1"), min_size=1, max_size=12).filter(lambda part: part.strip("-") == part)
DOMAINS = st.lists(PARTS, min_size=2, max_size=5).map(".".join)


@given(DOMAINS, DOMAINS)
def test_two_domains_never_share_a_slug(one, other):
    assert (slug_of(one) == slug_of(other)) == (one == other)


@given(DOMAINS)
def test_a_slug_is_short_and_fit_for_a_label(domain):
    slug = slug_of(domain)
    assert len(slug) <= 24
    assert "--" not in slug
    assert slug.strip("-") == slug


@given(st.text(st.sampled_from("abc-"), min_size=1, max_size=40), st.text(st.sampled_from("abc-"), max_size=40))
def test_shortening_keeps_names_apart(one, other):
    short = shorten(one, 20)
    assert len(short) <= 20
    assert short == one or len(one) > 20
    assert (short == shorten(other, 20)) == (one == other)


def test_a_label_is_cut_from_the_side_of_the_domain():
    slug = slug_of("the.town.and.its.people.example")
    cut = label(slug, "balancer-1", 32)
    assert len(cut) <= 32
    assert cut.endswith("-balancer-1")
    assert cut.startswith("the-town-and-")


@pytest.mark.parametrize("length", range(1, 41))
def test_label_of_any_name_fits_begins_well_and_tells_domains_apart(length):
    name = "g" * length

    one, other = label("social-example", name, 32), label("photos-example", name, 32)

    assert one != other
    assert all(re.fullmatch(r"[a-z0-9](?!.*--)[a-z0-9-]{1,30}[a-z0-9]", text) for text in (one, other)), (one, other)


def test_logical_names_hold_no_domain():
    assert node_name("web", 3) == "web-3"
    assert service_host("postgres") == "postgres.mastodon.internal"
