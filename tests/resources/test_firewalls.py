"""The cloud's firewalls hold the planned matrix: all of it that they can hold, and nothing else."""

import re

from mastodon_infra.plan.network_types import Enforcer
from mastodon_infra.program.offline import record
from mastodon_infra.resources.network import Firewalls

MOST_RULES = 25


def planned_openings(plan, group):
    return {
        (rule.ports, rule.protocol.upper(), frozenset(rule.sources))
        for rule in plan.firewall
        if rule.group == group and Enforcer.CLOUD in rule.enforcers
    }


def openings(firewall):
    return {
        (rule["ports"], rule["protocol"], frozenset(rule.get("ipv4s", []) + rule.get("ipv6s", [])))
        for rule in firewall.inputs.get("inbounds", [])
        if rule["protocol"] != "ICMP"
    }


def test_each_group_has_a_firewall_with_exactly_its_planned_openings(case, records_of, plan_of, one):
    plan = plan_of(case)
    for group in plan.groups:
        firewall = one(records_of(case), "Firewall", f"firewall-{group.name}")
        assert openings(firewall) == planned_openings(plan, group.name)
        assert (firewall.inputs["inboundPolicy"], firewall.inputs["outboundPolicy"]) == ("DROP", "ACCEPT")


def test_rules_are_such_as_the_api_accepts(case, records_of, kind):
    for firewall in kind(records_of(case), "Firewall"):
        rules = firewall.inputs.get("inbounds")
        assert rules is None or 0 < len(rules) <= MOST_RULES
        assert 3 <= len(firewall.inputs["label"]) <= 32
        assert len({rule["label"] for rule in rules or []}) == len(rules or [])
        for rule in rules or []:
            families = [rule[family] for family in ("ipv4s", "ipv6s") if family in rule]
            assert families
            assert all(families), "an empty list is refused"
            assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{1,30})[a-z0-9]", rule["label"])
            assert len(rule["description"]) <= 100


def test_no_firewall_lists_what_it_stands_before(case, records_of, kind):
    for firewall in kind(records_of(case), "Firewall"):
        assert not {"linodes", "nodebalancers", "interfaces"} & set(firewall.inputs)


def test_balancer_lets_in_who_may_call(records_of, one):
    firewall = one(records_of("large-melbourne"), "Firewall", "balancer-firewall")

    assert openings(firewall) == {(port, "TCP", frozenset({"0.0.0.0/0", "::/0"})) for port in ("443", "80")}


def test_no_database_port_is_open_to_the_world(case, records_of, kind):
    for firewall in kind(records_of(case), "Firewall"):
        for ports, _, sources in openings(firewall):
            if sources & {"0.0.0.0/0", "::/0"}:
                assert ports in {"22", "80", "443"}


def test_every_machine_answers_routers_and_pings_of_both_families(case, records_of, plan_of, one):
    for group in plan_of(case).groups:
        rules = one(records_of(case), "Firewall", f"firewall-{group.name}").inputs["inbounds"]
        (ping,) = (rule for rule in rules if rule["protocol"] == "ICMP")
        assert "ports" not in ping, "ICMP has none, and the API refuses them"
        assert (ping["ipv4s"], ping["ipv6s"]) == (["0.0.0.0/0"], ["::/0"])


def test_longest_group_name_still_makes_a_label_that_begins_with_a_letter_or_digit():
    group = "a" + "b" * 23

    def program():
        Firewalls(
            "firewalls", slug="social-example", groups=[group], rules=(), ping_sources=("0.0.0.0/0",), balancer=None
        )

    (firewall,) = (one for one in record(program).resources if one.is_custom)

    assert firewall.inputs["label"][0].isalnum()
    assert len(firewall.inputs["label"]) <= 32
    assert [rule["label"] for rule in firewall.inputs["inbounds"]] == ["ping"]
