"""Regions without VPC, other vendors' buckets, Cloudflare and Amazon's mail: as strict, and as complete."""

import pytest

from tests.engine.rehearsed import Rehearsed

CLOUDFLARE = {
    "dns": "cloudflare",
    "zone": "social.example",
    "proxied": True,
    "media": "cloudflare",
    "media_domain": "media.social.example",
}
CASES = {
    "vlan-and-wasabi": (
        {"size": "large", "region": "ap-southeast", "storage": {"provider": "wasabi"}},
        {"mastodon-infra:wasabiAccessKey": "key", "mastodon-infra:wasabiSecretKey": "word"},
    ),
    "cloudflare-and-ses": (
        {"size": "small", "edge": CLOUDFLARE, "mail": {"provider": "ses", "region": "ap-southeast-2"}},
        {},
    ),
    "amazon-and-records-by-hand": ({"size": "solo", "storage": {"provider": "aws"}, "edge": {"dns": "manual"}}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_everything_is_made_and_then_nothing_is_left_to_do(case, tmp_path):
    parts, beside = CASES[case]
    stack = Rehearsed.new(tmp_path / "rehearsal", parts)
    stack.ask(parts, beside=beside)

    stack.up()

    assert stack.preview() == {}
    stack.say("refresh", "--yes", "--expect-no-changes", "--suppress-progress")
