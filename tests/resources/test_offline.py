"""The offline run: strict where the engine is strict, silent, and the same each time."""

import subprocess
import sys

import pulumi
import pulumi_random as random
import pytest

from mastodon_infra.program.offline import preview_offline, record
from mastodon_infra.resources.nodes import FirstBoot


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


def test_failure_of_rendering_surfaces(plan_parts):
    def broken(node, _wiring):
        message = f"cannot render {node.name}"
        raise LookupError(message)

    with pytest.raises(LookupError, match="cannot render web-1"):
        preview_offline(plan_parts({"size": "solo"}), first_boot=FirstBoot(broken, {}))


def test_after_a_failure_the_next_run_is_whole(record_parts):
    def program():
        raise LookupError

    with pytest.raises(LookupError):
        record(program)

    assert record_parts({"size": "solo"})


def test_two_runs_are_equal_and_print_nothing(record_parts, capfd):
    parts = {"size": "small", "disposable": True}

    first, second = record_parts(parts), record_parts(parts)

    assert first == second
    assert capfd.readouterr() == ("", "")


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
