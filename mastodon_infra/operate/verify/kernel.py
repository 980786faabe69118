"""The kernel: what runs on each machine is what the plan says. A container has its host's kernel, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject, shell
from mastodon_infra.render.bundle_types import NodeBundle

KERNEL = Group("kernel")
SETTINGS = "/etc/sysctl.d/60-mastodon-infra.conf"


def kernel_questions(subject: Subject) -> Iterator[Question]:
    """One to every node."""
    for node in subject.plan.nodes:
        planned = planned_sysctls(subject.bundles[node.name])
        yield Question("kernel", node.name, asked(node.name, planned), partial(judge_kernel, node.name, planned))


def planned_sysctls(bundle: NodeBundle) -> dict[str, str]:
    """Every setting that the bundle gives the kernel."""
    content = next(file.content for file in bundle.files if file.path == SETTINGS)
    return dict(re.findall(r"^([a-z0-9_.]+) = (.+)$", content, re.MULTILINE))


def asked(node: str, planned: Mapping[str, str]) -> OnNode:
    """In which kind of container it runs (else ``none``), then a line for each name that its kernel knows."""
    lines = [f'echo "{name} = $(sysctl -n {name})"' for name in planned]
    return shell(node, "\n".join(["systemd-detect-virt --container || true", *lines]))


def judge_kernel(node: str, planned: Mapping[str, str], said: Said) -> Iterator[Check]:
    """Each value is the planned one. In a container another one may be its host's, which nobody may change."""
    if not said or not said.stdout.strip():
        yield KERNEL.failed(node, f"it does not say: {said.trouble}", f"mastodon-infra ssh STACK {node}")
        return
    container, *lines = said.stdout.splitlines()
    running = {name.strip(): " ".join(value.split()) for name, _, value in (line.partition("=") for line in lines)}
    others = [
        f"{name} is {running.get(name) or 'not known'}, and should be {wanted}"
        for name, wanted in planned.items()
        if running.get(name) != " ".join(wanted.split())
    ]
    is_guest = container.strip() != "none"
    if others and is_guest:
        yield KERNEL.unproven(node, f"a container ({container}) has its host's kernel: {'; '.join(others)}")
    elif others:
        yield KERNEL.failed(node, "; ".join(others), f"mastodon-infra ssh STACK {node} -- sysctl --system")
    else:
        yield KERNEL.ok(node, f"{len(planned)} settings are as planned")
    if is_guest:
        told = f"a container ({container}) has its host's memory and processors: limits and size are not seen"
        yield KERNEL.unproven(f"{node}: memory and size", told)
