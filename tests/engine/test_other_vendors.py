"""Regions without VPC, other vendors' buckets, Cloudflare and Amazon's mail: as strict, and as complete."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.rehearsed import Rehearsed

CLOUDFLARE = {
    "dns": "cloudflare",
    "zone": "social.example",
    "proxied": True,
    "media": "cloudflare",
    "media_domain": "media.social.example",
}
STAYS = {"authenticatedOriginPullsSettings", "botManagement", "zoneSetting"}
"""A zone always has these at Cloudflare, whose API knows no deletion of them."""


@dataclass(frozen=True)
class Case:
    """What is asked for, with keys beside the instance, and what is asked for later."""

    parts: dict[str, Any]
    later: dict[str, Any]
    beside: dict[str, str] = field(default_factory=dict)


CASES = {
    "vlan-and-wasabi": Case(
        {"size": "large", "region": "ap-southeast", "storage": {"provider": "wasabi"}},
        {"storage": {"provider": "wasabi", "bucket": "another-bucket"}},
        {"mastodon-infra:wasabiAccessKey": "key", "mastodon-infra:wasabiSecretKey": "word"},
    ),
    "cloudflare-and-ses": Case(
        {
            "size": "small",
            "web_domain": "www.social.example",
            "edge": CLOUDFLARE,
            "mail": {"provider": "ses", "region": "ap-southeast-2"},
        },
        {"web_domain": "web.social.example"},
    ),
    "amazon-and-records-by-hand": Case(
        {"size": "solo", "storage": {"provider": "aws"}, "edge": {"dns": "manual"}},
        {"storage": {"provider": "aws", "bucket": "another-bucket"}},
    ),
    "linode-alone": Case({"size": "solo"}, {"storage": {"bucket": "another-bucket"}}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whole_life_of_a_disposable_stack(case, tmp_path):
    """Made, given another bucket or web host, looked at, and taken away: nothing is left to do, and nothing is left."""
    asked = {**case.parts, "disposable": True}
    stack = Rehearsed.new(tmp_path / "rehearsal", asked)
    stack.ask(asked, beside=case.beside)
    before = stack.files()

    stack.up()
    machines = stack.machines()
    stack.ask({**asked, **case.later}, beside=case.beside)
    stack.up()
    assert stack.machines() == machines
    stack.say("refresh", "--yes", "--expect-no-changes", "--suppress-progress")
    assert stack.preview() == {}

    stack.say("destroy", "--yes", "--suppress-progress")
    assert {path for path in stack.files() - before if path.split("/")[1] not in STAYS} == set()
    assert stack.names() == set()
