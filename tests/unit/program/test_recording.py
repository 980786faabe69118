"""The recorder: strict where the engine is strict, silent, and free of whatever is not used."""

import subprocess
import sys

import pulumi
import pulumi_linode as linode
import pulumi_random as random
import pytest

from mastodon_infra.program.offline import record


def test_two_resources_of_one_type_and_name_are_refused():
    def program():
        random.RandomPassword("same", length=8)
        random.RandomPassword("same", length=9)

    with pytest.raises(RuntimeError, match=r"two resources .* are called 'same'"):
        record(program)


def test_failure_inside_an_apply_surfaces():
    def program():
        password = random.RandomPassword("one", length=8)
        random.RandomPassword("two", length=password.result.apply(lambda text: 1 // (len(text) - len(text))))

    with pytest.raises(ZeroDivisionError):
        record(program)


def test_failure_inside_an_apply_that_nobody_reads_surfaces():
    def program():
        random.RandomPassword("one", length=8).result.apply(int)

    with pytest.raises(ValueError, match="invalid literal"):
        record(program)


def test_secret_outputs_of_a_provider_stay_secret_in_what_is_made_of_them():
    def program():
        password = random.RandomPassword("one", length=8)
        random.RandomPassword("two", length=8, keepers={"of": pulumi.Output.concat("x-", password.result)})

    two = next(one for one in record(program).resources if one.name == "two")

    assert two.inputs["keepers"] == {"of": "[secret]"}
    assert two.dependencies == ("random:index/randomPassword:RandomPassword::one",)


def test_vendors_that_are_not_used_are_not_imported():
    code = (
        "import sys, mastodon_infra.program.offline\n"
        "print(sorted({name.split('.')[0] for name in sys.modules if name.startswith('pulumi_')}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "['pulumi_linode', 'pulumi_random', 'pulumi_tls']"


def test_ids_and_addresses_are_told_in_words():
    def program():
        machine = linode.Instance("web-1", region="au-mel")
        linode.Volume("data", label="data", linode_id=machine.id.apply(int))
        linode.DomainRecord("a", domain_id=7, record_type="A", target=machine.ipv4s[0])
        linode.NodeBalancerNode(
            "back",
            nodebalancer_id=1,
            config_id=2,
            label="back",
            address=pulumi.Output.concat(machine.private_ip_address, ":443"),
        )

    told = {one.name: one.inputs for one in record(program).resources}

    assert told["data"]["linodeId"] == "<<id of web-1>>"
    assert told["a"] == {"domainId": 7, "recordType": "A", "target": "<<IPv4 of web-1>>"}
    assert told["back"]["address"] == "<<private IPv4 of web-1>>:443"


def test_options_are_kept_with_the_record():
    def program():
        first = random.RandomPassword("first", length=8)
        own = pulumi.ResourceOptions(
            protect=True, ignore_changes=["length"], delete_before_replace=True, depends_on=[first]
        )
        random.RandomPassword("second", length=8, opts=own)

    second = next(one for one in record(program).resources if one.name == "second")

    assert (second.protect, second.delete_before_replace, second.ignore_changes) == (True, True, ("length",))
    assert second.dependencies == ("random:index/randomPassword:RandomPassword::first",)
    assert (second.parent, second.provider, second.is_custom) == ("", "", True)


def test_outputs_and_config_belong_to_one_run_only(capfd):
    def program():
        pulumi.export("size", pulumi.Config("mastodon-infra").get("size"))
        pulumi.warn("nobody hears this")

    assert record(program, config={"mastodon-infra:size": "solo"}).outputs == {"size": "solo"}
    assert record(program).outputs.get("size") is None
    assert capfd.readouterr() == ("", "")


def test_reading_what_the_program_did_not_make_is_refused():
    def program():
        linode.Vpc.get("theirs", "17")

    with pytest.raises(NotImplementedError, match="theirs"):
        record(program)
