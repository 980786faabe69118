"""What machines say of themselves, and what it means. The texts are systemd's, chrony's and apt's own."""

from __future__ import annotations

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.verify.everything import subject_of
from mastodon_infra.operate.verify.machines import (
    FINGERPRINTS,
    judge_clock,
    judge_digest,
    judge_failed_units,
    judge_keys,
    judge_reboot,
    judge_units,
    machine_questions,
)
from mastodon_infra.operate.verify.questions import Said
from tests.unit.operate.verify.made import outputs_for

ACTIVE = """\
Id={name}
LoadState=loaded
ActiveState=active
ConditionTimestampMonotonic=28757165036
ConditionResult=yes
"""
PASSED_OVER = """\
Id=chrony.service
LoadState=loaded
ActiveState=inactive
ConditionTimestampMonotonic=28757165036
ConditionResult=no
"""
NEVER_STARTED = """\
Id=mastodon-web.service
LoadState=loaded
ActiveState=inactive
ConditionTimestampMonotonic=0
ConditionResult=no
"""
MISSING = """\
Id=mastodon-web.service
LoadState=not-found
ActiveState=inactive
ConditionTimestampMonotonic=0
ConditionResult=no
"""
TRACKING = """\
Reference ID    : A29FC87B (time.cloudflare.com)
Stratum         : 4
Ref time (UTC)  : Mon Nov 23 03:10:12 2026
System time     : {offset} seconds slow of NTP time
Last offset     : -0.000021 seconds
Leap status     : {leap}
"""


def said(text: str, status: int = 0) -> Said:
    return Said(status, text, "")


def told(checks: object) -> list[tuple[str, str]]:
    return [(check.outcome.value, check.seen) for check in checks]  # type: ignore[attr-defined]


def test_units_that_are_all_active_are_counted() -> None:
    blocks = "\n".join(ACTIVE.format(name=name) for name in ("nginx.service", "ssh.service"))
    assert told(judge_units("web-1", ("nginx.service", "ssh.service"), said(blocks))) == [("ok", "2 of 2 are active")]


def test_a_unit_that_systemd_passed_over_proves_nothing_and_is_told() -> None:
    blocks = ACTIVE.format(name="nginx.service") + "\n" + PASSED_OVER
    assert told(judge_units("web-1", ("nginx.service", "chrony.service"), said(blocks))) == [
        ("ok", "1 of 2 are active"),
        ("unproven", "systemd passed it over: a condition of it does not hold there"),
    ]


def test_a_unit_that_never_started_is_no_unit_that_was_passed_over() -> None:
    ((outcome, seen),) = told(judge_units("web-1", ("mastodon-web.service",), said(NEVER_STARTED)))
    assert (outcome, seen) == ("failed", "mastodon-web.service is inactive")


def test_a_unit_that_is_not_there_fails() -> None:
    for blocks in (MISSING, ""):
        ((outcome, seen),) = told(judge_units("web-1", ("mastodon-web.service",), said(blocks)))
        assert (outcome, seen) == ("failed", "mastodon-web.service is not there")


def test_any_failed_unit_is_named_planned_or_not() -> None:
    assert told(judge_failed_units("web-1", said("cron.service\n"))) == [("failed", "cron.service")]
    assert told(judge_failed_units("web-1", said(""))) == [("ok", "none")]


def test_a_systemd_that_does_not_answer_is_not_one_without_failures() -> None:
    (check,) = judge_failed_units("web-1", Said(1, "", "Failed to connect to bus: No such file or directory"))
    assert (check.outcome.value, "Failed to connect to bus" in check.seen) == ("failed", True)
    (check,) = judge_reboot("web-1", Said(124, "", "timeout"))
    assert check.outcome.value == "failed"


