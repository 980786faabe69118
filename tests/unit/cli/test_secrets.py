import json

import pytest

from mastodon_infra.render.fingerprints import fingerprints
from tests.unit.cli.pulumi_script import WIRING, Pulumi

KEY = "mastodon-infra:secretKeyBase"


@pytest.fixture
def pulumi(folder) -> Pulumi:
    made = Pulumi(folder)
    made.is_deployed()
    made.tell("stack export", json.dumps({"deployment": {"resources": []}}))
    made.tell("config set", "")
    return made


def test_list_tells_sources_and_fingerprints_and_no_value(cli, stack, pulumi):
    stack("social")
    pulumi.tell("config", json.dumps({"mastodon-infra:smtpPassword": {"value": "summer2026", "secret": True}}))

    outcome = cli("secrets", "list", "social")

    assert (outcome.code, outcome.err) == (0, "")
    lines = {line.split()[1]: line.split() for line in outcome.out.splitlines()}
    assert lines["smtpPassword"] == ["given", "smtpPassword"]
    assert lines["secretKeyBase"] == ["generated", "secretKeyBase", fingerprints(WIRING)["secret_key_base"]]
    assert "summer2026" not in outcome.out
    assert WIRING.secret_key_base not in outcome.out


def test_value_to_adopt_goes_in_by_standard_input_only(cli, stack, pulumi):
    stack("social")
    pulumi.tell("config", json.dumps({KEY: {"value": WIRING.secret_key_base, "secret": True}}))

    outcome = cli("secrets", "adopt", "social", "secretKeyBase")

    assert outcome.code == 0
    assert outcome.out == f"{KEY} is given already: nothing to do\n"
    assert WIRING.secret_key_base not in pulumi.asked


def test_key_that_the_engine_did_not_keep_is_noticed(cli, stack, pulumi):
    stack("social")

    outcome = cli("secrets", "adopt", "social", "secretKeyBase")

    assert f"config set --secret {KEY}" in pulumi.asked
    assert outcome.code == 1
    assert WIRING.secret_key_base not in pulumi.asked + outcome.err


def test_unknown_key_names_the_known_ones(cli, stack, pulumi):
    stack("social")

    outcome = cli("secrets", "adopt", "social", "redisPassword")

    assert outcome.code == 1
    assert "secretKeyBase, encryptionPrimaryKey" in outcome.err
