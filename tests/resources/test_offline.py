"""The offline run of whole instances: errors surface, and each run is the same."""

import pytest

from mastodon_infra.program.offline import preview_offline, record
from mastodon_infra.resources.nodes import FirstBoot


def test_failure_of_rendering_surfaces(plan_parts, stand_in):
    def broken(node, _wiring):
        message = f"cannot render {node.name}"
        raise LookupError(message)

    with pytest.raises(LookupError, match="cannot render web-1"):
        preview_offline(plan_parts({"size": "solo"}), first_boot=FirstBoot(broken, {}, stand_in.digest))


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
