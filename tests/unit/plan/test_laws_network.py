"""Laws of names and addresses: none twice, none too long, all inside the private network."""

import re
from collections import Counter
from ipaddress import IPv4Network, ip_address, ip_network

from hypothesis import given

from mastodon_infra.catalog import limits
from mastodon_infra.model.role import REQUIRED_ROLES, Role
from tests.unit.plan.specs import LAW, plans

LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What every one of Linode's labels allows: no two hyphens in a row, none at an end."""


def twice(names):
    """Those that are there more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


@LAW
@given(plans())
def test_no_address_is_there_twice_and_all_are_private(case):
    plan = case.plan
    network = ip_network(plan.network.cidr)
    assert plan.network.cidr == plan.spec.private_network
    assert not twice(node.address for node in plan.nodes)
    for node in plan.nodes:
        address = ip_address(node.address)
        block = ip_network(next(group.cidr for group in plan.groups if group.name == node.group))
        assert address in network
        assert address in block
        assert address not in {block.network_address, block.broadcast_address}
        assert int(address) - int(block.network_address) >= 5, "a subnet's first addresses are the cloud's"


@LAW
@given(plans())
def test_the_blocks_of_groups_and_balancers_do_not_overlap(case):
    plan = case.plan
    blocks = [IPv4Network(group.cidr) for group in plan.groups]
    if plan.network.balancer_cidr:
        blocks.append(IPv4Network(plan.network.balancer_cidr))
    for index, one in enumerate(blocks):
        assert one.subnet_of(IPv4Network(plan.network.cidr))
        assert not any(one.overlaps(other) for other in blocks[index + 1 :])


@LAW
@given(plans())
def test_no_name_is_there_twice(case):
    plan = case.plan
    for names in (
        [group.name for group in plan.groups],
        [node.name for node in plan.nodes],
        [node.label for node in plan.nodes],
        [node.hostname for node in plan.nodes],
        [host.name for host in plan.network.hosts],
        [volume.name for volume in plan.volumes],
        [volume.label for volume in plan.volumes],
        [record.name for record in plan.dns.records],
        [rule.name for rule in plan.firewall],
        [(one.group, one.process, one.first_port) for one in plan.listeners],
        [(one.job, one.node, one.port) for one in plan.monitoring.targets],
        [unit.name for unit in plan.sidekiq],
        [limit.name for limit in plan.capacity.limits],
        [note.name for note in plan.notes],
        [*plan.balancer.names, *plan.balancer.labels] if plan.balancer else [],
    ):
        assert not twice(names)


@LAW
@given(plans())
def test_no_dns_record_is_there_twice(case):
    plan = case.plan
    assert not twice((record.host, record.type, record.target) for record in plan.dns.records)
    aliases = {record.host for record in plan.dns.records if record.type == "CNAME" and not _is_token(record)}
    others = {record.host for record in plan.dns.records if record.type != "CNAME"}
    assert not aliases & others, "beside an alias nothing else may stand"


def _is_token(record):
    return record.target.kind.value == "ses-dkim"


@LAW
@given(plans())
def test_labels_are_what_the_cloud_accepts(case):
    plan = case.plan
    labels = [
        (limits.INSTANCE_LABEL, [node.label for node in plan.nodes]),
        (limits.VOLUME_LABEL, [volume.label for volume in plan.volumes]),
        (limits.NODEBALANCER_LABEL, list(plan.balancer.labels) if plan.balancer else []),
        (limits.VPC_LABEL, [plan.network.label]),
        (limits.VLAN_LABEL, [plan.network.label]),
    ]
    for limit, given_labels in labels:
        for label in given_labels:
            assert limits.LABEL_MINIMUM.value <= len(label) <= limit.value, label
            assert LABEL.fullmatch(label), label


@LAW
@given(plans())
def test_buckets_have_names_that_s3_accepts_and_differ(case):
    plan = case.plan
    for bucket in (plan.media.bucket, plan.backups.bucket):
        # Dots only where Cloudflare finds the bucket by its host's name: elsewhere they break certificates.
        letters = "[a-z0-9.-]" if bucket == plan.media.host else "[a-z0-9-]"
        assert re.fullmatch(f"[a-z0-9]{letters}{{1,61}}[a-z0-9]", bucket)
    places = {(plan.media.provider, plan.media.bucket), (plan.backups.provider, plan.backups.bucket)}
    assert len(places) == 2


@LAW
@given(plans())
def test_each_service_name_leads_to_its_only_holder(case):
    plan = case.plan
    for role in (Role.POSTGRES, Role.REDIS, Role.MONITORING):
        holders = plan.holders(role)
        assert len(holders) == 1
        assert plan.address_of(f"{role.value}.mastodon.internal") == holders[0].address
    for node in plan.nodes:
        assert plan.address_of(node.hostname) == node.address


@LAW
@given(plans())
def test_volumes_lie_where_their_data_is_used(case):
    plan = case.plan
    for volume in plan.volumes:
        role = Role.POSTGRES if volume.name == "data-postgres" else Role.REDIS
        assert role in plan.node(volume.node).roles
        assert volume.name in plan.node(volume.node).volumes
        assert limits.VOLUME_MINIMUM.value <= volume.size.value <= limits.VOLUME_MAXIMUM.value
    held = [name for node in plan.nodes for name in node.volumes]
    assert sorted(held) == sorted(volume.name for volume in plan.volumes)
    assert all(len(node.volumes) <= limits.VOLUMES_PER_NODE.value for node in plan.nodes)


@LAW
@given(plans())
def test_one_node_leads_and_one_is_the_way_in(case):
    plan = case.plan
    assert [node.name for node in plan.nodes if node.is_leader] == [plan.leader]
    assert Role.WEB in plan.node(plan.leader).roles
    assert Role.MONITORING in plan.node(plan.jump).roles
    assert Role.WEB in plan.node(plan.tls.acme_node).roles
    for role in REQUIRED_ROLES:
        assert plan.holders(role), role
