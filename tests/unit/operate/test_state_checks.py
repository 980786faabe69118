"""What is said of the engine, the state and the secrets, from what the engine told."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.metadata import version

import pytest

from mastodon_infra.errors import ToolError
from mastodon_infra.operate.adoption import known_secrets
from mastodon_infra.operate.engine import PassphraseError
from mastodon_infra.operate.keys import CONFIG_KEYS, LOGICAL_NAMES, key_named
from mastodon_infra.operate.situation import Situation
from mastodon_infra.operate.state_checks import state_checks
from mastodon_infra.program.outputs import StackOutputs, read_outputs
from mastodon_infra.render.fingerprints import LIFE_LONG, fingerprints
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.escrow import EscrowRecord
from tests.unit.cost.made import WASABI, plan_of
from tests.unit.operate.made import by_name

PLAN = plan_of(size="small")
WIRING = Wiring.placeholder(PLAN)
FRESH = Situation(version=version("pulumi"), backend="s3://state", config={})


def deployed() -> StackOutputs:
    return read_outputs(
        {
            "website": "https://social.example",
            "nodeAddresses": {},
            "balancerAddresses": {},
            "jumpAddress": "192.0.2.1",
            "knownHosts": "",
            "dnsToSet": [],
            "isDisposable": False,
            "bundleDigests": {},
            "keyFingerprints": fingerprints(WIRING),
            "nextCommands": [],
            "wiring": json.dumps(asdict(WIRING)),
        }
    )


RUNNING = replace(FRESH, outputs=deployed())


def checked(situation: Situation, plan=PLAN):
    return by_name(state_checks(plan, situation, stack="social"))


def test_first_deployment_has_nothing_against_it():
    told = checked(FRESH)

    assert {name: check.outcome for name, check in told.items()} == {
        "pulumi": "ok",
        "backend": "ok",
        "passphrase": "ok",
        "given secrets": "ok",
        "keys": "skipped",
    }


def test_second_deployment_waits_for_the_escrow():
    kept = EscrowRecord("2026-11-22", fingerprints(WIRING))

    assert checked(RUNNING)["keys"].outcome == "failed"
    assert checked(replace(RUNNING, recorded=kept))["keys"].outcome == "ok"


@pytest.mark.parametrize("seen", ["3.100.0", "4.0.0", "", "v"])
def test_engine_that_does_not_fit_the_sdk_fails(seen):
    check = checked(replace(FRESH, version=seen))["pulumi"]

    assert (check.outcome, check.remedy) == ("failed", "make engine")


def test_newer_engine_of_the_same_major_version_fits():
    major, minor, _ = version("pulumi").split(".")

    assert checked(replace(FRESH, version=f"{major}.{int(minor) + 1}.0"))["pulumi"].outcome == "ok"


@pytest.mark.parametrize(("plan", "outcome"), [(PLAN, "warn"), (plan_of(size="small", disposable=True), "ok")])
def test_plain_file_for_a_state_is_a_warning_where_data_is_kept(plan, outcome):
    assert checked(replace(FRESH, backend="file:///srv/state"), plan)["backend"].outcome == outcome


@pytest.mark.parametrize(
    ("asked", "named"), [("engine", "pulumi"), ("backend", "backend"), ("config", "passphrase"), ("outputs", "outputs")]
)
def test_what_the_engine_refuses_fails_with_its_hint(asked, named):
    config: dict[str, str] | None = {} if asked == "outputs" else None
    trouble = ToolError("there is no passphrase", hint="set it")
    check = checked(replace(FRESH, config=config, troubles={asked: trouble}))[named]

    assert (check.outcome, check.seen, check.remedy) == ("failed", "there is no passphrase", "set it")


def test_wrong_passphrase_that_only_the_outputs_tell_is_no_passphrase_that_fits():
    told = checked(replace(FRESH, troubles={"outputs": PassphraseError("the passphrase is another", hint="the right")}))

    assert (told["passphrase"].outcome, told["passphrase"].seen) == ("failed", "the passphrase is another")
    assert "outputs" not in told


def test_keys_that_are_given_and_generated_fail_once_with_the_way_out():
    config = {
        "mastodon-infra:secretKeyBase": WIRING.secret_key_base,
        "mastodon-infra:vapidPrivateKey": WIRING.vapid_private_key,
    }
    protected = frozenset({"secret-key-base", "vapid", "data-postgres"})

    twice = checked(replace(RUNNING, config=config, protected=protected))["generated keys"]
    adopted = checked(replace(RUNNING, config=config, protected=frozenset({"data-postgres"})))

    assert (twice.outcome, twice.seen.rpartition(": ")[2]) == ("failed", "secretKeyBase, vapidPrivateKey")
    assert "mastodon-infra secrets adopt social vapidPrivateKey" in twice.remedy
    assert "generated keys" not in adopted


def test_secrets_that_are_missing_or_ill_formed_fail_each_by_its_name():
    plan = plan_of(size="small", storage=WASABI)
    config = {"mastodon-infra:wasabiAccessKey": "x", "mastodon-infra:secretKeyBase": "too-short-to-be-one"}

    told = checked(replace(FRESH, config=config), plan)

    assert told["wasabiSecretKey"].seen == "is missing"
    assert told["secretKeyBase"].outcome == "failed"
    assert "too-short-to-be-one" not in repr(told)
    assert "given secrets" not in told


def test_given_key_that_is_not_the_one_in_use_fails_and_the_same_one_does_not():
    name, key = "secret_key_base", "mastodon-infra:secretKeyBase"

    other = checked(replace(RUNNING, config={key: "f" * 128}))
    same = checked(replace(RUNNING, config={key: WIRING.secret_key_base}))

    assert other[name].outcome == "failed"
    assert name not in same


# --- Names and lists -------------------------------------------------------------------------------------------------


def test_every_life_long_key_has_a_name_in_the_config_and_in_the_state():
    assert set(CONFIG_KEYS) == set(LOGICAL_NAMES) == set(LIFE_LONG)


@pytest.mark.parametrize(
    "asked", ["secretKeyBase", "secret_key_base", "mastodon-infra:secretKeyBase", "SECRET-KEY-BASE"]
)
def test_key_is_found_however_it_is_written(asked):
    assert key_named(asked) == "secret_key_base"


def test_unknown_key_names_the_known_ones():
    with pytest.raises(Exception, match="there are: secretKeyBase"):
        key_named("redisPassword")


def test_passwords_that_people_chose_have_no_fingerprint():
    given = {"mastodon-infra:smtpPassword": "summer2026", "mastodon-infra:secretKeyBase": "a" * 128}

    listed = {one.key.partition(":")[2]: one for one in known_secrets(given, deployed())}

    assert (listed["smtpPassword"].source, listed["smtpPassword"].fingerprint) == ("given", "")
    assert listed["secretKeyBase"].source == "given"
    assert listed["vapidPrivateKey"].source == "generated"
    assert listed["vapidPrivateKey"].fingerprint == fingerprints(WIRING)["vapid_private_key"]
    assert listed["wasabiSecretKey"].source == "absent"
