"""What Linode tells before it is asked to make anything."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.api import Api
from mastodon_infra.operate.linode_checks import linode_checks, linode_zone, needed_scopes
from tests.unit.cost.made import WASABI, plan_of
from tests.unit.operate.made import by_name, linode_for, outcomes
from tests.unit.operate.servers import TOKEN, FakeLinode, serving

MEDIUM = plan_of(size="medium")
SYDNEY = plan_of(size="medium", region="ap-southeast", storage=WASABI)


def checked(cloud: FakeLinode, plan=MEDIUM, *, token: str | None = TOKEN, is_deployed=False):
    with serving(cloud) as url:
        return list(linode_checks(plan, Api(f"{url}/v4", token), is_deployed=is_deployed))


def test_account_that_fits_has_nothing_against_it():
    checks = checked(linode_for(MEDIUM, scopes=" ".join(needed_scopes(MEDIUM))))

    assert set(outcomes(checks).values()) == {"ok", "skipped"}
    assert [check.name for check in checks if check.outcome == "skipped"] == ["quotas"]


def test_buckets_that_the_account_may_no_longer_hold_fail_before_anything_is_made():
    endpoint = MEDIUM.media.endpoint
    full = linode_for(MEDIUM, buckets={endpoint: (999, 1000)})

    told = by_name(checked(full))[f"buckets at {endpoint}"]

    assert (told.outcome, told.seen) == ("failed", "the account holds 999 of 1000, and the plan makes 2")
    assert by_name(checked(linode_for(MEDIUM, buckets={})))[f"buckets at {endpoint}"].outcome == "skipped"


def test_without_a_token_only_what_everybody_may_know_is_told():
    told = by_name(checked(linode_for(MEDIUM), token=None))

    assert told["token"].outcome == "failed"
    assert "pulumi config set --secret linode:token" in told["token"].remedy
    assert told["region's capabilities"].outcome == "ok"
    assert told["account"].outcome == "skipped"


def test_wrong_token_is_told_with_linodes_own_words():
    told = by_name(checked(linode_for(MEDIUM), token="stolen"))

    assert told["token"].seen == "Linode refuses it: 401 Invalid Token"
    assert told["account"].outcome == "skipped"
    assert "stolen" not in repr(told)


@pytest.mark.parametrize(
    ("plan", "lacking"),
    [
        (MEDIUM, "vpc:read_write"),
        (MEDIUM, "domains:read_write"),
        (MEDIUM, "object_storage:read_write"),
        (MEDIUM, "volumes:read_write"),
    ],
)
def test_token_that_lacks_a_right_is_refused_by_its_name(plan, lacking):
    granted = [scope for scope in needed_scopes(plan) if scope != lacking]

    check = by_name(checked(linode_for(plan, scopes=",".join(granted)), plan))["token's rights"]

    assert (check.outcome, check.seen) == ("failed", f"it may not {lacking}")


def test_right_to_write_holds_the_right_to_read():
    scopes = " ".join(needed_scopes(MEDIUM)).replace("read_only", "read_write")

    assert outcomes(checked(linode_for(MEDIUM, scopes=scopes)))["token's rights"] == "ok"


def test_plan_asks_for_no_right_that_it_does_not_use():
    assert "object_storage:read_write" not in needed_scopes(SYDNEY)
    assert "vpc:read_write" not in needed_scopes(SYDNEY)
    assert "domains:read_write" not in needed_scopes(plan_of(size="solo", edge={"dns": "cloudflare"}))


@pytest.mark.parametrize(("scopes", "outcome"), [("*", "warn"), (None, "warn")])
def test_token_that_may_all_or_does_not_tell_is_a_warning(scopes, outcome):
    assert outcomes(checked(linode_for(MEDIUM, scopes=scopes)))["token's rights"] == outcome


@pytest.mark.parametrize("word", ["VPCs", "Metadata", "Object Storage", "Cloud Firewall", "Block Storage"])
def test_region_without_a_needed_capability_fails(word):
    cloud = linode_for(MEDIUM)
    cloud.regions["au-mel"]["capabilities"].remove(word)

    check = by_name(checked(cloud))["region's capabilities"]

    assert (check.outcome, check.seen) == ("failed", f"au-mel cannot do what the plan needs: {word}")


def test_region_that_learned_something_is_a_warning_that_the_catalog_is_old():
    cloud = linode_for(SYDNEY)
    cloud.regions["ap-southeast"]["capabilities"].append("VPCs")

    check = by_name(checked(cloud, SYDNEY))["region's capabilities"]

    assert check.outcome == "warn"
    assert "the region can also VPCs" in check.seen


def test_unknown_region_fails():
    assert outcomes(checked(linode_for(MEDIUM, regions={})))["region"] == "failed"


def test_price_that_is_not_the_catalogs_is_a_warning_with_both():
    cloud = linode_for(MEDIUM)
    cloud.types[0]["price"]["monthly"] = 999.5

    (check,) = (one for one in checked(cloud) if one.name == f"machine type {cloud.types[0]['id']}")

    assert check.outcome == "warn"
    assert "$999.5 a month; the catalog says $" in check.seen


def test_price_of_the_region_counts_before_the_usual_one():
    cloud = linode_for(MEDIUM)
    for row in cloud.types:
        row["region_prices"] = [{"id": "au-mel", "monthly": row["price"]["monthly"]}]
        row["price"]["monthly"] = 1

    assert {one.outcome for one in checked(cloud) if one.name.startswith("machine type")} == {"ok"}


def test_machine_type_that_is_not_sold_fails():
    cloud = linode_for(MEDIUM)
    gone = cloud.types.pop()["id"]
    cloud.types = [row for row in cloud.types if row["id"] != gone] + [{"id": "g6-other"}]

    assert outcomes(checked(cloud))[f"machine type {gone}"] == "failed"


@pytest.mark.parametrize(
    ("plan", "setting", "outcome"),
    [
        (MEDIUM, "legacy_config_only", "failed"),
        (MEDIUM, "linode_only", "ok"),
        (SYDNEY, "linode_only", "failed"),
        (SYDNEY, "legacy_config_only", "ok"),
    ],
)
def test_account_must_allow_the_kind_of_interface_that_the_network_uses(plan, setting, outcome):
    cloud = linode_for(plan, settings={"interfaces_for_new_linodes": setting, "object_storage": "active"})

    assert outcomes(checked(cloud, plan))["network interfaces"] == outcome


def test_suspended_object_storage_fails():
    cloud = linode_for(MEDIUM)
    cloud.settings["object_storage"] = "suspended"

    assert outcomes(checked(cloud))["object storage"] == "failed"


def test_labels_in_use_fail_for_a_new_stack_and_are_right_for_a_deployed_one():
    label = MEDIUM.nodes[0].label
    cloud = linode_for(MEDIUM, things={"/linode/instances": [{"label": label}, {"label": "another"}]})

    check = by_name(checked(cloud))["machines' labels"]

    assert (check.outcome, check.seen) == ("failed", f"taken already: {label}")
    assert "machines' labels" not in outcomes(checked(cloud, is_deployed=True))


@pytest.mark.parametrize(
    ("zones", "is_deployed", "outcome"),
    [([], False, "ok"), (["social.example"], False, "failed"), (["social.example"], True, "ok"), ([], True, "warn")],
)
def test_zone_is_free_before_and_there_after_the_first_deployment(zones, is_deployed, outcome):
    cloud = linode_for(MEDIUM, things={"/domains": [{"id": 7, "domain": zone} for zone in zones]})
    with serving(cloud) as url:
        check = linode_zone(MEDIUM, Api(f"{url}/v4", TOKEN), is_deployed=is_deployed)

    assert check.outcome == outcome
    assert ("pulumi import linode:index/domain:Domain zone 7" in check.remedy) == (outcome == "failed")


def test_api_that_does_not_answer_is_told_and_not_a_crash():
    told = by_name(linode_checks(MEDIUM, Api("http://127.0.0.1:1/v4", TOKEN), is_deployed=False))

    assert told["API"].outcome == "failed"


def test_preflight_makes_nothing_at_linode():
    cloud = linode_for(MEDIUM)

    checked(cloud)

    assert {request.method for request in cloud.asked} == {"GET"}
