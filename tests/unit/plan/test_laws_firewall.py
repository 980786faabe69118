"""Laws of the firewall: who must be able to talk can, and nobody else.

What follows does not ask the planner which flows there are. It knows from Mastodon's manual which process speaks to
which, what runs on a node from that node's own plan, and works out from the rules alone what a packet may do.
"""

from functools import cache
from ipaddress import IPv4Network, ip_address, ip_network

from hypothesis import given

from mastodon_infra.model.role import Role
from mastodon_infra.model.services import NetworkMode, PoolerPlace
from mastodon_infra.plan.network_types import Bind, Enforcer, Side
from tests.unit.plan.specs import LAW, plans

APP = {Role.WEB, Role.STREAMING, Role.SIDEKIQ}
ANYONE, SOMEONE_ON_IPV6 = ip_address("198.51.100.7"), ip_address("2001:db8::7")
CLOUDFLARE = ip_address("104.16.0.1")
BALANCER_WITHOUT_VPC = ip_address("192.168.255.9")


def shares_a_certificate(plan):
    """Whether one web node gets a certificate for others: Cloudflare gives each its own."""
    return len(plan.holders(Role.WEB)) > 1 and not plan.spec.edge.proxied


def running(plan, node):
    """Ports that something on the node listens on, from the node's own plan."""
    ports = {22, 9100}
    if node.web:
        ports |= {80, 443, 3000, 9113}
        ports |= {8480} if shares_a_certificate(plan) and node.group == plan.node(plan.tls.acme_node).group else set()
        ports |= {9394} if any(line.name == "puma-metrics" for line in node.memory.lines) else set()
    if node.streaming:
        ports |= set(node.streaming.ports)
    ports |= {9400 + number for number in range(len(node.sidekiq))}
    if Role.POSTGRES in node.roles:
        ports |= {5432, 9187}
    if node.pgbouncer:
        ports |= {6432, 9127}
    if Role.REDIS in node.roles:
        ports |= {6379, 6380, 9121, 9122}
    if Role.MONITORING in node.roles:
        ports |= {9090, 9093, 9115}
    return ports


network = cache(ip_network)


def is_open(plan, source, node, port, side):
    """Whether a packet from that address may come in on that side of the node, by the rules alone."""
    return any(
        rule.group == node.group
        and rule.side is side
        and rule.protocol == "tcp"
        and rule.first_port <= port <= rule.last_port
        and any(source in network(prefix) for prefix in rule.sources)
        for rule in plan.firewall
    )


def needed(plan, client, server):
    """Ports of one node that another must reach over the private network (Mastodon's manual, admin/scaling)."""
    ports = set()
    if APP & set(client.roles):
        if Role.POSTGRES in server.roles:
            ports |= {5432} | ({6432} if plan.pooler.value is PoolerPlace.DATABASE_NODE else set())
        if Role.REDIS in server.roles:
            ports |= {6379}
    if {Role.WEB, Role.SIDEKIQ} & set(client.roles) and Role.REDIS in server.roles:
        ports |= {6380}
    if Role.WEB in client.roles and Role.STREAMING not in client.roles and server.streaming:
        ports |= set(server.streaming.ports)
    if Role.WEB in client.roles:
        ports |= running(plan, server) & {8480}
    if client.name == plan.jump:
        ports |= {22}
    if Role.MONITORING in client.roles:
        ports |= running(plan, server) & {9100, 9113, 9187, 9121, 9122, 9127, 9394}
        ports |= {port for port in running(plan, server) if port >= 9400}
        ports |= set(server.streaming.ports) if server.streaming else set()
    return ports


@LAW
@given(plans())
def test_a_node_reaches_exactly_what_it_needs_of_another(case):
    plan = case.plan
    for client in plan.nodes:
        for server in plan.nodes:
            if client.name != server.name:
                source = ip_address(client.address)
                reached = {port for port in running(plan, server) if is_open(plan, source, server, port, Side.PRIVATE)}
                assert reached == needed(plan, client, server), f"{client.name} to {server.name}"


@LAW
@given(plans())
def test_the_internet_reaches_web_pages_and_the_way_in_only(case):
    plan = case.plan
    admins = [ip_network(prefix) for prefix in plan.spec.allowed_networks]
    edges = _edges(plan)
    for node in plan.nodes:
        for source in (ANYONE, SOMEONE_ON_IPV6, CLOUDFLARE):
            expected = set()
            if (
                Role.WEB in node.roles
                and plan.balancer is None
                and (not plan.spec.edge.proxied or source == CLOUDFLARE)
            ):
                expected |= {80, 443}
            if node.name == plan.jump and any(source in network for network in admins):
                expected |= {22}
            reached = {port for port in edges if is_open(plan, source, node, port, Side.PUBLIC)}
            assert reached == expected, f"{source} to {node.name}"


def _edges(plan):
    """Each port at which some rule begins or ends, its neighbours, and what runs anywhere."""
    edges = {
        port for rule in plan.firewall for end in (rule.first_port, rule.last_port) for port in (end - 1, end, end + 1)
    }
    return edges | {port for node in plan.nodes for port in running(plan, node)}


