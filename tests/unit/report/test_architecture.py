"""The picture of an instance: it parses, nothing overlaps, and it is the same each time."""

from itertools import combinations
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.model.tier import LARGEST_MAU
from mastodon_infra.report.architecture import architecture, architecture_svg
from mastodon_infra.report.measure import TIMES
from mastodon_infra.report.scene import Area
from mastodon_infra.report.svg import svg_text
from tests.unit.cost.made import SES, WASABI, plan_of

CLOUDFLARE = {"dns": "cloudflare", "proxied": True, "media": "cloudflare"}
OWN_PLACEMENT = {
    "front": {"roles": ["web"], "count": 2},
    "spare": {"roles": ["web"], "address_block": 1, "count": 2},
    "third": {"roles": ["web"], "address_block": 2, "count": 1},
    "fourth": {"roles": ["web"], "address_block": 3, "count": 1},
    "live": {"roles": ["streaming"], "count": 1},
    "busy": {"roles": ["sidekiq"], "count": 2},
    "data": {"roles": ["postgres", "redis"]},
    "a-long-name-for-a-group": {"roles": ["monitoring"]},
}
RELAY = {"provider": "smtp", "host": "smtp.a-relay-with-a-rather-long-name.example", "username": "me"}
LONG = "a-community-with-a-rather-long-name.somewhere-in-the-fediverse.example"

CASES: dict[str, dict[str, Any]] = {
    "solo": {"size": "solo"},
    "one person": {"expected_monthly_active_users": 1},
    "small": {"size": "small", "region": "ap-southeast", "storage": WASABI},
    "medium": {"size": "medium", "mail": SES},
    "large": {"size": "large", "region": "ap-southeast", "storage": WASABI, "backups": {"provider": "aws"}},
    "large, media by Cloudflare": {"size": "large", "edge": {"dns": "cloudflare", "media": "cloudflare"}},
    "xlarge": {"size": "xlarge", "edge": CLOUDFLARE},
    "xlarge, proxied": {"size": "xlarge", "edge": CLOUDFLARE | {"media": "nginx"}},
    "100,000": {"expected_monthly_active_users": 100_000},
    "own placement": {"expected_monthly_active_users": 4_000, "nodes": OWN_PLACEMENT},
    "long names": {"size": "large", "domain": LONG, "region": "us-iad-2", "storage": WASABI, "mail": RELAY},
    "too small": {"size": "large", "nodes": {"web": {"count": 2}}, "postgres": {"volume_gib": 40}},
    "trial": {
        "size": "small",
        "disposable": True,
        "backups": {"enabled": False},
        "postgres": {"volume_gib": 0},
        "redis": {"volume_gib": 0},
    },
}


def scene_of(**said):
    plan = plan_of(**said)
    return architecture(plan, estimate(plan))


def check(scene):
    page = Area(0, 0, scene.width, scene.height)
    boxes, texts = scene.boxes(), scene.texts()
    for one, other in combinations(boxes, 2):
        nested = one.area.holds(other.area) or other.area.holds(one.area)
        assert nested or not one.area.overlaps(other.area), f"{one.name} and {other.name}"
    for one, other in combinations(texts, 2):
        assert not one.area.overlaps(other.area), f"{one.content!r} and {other.content!r}"
    for text in texts:
        assert page.holds(text.area), text.content
        for box in boxes:
            assert box.area.holds(text.area) or not box.area.overlaps(text.area), f"{text.content!r} leaves {box.name}"
    for line in scene.lines():
        for part in line.areas():
            for text in texts:
                assert not part.overlaps(text.area), f"a line crosses {text.content!r}"
            for box in boxes:
                is_inside = line.look == "line" and box.name not in {"capacity", "cost"}
                assert not is_inside or not part.overlaps(box.area.inset(1)), f"a line crosses {box.name}"


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_nothing_overlaps(said):
    check(scene_of(**said))


@settings(max_examples=25)
@given(st.integers(1, LARGEST_MAU), st.sampled_from([{}, CLOUDFLARE]), st.sampled_from(["none", SES]))
def test_nothing_overlaps_at_any_size(users, edge, mail):
    check(scene_of(expected_monthly_active_users=users, edge=edge, mail=mail))


@pytest.mark.parametrize("said", CASES.values(), ids=CASES)
def test_it_is_well_formed_and_needs_nothing_from_elsewhere(said):
    text = svg_text(scene_of(**said))
    root = ET.fromstring(text)

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert text.count("http") == 1 + text.count("https://"), "only its own namespace, and the web site's name"
    assert "url(#head)" in text
    assert "nan" not in text.lower().replace("nanode", "")


def test_it_is_the_same_each_time():
    plan = plan_of(size="large")

    assert architecture_svg(plan, estimate(plan)) == architecture_svg(plan_of(size="large"), estimate(plan))


def test_it_says_what_it_shows():
    words = "\n".join(text.content for text in scene_of(**CASES["large"]).texts())

    for word in (
        "social.example",
        f"3 {TIMES} g6-standard-4",
        "NodeBalancer",
        "postgres",
        "Wasabi",
        "Amazon S3",
        "Sydney",
    ):
        assert word in words
    assert "sidekiq's ingress queue" in words


def test_names_of_the_operator_are_escaped():
    scene = scene_of(size="solo")
    scene.title = "<&>"

    assert ET.fromstring(svg_text(scene)).findtext("{http://www.w3.org/2000/svg}title") == "<&>"


def test_limits_below_the_expected_users_are_marked():
    looks = {shape.look for shape in scene_of(**CASES["too small"]).shapes}

    assert "bar-short" in looks


def test_the_picture_of_ten_thousand_people(golden):
    said = {"expected_monthly_active_users": 10_000, "region": "ap-southeast", "storage": WASABI}
    golden("report/sydney.svg", svg_text(scene_of(**said)))