def test_a_clock_that_follows_a_source_and_is_near_it_is_right() -> None:
    running = PASSED_OVER.replace("inactive", "active").replace("=no", "=yes")
    right = running + TRACKING.format(offset="0.000012318", leap="Normal")
    assert told(judge_clock("web-1", said(right))) == [("ok", "off by 0.0 ms")]
    late = running + TRACKING.format(offset="2.5", leap="Normal")
    assert told(judge_clock("web-1", said(late))) == [("failed", "off by 2500.0 ms")]
    lost = running + TRACKING.format(offset="0.000012318", leap="Not synchronised")
    assert told(judge_clock("web-1", said(lost))) == [("failed", "not synchronised (Not synchronised)")]


def test_a_clock_that_chrony_may_not_set_is_not_proven() -> None:
    ((outcome, _),) = told(judge_clock("web-1", said(PASSED_OVER + "506 Cannot talk to daemon\n", status=1)))
    assert outcome == "unproven"


def test_chrony_that_should_run_and_does_not_answer_fails() -> None:
    text = PASSED_OVER.replace("=no", "=yes") + "506 Cannot talk to daemon\n"
    ((outcome, _),) = told(judge_clock("web-1", said(text, status=1)))
    assert outcome == "failed"


def test_a_reboot_that_is_waited_for_is_a_warning_that_names_the_packages() -> None:
    assert told(judge_reboot("web-1", said(""))) == [("ok", "none is waited for")]
    found = told(judge_reboot("web-1", said("linux-image-amd64\nlibc6\nlibc6\n")))
    assert found == [("warn", "fixes wait for a reboot: libc6, linux-image-amd64")]
    assert told(judge_reboot("web-1", said("", status=1))) == [("warn", "fixes wait for a reboot: of a package")]


def test_a_machine_with_another_bundle_awaits_convergence() -> None:
    digest = "73435de723ef" + "0" * 52
    assert told(judge_digest("web-1", digest, said(f"{digest}\n"))) == [("ok", "it holds 73435de723ef")]
    (check,) = judge_digest("web-1", digest, said("4dce5fbae693\n"))
    assert check.outcome.value == "failed"
    assert check.remedy == "mastodon-infra converge STACK --node web-1"
    assert told(judge_digest("web-1", digest, said("", status=1))) == [
        ("failed", "it holds none, and should hold 73435de723ef")
    ]


def test_other_life_long_keys_than_the_states_are_named() -> None:
    wanted = {"secret_key_base": "dfad", "vapid_private_key": "240e"}
    mine = "secret_key_base dfad\nvapid_private_key 240e\n"
    assert told(judge_keys("web-1", wanted, said(mine))) == [("ok", "2 life-long keys are those of the state")]
    ((outcome, seen),) = told(judge_keys("web-1", wanted, said(mine.replace("240e", "ffff"))))
    assert (outcome, seen) == ("failed", "other keys than the state's: vapid_private_key")
    assert told(judge_keys("web-1", wanted, said(""))) == [("failed", "no fingerprints there")]


def test_a_key_that_only_one_side_has_is_named_whichever_side_it_is() -> None:
    wanted = {"secret_key_base": "dfad", "vapid_private_key": "240e"}
    ((outcome, seen),) = told(judge_keys("web-1", wanted, said("secret_key_base dfad\n")))
    assert (outcome, seen) == ("failed", "other keys than the state's: vapid_private_key")
    more = "secret_key_base dfad\nvapid_private_key 240e\notp_secret 1234\n"
    ((outcome, seen),) = told(judge_keys("web-1", wanted, said(more)))
    assert (outcome, seen) == ("failed", "other keys than the state's: otp_secret")


@pytest.mark.parametrize("size", ["solo", "medium"])
def test_what_a_deployment_writes_on_nodes_is_what_is_asked_for(size: str) -> None:
    plan = load("demo", None, changes={"size": size}).plan
    subject = subject_of("demo", plan, outputs_for(plan))
    asked = [one for one in machine_questions(subject) if one.group == "keys"]
    for question in asked:
        files = {file.path: file.content for file in subject.bundles[question.name].files}
        assert [outcome for outcome, _ in told(question.judge(said(files[FINGERPRINTS])))] == ["ok"]
    with_keys = {name for name, one in subject.bundles.items() if any(f.path == FINGERPRINTS for f in one.files)}
    assert {question.name for question in asked} == with_keys
    assert with_keys
