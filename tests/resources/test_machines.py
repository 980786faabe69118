"""Machines: how they are made, what is compared later, and what they hold."""

import pytest

VPC, VLAN = "large-melbourne", "large-sydney-wasabi"
MADE_WITH = {
    "metadatas",
    "image",
    "authorizedKeys",
    "rootPass",
    "firewallId",
    "interfaceGeneration",
    "interfaces",
    "linodeInterfaces",
    "networkHelper",
    "ipv4s",
}


def test_machine_is_replaced_only_when_asked_and_leaves_first(case, records_of, kind):
    for machine in kind(records_of(case), "Instance"):
        assert set(machine.ignore_changes) == MADE_WITH
        assert machine.delete_before_replace
        assert not machine.protect


def test_machine_has_label_region_type_and_an_explicit_generation(case, records_of, plan_of, one):
    plan = plan_of(case)
    for node in plan.nodes:
        inputs = one(records_of(case), "Instance", node.name).inputs
        assert inputs["label"] == node.label
        assert inputs["region"] == plan.region.name
        assert inputs["type"] == node.machine.name
        assert inputs["image"] == "linode/debian13"
        assert inputs["interfaceGeneration"] in {"linode", "legacy_config"}
        assert inputs["authorizedKeys"] == list(plan.spec.administrators[0].ssh_keys)


def test_vpc_machine_has_its_planned_address_and_a_firewall_on_both_interfaces(records_of, plan_of, one):
    for node in plan_of(VPC).nodes:
        inputs = one(records_of(VPC), "Instance", node.name).inputs
        outside, inside = inputs["linodeInterfaces"]
        assert outside["firewallId"] == inside["firewallId"] == f"<<id of firewall-{node.group}>>"
        assert outside["defaultRoute"] == {"ipv4": True, "ipv6": True}
        assert inside["vpc"]["subnetId"] == "<<id of private>>"
        assert inside["vpc"]["ipv4"]["addresses"] == [{"address": node.address, "primary": True}]
        assert not {"interfaces", "firewallId", "privateIp"} & set(inputs)


def test_vlan_machine_has_legacy_interfaces_and_its_firewall_outside_only(records_of, plan_of, one, kind):
    for node in plan_of(VLAN).nodes:
        inputs = one(records_of(VLAN), "Instance", node.name).inputs
        outside, inside = inputs["interfaces"]
        assert inputs["interfaceGeneration"] == "legacy_config"
        assert inputs["firewallId"] == f"<<id of firewall-{node.group}>>"
        assert outside == {"purpose": "public"}
        assert inside["ipamAddress"] == f"{node.address}/16"
        assert inside["label"] == plan_of(VLAN).network.label
        assert "linodeInterfaces" not in inputs
    assert not kind(records_of(VLAN), "Vpc")


def test_only_web_nodes_behind_a_balancer_on_a_vlan_get_the_shared_private_address(case, records_of, kind):
    with_address = {machine.name for machine in kind(records_of(case), "Instance") if "privateIp" in machine.inputs}

    assert with_address == ({"web-1", "web-2", "web-3"} if case == VLAN else set())


def test_volume_hangs_on_the_node_that_holds_it_today(case, records_of, plan_of, one):
    for volume in plan_of(case).volumes:
        inputs = one(records_of(case), "Volume", volume.name).inputs
        assert inputs["linodeId"] == f"<<id of {volume.node}>>"
        assert inputs["size"] == volume.size.value
        assert inputs["label"] == volume.label


@pytest.mark.parametrize("name", [VPC, VLAN], ids=["vpc", "vlan"])
def test_balancer_reaches_every_web_node_on_both_ports_with_the_clients_address(name, records_of, plan_of, one):
    records, plan = records_of(name), plan_of(name)
    for port in (443, 80):
        config = one(records, "NodeBalancerConfig", f"balancer-1-{port}").inputs
        assert (config["protocol"], config["proxyProtocol"], config["check"]) == ("tcp", "v2", "connection")
        for node in plan.balancer.nodes:
            backend = one(records, "NodeBalancerNode", f"balancer-1-{port}-{node}")
            address = plan.node(node).address if name == VPC else f"<<private IPv4 of {node}>>"
            assert backend.inputs["address"] == f"{address}:{port}"
            assert ("subnetId" in backend.inputs) == (name == VPC)
            assert backend.ignore_changes == ("mode",)


def test_balancer_speaks_from_its_own_range_of_the_vpc(records_of, one):
    balancer = one(records_of(VPC), "NodeBalancer", "balancer-1").inputs

    assert balancer["vpcs"] == [{"ipv4Range": "10.64.240.0/30", "subnetId": "<<id of private>>"}]
    assert balancer["firewallId"] == "<<id of balancer-firewall>>"
    assert "vpcs" not in one(records_of(VLAN), "NodeBalancer", "balancer-1").inputs
