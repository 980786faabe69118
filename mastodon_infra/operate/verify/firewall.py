"""The rules that each machine's kernel really applies, beside those of its bundle."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject

FIREWALL = Group("firewall")
RULES = "/etc/nftables.conf"
TABLE = "inet mastodon_infra"

# A network namespace of its own takes the planned rules first: nft then writes both in the same words.
COMPARE = f"""
planned=$(unshare --net bash -c 'nft --file - && nft list table {TABLE}') || exit 3
nft list table {TABLE} > /dev/null 2>&1 || exit 4
diff <(printf '%s\\n' "$planned") <(nft list table {TABLE})
"""
NOT_LOADED, DIFFERS, SAME = 4, 1, 0


def firewall_questions(subject: Subject) -> Iterator[Question]:
    """One to every node."""
    for node in subject.plan.nodes:
        ask = OnNode(node.name, ("bash", "-c", COMPARE), stdin=subject.bundles[node.name].file(RULES).content)
        yield Question("firewall", node.name, ask, partial(judge_rules, node.name))


def judge_rules(node: str, said: Said) -> Iterator[Check]:
    """The kernel's rules for IPv4 and IPv6 are the planned ones, to the last word."""
    remedy = f"mastodon-infra ssh STACK {node} -- sudo systemctl reload nftables.service; docs/runbooks/firewall-off.md"
    changed = [line for line in said.stdout.splitlines() if line.startswith(("<", ">"))]
    if said.status == SAME:
        yield FIREWALL.ok(node, "the rules that it applies are the planned ones")
    elif said.status == NOT_LOADED:
        yield FIREWALL.failed(node, "no rules are loaded: only the cloud's firewall stands before it", remedy)
    elif said.status == DIFFERS and changed:
        told = f"{len(changed)} rules differ, the first: {' '.join(changed[0][1:].split())}"
        yield FIREWALL.failed(node, told, remedy)
    else:
        yield FIREWALL.failed(node, f"its rules cannot be compared: {said.trouble}", remedy)
