"""The program as the engine runs it: the folder's script, with the stack's config."""

import json
import runpy
import sys
from pathlib import Path

import pulumi
import pytest

import mastodon_infra.program.build as build_module
from mastodon_infra.errors import ToolError
from mastodon_infra.program.offline import record
from mastodon_infra.program.outputs import read_outputs

FOLDER = Path(build_module.__file__).parent
INSTANCE = "mastodon-infra:instance"


@pytest.fixture
def run_program(stand_in, monkeypatch):
    """Run ``program/__main__.py`` with a config, with rendering stood in for."""
    original = build_module.build

    def run(config):
        monkeypatch.setattr(build_module, "build", lambda plan, secrets: original(plan, secrets, first_boot=stand_in))
        monkeypatch.chdir(FOLDER)
        monkeypatch.syspath_prepend(str(FOLDER))
        return record(lambda: runpy.run_path(str(FOLDER / "__main__.py"), run_name="__main__"), config=config)

    return run


def test_program_builds_the_instance_of_its_config(run_program, ask):
    run = run_program({INSTANCE: json.dumps(ask({"size": "large"}))})

    assert {"web-1", "web-2", "web-3", "postgres-1", "balancer-1"} <= {one.name for one in run.resources}
    assert run.outputs["website"] == "https://social.example"
    assert set(run.outputs["balancerAddresses"]) == {"balancer-1"}
    assert run.outputs["jumpAddress"] == run.outputs["nodeAddresses"]["monitoring-1"]
    assert run.outputs["isDisposable"] is False
    assert run.outputs["dnsToSet"] == []
    wiring = json.loads(run.outputs["wiring"])
    assert wiring["redis_password"] == "<<redis-password>>"
    assert [key["node"] for key in wiring["host_keys"]][:2] == ["web-1", "web-2"]


def test_known_hosts_tell_each_nodes_key(run_program, ask):
    run = run_program({INSTANCE: json.dumps(ask({"size": "solo"}))})
    address = run.outputs["nodeAddresses"]["web-1"]

    assert run.outputs["knownHosts"] == f"{address},10.64.16.5,web-1.mastodon.internal <<host-key-web-1 public key>>\n"


def test_manual_dns_is_told_with_addresses(run_program, ask):
    run = run_program({INSTANCE: json.dumps(ask({"size": "solo", "edge": {"dns": "manual"}}))})
    address = run.outputs["nodeAddresses"]["web-1"]

    assert {"host": "social.example", "type": "A", "content": address, "purpose": "the web site and the API"} in (
        run.outputs["dnsToSet"]
    )


def test_missing_secrets_are_told_all_at_once_without_a_traceback(run_program, ask):
    parts = {"size": "solo", "storage": {"provider": "wasabi"}, "alerts": {"webhook_host": "hooks.chat.example"}}

    with pytest.raises(pulumi.RunError) as told:
        run_program({INSTANCE: json.dumps(ask(parts))})

    for key in ("wasabiAccessKey", "wasabiSecretKey", "alertWebhook"):
        assert f"the secret mastodon-infra:{key} is missing" in str(told.value)
        assert f"hint: pulumi config set --secret {key}" in str(told.value)


def test_given_credentials_go_to_their_own_vendor_only(run_program, ask, one):
    config = {
        INSTANCE: json.dumps(ask({"size": "solo", "storage": {"provider": "wasabi"}})),
        "mastodon-infra:wasabiAccessKey": "wasabi-key",
        "mastodon-infra:wasabiSecretKey": "wasabi-secret",
        "linode:token": "linode-token",
    }

    run = run_program(config)

    assert one(run.resources, "aws", "media-store").inputs["secretKey"] == "[secret]"
    assert one(run.resources, "linode", "linode").inputs["token"] == "[secret]"
    assert "wasabi-secret" not in json.dumps([record.inputs for record in run.resources])


def test_wrong_instance_is_refused_with_its_problems(run_program, ask):
    with pytest.raises(pulumi.RunError, match="enormous"):
        run_program({INSTANCE: json.dumps(ask({"size": "enormous"}))})


def test_no_module_of_the_program_hides_a_standard_one():
    names = {file.stem for file in FOLDER.glob("*.py")}

    assert "__main__" in names
    assert not names & set(sys.stdlib_module_names) - {"__main__"}


def test_given_secrets_that_no_machine_could_carry_are_told_all_at_once_and_not_shown(run_program, ask):
    config = {
        INSTANCE: json.dumps(ask({"size": "solo"})),
        "mastodon-infra:encryptionPrimaryKey": "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY",
        "mastodon-infra:vapidPrivateKey": "not-a-key-at-all",
    }

    with pytest.raises(pulumi.RunError) as told:
        run_program(config)

    assert "encryptionPrimaryKey is the name of a variable, not its value" in str(told.value)
    assert "vapidPrivateKey is no Web Push key" in str(told.value)
    assert "not-a-key-at-all" not in str(told.value)


def test_outputs_read_back_with_types(run_program, ask):
    run = run_program({INSTANCE: json.dumps(ask({"size": "large", "edge": {"dns": "manual"}}))})

    read = read_outputs(run.outputs)

    assert set(read.bundle_digests) == set(read.node_addresses) == set(read.node_addresses_v6)
    assert set(read.balancer_addresses) == set(read.balancer_addresses_v6) != set()
    assert len(set(read.bundle_digests.values())) == len(read.bundle_digests), "each node holds something of its own"
    assert {record.type for record in read.dns_to_set} >= {"A", "AAAA", "CAA"}
    assert read.wiring
    assert read.wiring.redis_password == "<<redis-password>>"
    assert read.wiring.site_certificate_request == "<<site request>>"
    assert read.wiring.host_key("web-1").public_key == "<<host-key-web-1 public key>>"
    assert f"ssh alice@{read.jump_address} cloud-init status --wait" in read.next_commands
    assert read.next_commands[0].endswith(" dnsToSet   # set these records")


def test_fingerprints_are_of_every_life_long_key_and_show_none(run_program, ask):
    config = {INSTANCE: json.dumps(ask({"size": "solo"}))}
    given = {**config, "mastodon-infra:encryptionPrimaryKey": "k" * 32}

    made, other = (read_outputs(run_program(one).outputs).key_fingerprints for one in (config, given))

    assert {name for name in made if made[name] != other[name]} == {"encryption_primary_key"}
    assert len(made) == 6
    assert "k" * 32 not in json.dumps(dict(other))


def test_outputs_without_secrets_have_no_wiring_and_show_nothing(run_program, ask):
    told = run_program({INSTANCE: json.dumps(ask({"size": "solo"}))}).outputs

    assert read_outputs({**told, "wiring": "[secret]"}).wiring is None
    assert "<<redis-password>>" not in repr(read_outputs(told))


@pytest.mark.parametrize("told", [{}, {"website": "https://social.example"}, {"website": "x", "nodeAddresses": 3}])
def test_stack_that_was_not_deployed_by_this_version_is_told_in_words(told):
    with pytest.raises(ToolError, match=r"never been deployed|not those of this version"):
        read_outputs(told)
