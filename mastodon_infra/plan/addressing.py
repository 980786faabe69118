"""Private addresses, chosen here and never discovered later.

The network is a /16. Each role owns a /20 of it, each group a /24 inside its first role's block, and a node's
address is its ordinal in the group's block: raising a count never changes an address that exists.
"""

from __future__ import annotations

import ipaddress

from mastodon_infra.model.role import Role

ROLE_BLOCK = {
    Role.WEB: 1,
    Role.STREAMING: 2,
    Role.SIDEKIQ: 3,
    Role.POSTGRES: 4,
    Role.REDIS: 5,
    Role.MONITORING: 6,
}
"""Which /20 of the network a role owns. Part of every address in use: never renumber."""

BALANCER_BLOCK = 15
FIRST_HOST = 4
"""Node 1 gets .5: a VPC subnet keeps its first addresses for itself."""


def group_cidr(network: str, role: Role, block: int) -> str:
    """The /24 of the ``block``-th group (from 0) whose first role is ``role``."""
    role_block = list(ipaddress.IPv4Network(network).subnets(new_prefix=20))[ROLE_BLOCK[role]]
    return str(list(role_block.subnets(new_prefix=24))[block])


def node_address(cidr: str, ordinal: int) -> str:
    """The address of the ``ordinal``-th node (from 1) in a group's block."""
    return str(ipaddress.ip_network(cidr)[FIRST_HOST + ordinal])


def balancer_cidr(network: str) -> str:
    """The part of the network that NodeBalancers speak from."""
    block = list(ipaddress.IPv4Network(network).subnets(new_prefix=20))[BALANCER_BLOCK]
    return str(next(block.subnets(new_prefix=28)))
