"""Kernel settings that run, held against those of the bundle."""

from __future__ import annotations

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.verify.everything import GROUPS, all_questions, subject_of
from mastodon_infra.operate.verify.kernel import asked, judge_kernel, planned_sysctls
from mastodon_infra.operate.verify.questions import Said, Subject
from tests.unit.operate.verify.made import outputs_for

PLANNED = {"vm.swappiness": "1", "net.ipv4.ip_local_port_range": "10240 65535"}
RUNNING = "vm.swappiness = {swappiness}\nnet.ipv4.ip_local_port_range = 10240\t65535\n"


@pytest.fixture(scope="module")
def subject() -> Subject:
    plan = load("demo", None, changes={"size": "medium"}).plan
    return subject_of("demo", plan, outputs_for(plan))


def told(virt: str, swappiness: str) -> list[tuple[str, str, str]]:
    said = Said(0, f"{virt}\n" + RUNNING.format(swappiness=swappiness), "")
    return [(check.name, check.outcome.value, check.seen) for check in judge_kernel("web-1", PLANNED, said)]


def test_every_setting_of_the_plan_is_asked_of_every_node(subject: Subject) -> None:
    questions = list(all_questions(subject, groups=("kernel",)))
    assert [question.name for question in questions] == [node.name for node in subject.plan.nodes]
    for node in subject.plan.nodes:
        planned = planned_sysctls(subject.bundles[node.name])
        wanted = {one.name: str(one.setting.value) for one in node.kernel.sysctls}
        assert planned == wanted | {"net.ipv4.ip_nonlocal_bind": "1"}
        assert all(f"sysctl -n {name})" in asked(node.name, planned).words[-1] for name in wanted)
    assert "kernel" in GROUPS


def test_a_machine_whose_kernel_has_the_planned_values_is_right() -> None:
    assert told("none", "1") == [("web-1", "ok", "2 settings are as planned")]


@pytest.mark.parametrize(("value", "shown"), [("60", "60"), ("", "not known")])
def test_another_value_fails_on_a_machine_and_is_named(value: str, shown: str) -> None:
    assert told("none", value) == [("web-1", "failed", f"vm.swappiness is {shown}, and should be 1")]


def test_in_a_container_another_value_is_not_proven_and_memory_never_is() -> None:
    (setting, memory) = told("systemd-nspawn", "60")
    assert setting[1:] == (
        "unproven",
        "a container (systemd-nspawn) has its host's kernel: vm.swappiness is 60, and should be 1",
    )
    assert memory[:2] == ("web-1: memory and size", "unproven")
    assert [outcome for _, outcome, _ in told("systemd-nspawn", "1")] == ["ok", "unproven"]


def test_a_machine_that_does_not_say_fails() -> None:
    (check,) = judge_kernel("web-1", PLANNED, Said(124, "", "timeout"))
    assert check.outcome.value == "failed"
