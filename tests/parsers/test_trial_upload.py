"""The trial upload tells monitoring that it worked only when the store said that it took the object."""

import pytest

from tests.parsers.cases import Place

PLACE = Place("medium", "web-1")
PROGRAM = "/usr/local/lib/mastodon-infra/trial-upload"
TOLD = "/var/lib/prometheus/node-exporter/mastodon-infra-upload.prom"
CURL = "/usr/local/bin/curl"


@pytest.mark.parametrize(
    ("body", "status", "ended", "works"),
    [
        ("", 200, 0, "1"),
        # A bucket made anew in another region: curl ends well, and nothing is stored.
        ("<Code>PermanentRedirect</Code>", 301, 0, "0"),
        ("<Code>InvalidAccessKeyId</Code>", 403, 22, "0"),
        # No answer
        ("", 0, 28, "0"),
    ],
)
def test_what_is_told(body, status, ended, works, machine_tree):
    machine = machine_tree(PLACE).machine
    machine.must(["mkdir", "--parents", TOLD.rpartition("/")[0]])
    machine.put(CURL, f"#!/bin/sh\nprintf '{body}\\n{status:03}\\n'\nexit {ended}\n", 0o755)
    try:
        said = machine.run(["timeout", "2", PROGRAM]).said
        told = machine.must(["cat", TOLD])
    finally:
        machine.must(["rm", "--force", CURL])

    assert told.splitlines()[-1] == f"mastodon_infra_upload_works {works}"
    assert (body in said) == (works == "0" or not body), "what the store said belongs into the journal"
