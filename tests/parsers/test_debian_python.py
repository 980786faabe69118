"""The unit tests pass on Debian 13's own Python too, with the very requirements that are locked."""

import pytest

from tests.parsers.machine import Machine
from tests.parsers.root import PROJECT, made

MINUTES = 15


@pytest.fixture(scope="session")
def library(root_folder):
    """The locked requirements, installed from outside for the Python inside."""
    return made("--python")


def test_the_unit_tests_pass_on_debians_python(root_folder, library):
    bindings = {"project": PROJECT, "packages": library}
    environment = {
        "CI": "true",  # no examples kept from earlier runs, the same ones each time
        "PYTHONPATH": "/srv/project:/srv/packages",
        "PYTHONPYCACHEPREFIX": "/tmp/pycache",
    }
    with Machine(root_folder, bindings=bindings) as machine:
        assert "3.13" in machine.must(["python3", "--version"])
        machine.must("ln -s /srv/packages/bin/shellcheck /usr/bin/")
        machine.must(
            "cd /srv/project && python3 -m pytest -q -p no:cacheprovider -p no:xdist tests/unit",
            environment=environment,
            seconds=60 * MINUTES,
        )
