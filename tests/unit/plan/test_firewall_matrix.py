"""The firewall as a table, for sizes and networks that differ: which group is opened to whom, at which ports.

Read it like a visitor: each line is a door, and who has a key.
"""

import pytest

from mastodon_infra.plan.network_types import Enforcer
from tests.unit.plan.specs import plan_of

SMALL = """
web        public   443        everyone
web        public   80         everyone
web        public   22         administrators
"""

MEDIUM = """
web        public   443        everyone
web        public   80         everyone
web        private  22         the jump node
web        private  9113       monitoring
web        private  9394       monitoring
web        private  4000       monitoring
web        private  9100       monitoring
sidekiq    private  22         the jump node
sidekiq    private  9400-9406  monitoring
sidekiq    private  9100       monitoring
postgres   private  22         the jump node
postgres   private  5432       web, sidekiq
postgres   private  6432       web, sidekiq
postgres   private  9187       monitoring
postgres   private  9127       monitoring
postgres   private  9100       monitoring
redis      private  22         the jump node
redis      private  6379       web, sidekiq
redis      private  6380       web, sidekiq
redis      private  9121-9122  monitoring
redis      private  9100       monitoring
monitoring public   22         administrators
"""

LARGE_INSIDE = """
web        private  22         the jump node
web        private  8480       web
web        private  9113       monitoring
web        private  9394       monitoring
web        private  4000       monitoring
web        private  9127       monitoring
web        private  9100       monitoring
sidekiq    private  22         the jump node
sidekiq    private  9400-9418  monitoring
sidekiq    private  9127       monitoring
sidekiq    private  9100       monitoring
postgres   private  22         the jump node
postgres   private  5432       web, sidekiq
postgres   private  9187       monitoring
postgres   private  9100       monitoring
redis      private  22         the jump node
redis      private  6379       web, sidekiq
redis      private  6380       web, sidekiq
redis      private  9121-9122  monitoring
redis      private  9100       monitoring
monitoring public   22         administrators
"""

LARGE = """
web        private  443        the NodeBalancers
web        private  80         the NodeBalancers
""" + LARGE_INSIDE.lstrip()

LARGE_ON_VLAN = """
web        public   443        the NodeBalancers
web        public   80         the NodeBalancers
""" + LARGE_INSIDE.lstrip()

XLARGE_APART = """
streaming  private  22         the jump node
streaming  private  4000-4002  web
streaming  private  4000-4002  monitoring
streaming  private  9127       monitoring
streaming  private  9100       monitoring
"""

SYDNEY = {"region": "ap-southeast", "storage": {"provider": "wasabi"}}


def matrix(plan, groups=None):
    """The plan's rules in the table's form, in their order."""
    rows = [
        f"{rule.group:10} {rule.side:8} {rule.ports:10} {rule.who}"
        for rule in plan.firewall
        if groups is None or rule.group in groups
    ]
    return "\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("words", "groups", "expected"),
    [
        ({"size": "small"}, None, SMALL),
        ({"size": "medium"}, None, MEDIUM),
        ({"size": "large"}, None, LARGE),
        ({"size": "large"} | SYDNEY, None, LARGE_ON_VLAN),
        ({"size": "xlarge"}, {"streaming"}, XLARGE_APART),
    ],
    ids=["small", "medium", "large", "large-on-a-vlan", "streaming-apart"],
)
def test_the_doors_are_these(words, groups, expected):
    assert matrix(plan_of(**words), groups) == expected


def test_behind_cloudflare_only_cloudflare_has_a_key():
    plan = plan_of(size="small", edge={"dns": "cloudflare", "proxied": True})
    assert matrix(plan) == SMALL.replace("everyone", "Cloudflare")
    assert not any("0.0.0.0/0" in rule.sources for rule in plan.firewall if rule.first_port in {80, 443})


def test_administrators_are_let_in_from_their_networks_only():
    plan = plan_of(size="medium", allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    ssh = [rule for rule in plan.firewall if rule.who == "administrators"]
    assert [(rule.group, rule.sources) for rule in ssh] == [("monitoring", ("203.0.113.0/24", "2001:db8::/32"))]


def test_sources_are_whole_blocks_so_that_one_more_node_opens_nothing_new():
    before, after = (plan_of(size="medium", nodes={"sidekiq": {"count": count}}) for count in (2, 9))
    doors = [
        [(rule.name, rule.sources) for rule in plan.firewall if rule.group == "postgres"] for plan in (before, after)
    ]
    assert doors[0] == doors[1]
    rule = next(rule for rule in after.firewall if rule.name == "postgres/postgres")
    assert rule.sources == ("10.64.16.0/24", "10.64.48.0/24")


def test_on_a_vlan_the_machines_themselves_hold_the_private_side():
    for rule in plan_of(size="large", **SYDNEY).firewall:
        expected = (Enforcer.CLOUD, Enforcer.HOST) if rule.side == "public" else (Enforcer.HOST,)
        assert rule.enforcers == expected, rule.name


def test_a_balancer_without_a_vpc_calls_from_the_shared_network():
    sources = {rule.sources for rule in plan_of(size="large", **SYDNEY).firewall if rule.who == "the NodeBalancers"}
    assert sources == {("192.168.255.0/24",)}