@LAW
@given(plans())
def test_balancers_reach_every_web_node_and_nothing_else(case):
    plan = case.plan
    web = {node.name for node in plan.nodes if Role.WEB in node.roles}
    assert (plan.balancer is not None) == (len(web) > 1)
    if plan.balancer is None:
        return
    assert set(plan.balancer.nodes) == web
    is_vpc = plan.network.mode.value is NetworkMode.VPC
    source = ip_network(plan.network.balancer_cidr)[1] if is_vpc else BALANCER_WITHOUT_VPC
    side = Side.PRIVATE if is_vpc else Side.PUBLIC
    for node in plan.nodes:
        reached = {port for port in running(plan, node) if is_open(plan, source, node, port, side)}
        # With SSH open to everyone, the shared private network is part of everyone.
        reached -= {22} if node.name == plan.jump and side is Side.PUBLIC else set()
        assert reached == ({80, 443} if node.name in web else set()), node.name


@LAW
@given(plans())
def test_what_people_open_leads_to_a_door_that_is_open_for_them(case):
    """A name that is not proxied is asked by everyone; the machine or balancer behind it must let everyone in."""
    plan = case.plan
    for record in plan.dns.records:
        if record.type != "A":
            continue
        source = CLOUDFLARE if record.is_proxied else ANYONE
        if plan.balancer:
            assert record.target.value in plan.balancer.names
            assert any(source in ip_network(prefix) for prefix in plan.balancer.accepts), record.name
        else:
            node = plan.node(record.target.value)
            assert {port for port in (80, 443) if is_open(plan, source, node, port, Side.PUBLIC)} == {80, 443}, (
                record.name
            )


@LAW
@given(plans())
def test_rules_and_listeners_belong_together(case):
    plan = case.plan
    groups = {group.name for group in plan.groups}
    for rule in plan.firewall:
        assert rule.group in groups
        assert rule.sources
        assert 1 <= rule.first_port <= rule.last_port <= 65535
        behind = [one for one in plan.listeners if one.group == rule.group and _overlap(one, rule)]
        assert behind, f"{rule.name} opens {rule.ports}, and nothing listens there"
        assert all(one.bind is not Bind.LOOPBACK for one in behind), rule.name
        if rule.side is Side.PUBLIC:
            assert all(one.bind is Bind.PUBLIC for one in behind), rule.name
    for one in plan.listeners:
        sides = {rule.side for rule in plan.firewall if rule.group == one.group and _overlap(one, rule)}
        reachable = {Bind.LOOPBACK: set(), Bind.PRIVATE: {Side.PRIVATE}}
        if one.bind is Bind.PUBLIC:
            assert Side.PUBLIC in sides, one
        else:
            assert sides == reachable[one.bind], one


def _overlap(listener, rule):
    return listener.first_port <= rule.last_port and rule.first_port <= listener.last_port


@LAW
@given(plans())
def test_listeners_are_what_runs(case):
    plan = case.plan
    for group in plan.groups:
        listed = [one for one in plan.listeners if one.group == group.name]
        ports = {port for one in listed for port in range(one.first_port, one.last_port + 1)}
        runs = [running(plan, node) for node in plan.nodes if node.group == group.name]
        assert set().union(*runs) <= ports, group.name
        # A range is as wide as the fullest node needs; but whatever listens somewhere must begin to run somewhere.
        for one in listed:
            assert any(one.first_port in ports for ports in runs), one


@LAW
@given(plans())
def test_two_processes_of_a_node_never_want_one_port(case):
    for group in case.plan.groups:
        taken: dict[int, str] = {}
        for one in case.plan.listeners:
            for port in range(one.first_port, one.last_port + 1) if one.group == group.name else ():
                assert taken.setdefault(port, one.process) == one.process, (group.name, port)


@LAW
@given(plans())
def test_prometheus_reaches_all_that_it_asks(case):
    plan = case.plan
    watcher = plan.node(plan.monitoring.node)
    asked = {(target.node, target.port) for target in plan.monitoring.targets}
    for name, port in asked:
        node = plan.node(name)
        assert port in running(plan, node), (name, port)
        if name != watcher.name:
            assert is_open(plan, ip_address(watcher.address), node, port, Side.PRIVATE), (name, port)
    for node in plan.nodes:
        exporters = {
            port for port in running(plan, node) if port in {9100, 9113, 9187, 9121, 9122, 9127, 9394} or port >= 9400
        }
        exporters |= set(node.streaming.ports) if node.streaming else set()
        assert {port for name, port in asked if name == node.name} == exporters, node.name


@LAW
@given(plans())
def test_data_is_never_open_to_the_internet(case):
    for rule in case.plan.firewall:
        if rule.side is Side.PUBLIC:
            assert rule.first_port == rule.last_port
            assert rule.first_port in {22, 80, 443}, rule.name
        else:
            inside = IPv4Network(case.plan.network.cidr)
            assert all(IPv4Network(prefix).subnet_of(inside) for prefix in rule.sources), rule.name


@LAW
@given(plans())
def test_each_rule_names_who_can_hold_it(case):
    """A VLAN is invisible to the cloud's firewall: there nftables holds the private side alone."""
    plan = case.plan
    on_vlan = plan.network.mode.value is NetworkMode.VLAN
    for rule in plan.firewall:
        alone = on_vlan and rule.side is Side.PRIVATE
        assert rule.enforcers == ((Enforcer.HOST,) if alone else (Enforcer.CLOUD, Enforcer.HOST)), rule.name
        assert rule.who
        assert rule.purpose
