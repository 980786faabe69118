"""What the firewall and the balancer of a rehearsal are told, where no trial on real namespaces looks."""

from mastodon_infra.catalog.limits import NODEBALANCER_SOURCES
from mastodon_infra.rehearsal.clouds.linode import CONFIG, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER, FIREWALL, INSTANCE
from mastodon_infra.rehearsal.machines.services.balancer import configuration
from mastodon_infra.rehearsal.machines.services.firewall import ruleset
from mastodon_infra.rehearsal.world import Thing, World


def put(world, token, identity, inputs, **outputs):
    world.put(Thing(token, identity, inputs, outputs))


def test_without_a_vpc_a_balancer_speaks_from_linodes_own_range(tmp_path):
    world = World(tmp_path)
    put(world, BALANCER, "1", {"label": "front"}, ipv4="198.19.0.1")
    put(world, CONFIG, "2", {"nodebalancerId": 1, "port": 443, "protocol": "tcp", "proxyProtocol": "v2"})
    put(world, NODE, "3", {"configId": 2, "address": "192.168.130.5:443"})
    start = NODEBALANCER_SOURCES.prefixes[0].removesuffix("0/24")
    (server,) = [line for line in configuration(world).splitlines() if line.startswith("  server ")]
    assert server == f"  server 3 192.168.130.5:443 source {start}1 weight 100 send-proxy-v2"


def test_on_a_vlan_the_firewall_stands_before_the_public_side_alone(tmp_path):
    world = World(tmp_path)
    vlan = [{"purpose": "public"}, {"purpose": "vlan", "label": "v", "ipamAddress": "10.9.0.5/16"}]
    outputs = {"ipv4s": ["198.18.0.9", "192.168.128.9"], "ipv6": "2001:db8::9/128"}
    put(world, INSTANCE, "5", {"firewallId": 7, "interfaces": vlan}, **outputs)
    rules = [{"action": "ACCEPT", "label": "ping", "protocol": "ICMP", "ipv4s": ["0.0.0.0/0"], "ipv6s": ["::/0"]}]
    put(world, FIREWALL, "7", {"label": "w", "inboundPolicy": "DROP", "outboundPolicy": "ACCEPT", "inbounds": rules})
    told = [line.strip() for line in ruleset(world).splitlines()]
    jumps = [line for line in told if line.endswith("jump in_7")]
    assert jumps == [
        "ip daddr 198.18.0.9 jump in_7",
        "ip daddr 192.168.128.9 jump in_7",
        "ip6 daddr 2001:db8::9 jump in_7",
    ]
    assert told[told.index("chain in_7 {  # w") + 1 :][:4] == [
        "meta nfproto ipv4 meta l4proto icmp return",
        "meta nfproto ipv6 meta l4proto icmpv6 return",
        "drop",
        "}",
    ]
