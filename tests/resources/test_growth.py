"""Growing an instance adds to the state and renames nothing in it."""

import pytest


def by_name(records):
    return {(record.type, record.name): record for record in records}


def test_third_web_node_adds_its_own_resources_and_changes_no_other(record_parts):
    two = by_name(record_parts({"size": "medium", "nodes": {"web": {"count": 2}}}))
    three = by_name(record_parts({"size": "medium", "nodes": {"web": {"count": 3}}}))

    added = {(kind.rpartition(":")[2], name) for kind, name in set(three) - set(two)}

    assert added == {
        ("Instance", "web-3"),
        ("PrivateKey", "host-key-web-3"),
        ("NodeBalancerNode", "balancer-1-443-web-3"),
        ("NodeBalancerNode", "balancer-1-80-web-3"),
    }
    assert not set(two) - set(three)
    assert not [key for key, record in two.items() if record.inputs != three[key].inputs]


@pytest.mark.parametrize(("smaller", "larger"), [("solo", "small"), ("small", "medium"), ("medium", "large")])
def test_data_keeps_its_name_and_never_shrinks_from_tier_to_tier(smaller, larger, record_parts):
    before, after = by_name(record_parts({"size": smaller})), by_name(record_parts({"size": larger}))
    volume = "linode:index/volume:Volume"

    for name in ("data-postgres", "data-redis"):
        assert after[volume, name].inputs["label"] == before[volume, name].inputs["label"]
        assert after[volume, name].inputs["size"] >= before[volume, name].inputs["size"]
    gone = {key for key, record in before.items() if record.protect} - set(after)
    assert not gone, "what is protected cannot leave the state"


def test_web_address_record_moves_from_the_node_to_the_balancer_under_the_same_name(record_parts, one):
    alone = record_parts({"size": "small"})
    behind = record_parts({"size": "large"})

    assert one(alone, "DomainRecord", "domain-a").inputs["target"] == "<<IPv4 of web-1>>"
    assert one(behind, "DomainRecord", "domain-a").inputs["target"] == "<<IPv4 of balancer-1>>"
