"""The policy pack under the real engine: the shipped program passes it, and each law stops a program that breaks it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.local_cloud import local_cloud
from tests.engine.rehearsed import ROOT, STACK, Rehearsed
from tests.engine.test_verbs import Operator

PACK = ("--policy-pack", str(ROOT / "policies"))
INSTANCE = "mastodon-infra:instance"
DEAR = "g6-dedicated-56"

UNPROTECTED = """
import pulumi_linode as linode

linode.Volume("data-postgres", label="data-postgres", region="au-mel", size=20)
"""
OPEN = """
import pulumi_linode as linode

vpc = linode.Vpc("private", label="private", region="au-mel")
linode.Firewall(
    "firewall-data",
    label=vpc.id.apply(lambda number: f"data-{number}"),
    inbound_policy="DROP",
    outbound_policy="ACCEPT",
    inbounds=[
        linode.FirewallInboundArgs(
            action="ACCEPT", label="database", protocol="TCP", ports="80, 5000-6000", ipv4s=["0.0.0.0/0"]
        )
    ],
)
"""
BARE = """
import pulumi_linode as linode

linode.Instance(
    "postgres-1", label="postgres-1", region="au-mel", type="g6-standard-1", image="linode/debian13",
    authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSbTDNIB+p5uzx7MH9xS9e1o6wCRvLxvgJxBZrzCzh/ alice@laptop"],
)
"""


def with_pack(stack: Rehearsed) -> Rehearsed:
    """The same stack, with the pack's launcher where its engine looks."""
    subprocess.run([ROOT / "scripts" / "policies"], env=stack.cloud.environment(), check=True, timeout=300)
    return stack


@pytest.fixture
def program(tmp_path: Path):
    """A project of a few lines in an empty local cloud."""

    def made(text: str) -> Rehearsed:
        stack = Rehearsed(local_cloud(tmp_path / "rehearsal"), ROOT)
        (stack.project / "stacks").mkdir(parents=True)
        (stack.project / "Pulumi.yaml").write_text(
            "name: trial\nstackConfigDir: stacks\n"
            f"runtime: {{name: python, options: {{toolchain: pip, virtualenv: {ROOT}/.venv}}}}\n"
        )
        (stack.project / "__main__.py").write_text(text)
        stack.say("stack", "init", STACK)
        return with_pack(stack)

    return made


def test_the_shipped_program_passes_before_anything_exists(tmp_path):
    stack = with_pack(Rehearsed.new(tmp_path / "rehearsal", {"size": "medium"}))

    text = stack.say("preview", *PACK)

    assert "mastodon-infra@v1.0.0" in text
    assert "mandatory" not in text
    assert "advisory" not in text


def test_data_without_protection_is_refused_before_anything_is_made(program):
    stack = program(UNPROTECTED)

    done = stack.run("up", "--yes", *PACK)

    assert done.status != 0
    assert "data-postgres is not protected: deleting it loses a volume's data" in done.text
    assert not stack.files()


def test_a_disposable_stack_needs_no_protection(program):
    stack = program(UNPROTECTED)
    stack.say("config", "set", "--path", f"{INSTANCE}.disposable", "true")

    stack.say("preview", *PACK)


def test_an_inner_port_open_to_the_world_is_refused(program):
    """A value that the preview cannot know, the label here, does not hide the rest."""
    done = program(OPEN).run("preview", *PACK)

    assert done.status != 0
    assert "firewall-data opens port 5000-6000 (PostgreSQL) to 0.0.0.0/0 (rule database)" in done.text


def test_a_machine_without_a_firewall_is_refused(program):
    done = program(BARE).run("preview", *PACK)

    assert done.status != 0
    assert "postgres-1 has a public interface and no firewall" in done.text


def test_a_stack_above_its_ceiling_is_refused_until_the_ceiling_is_raised_for_it(tmp_path):
    stack = with_pack(
        Rehearsed.new(tmp_path / "rehearsal", {"size": "small", "nodes": {"web": {"machine_type": DEAR}}})
    )
    raised = tmp_path / "config.json"
    raised.write_text(
        json.dumps(
            {
                "monthly-budget": {
                    "enforcementLevel": "mandatory",
                    "usd_month": 500,
                    "usd_month_of_stack": {STACK: 5000},
                }
            }
        )
    )

    refused = stack.run("preview", *PACK)

    assert refused.status != 0
    assert "agreed are $500.00: raise it in policies/config.json" in refused.text
    stack.say("preview", *PACK, "--policy-pack-config", str(raised))


def test_our_up_asks_the_policies_first_and_makes_nothing_that_they_refuse(tmp_path):
    dear = {"size": "small", "disposable": True, "nodes": {"web": {"machine_type": DEAR}}}
    stack = with_pack(Rehearsed.new(tmp_path / "rehearsal", dear))
    (stack.project / "policies").symlink_to(ROOT / "policies")
    (stack.project / ".tools").mkdir()
    (stack.project / ".tools" / "policies").symlink_to(ROOT / ".tools" / "policies")
    operator = Operator(stack)

    code, _, problem = operator.give("up", "--yes")

    assert (code, len(problem.splitlines())) == (1, 2), problem
    assert "the policy monthly-budget refuses it" in problem
    assert "agreed are $500.00" in problem
    assert (stack.names(), stack.machines()) == (set(), {})

    stack.ask({"size": "solo", "disposable": True})
    code, told, problem = operator.give("up", "--yes")

    assert code == 0, problem
    assert "Policies were not asked" not in told


def test_our_up_says_that_no_policies_were_asked(tmp_path):
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo", "disposable": True})

    code, told, _ = Operator(stack).give("up")

    assert (code, told) == (1, ""), "nobody can be asked"
    code, told, problem = Operator(stack).give("up", "--yes")
    assert code == 0, problem
    assert "Policies were not asked: scripts/policies makes them ready." in told
