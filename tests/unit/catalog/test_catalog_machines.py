"""Plan rows and regions, against figures that were published elsewhere."""

from datetime import date
from decimal import Decimal

import pytest

from mastodon_infra.catalog.machine_types import MACHINE_TYPES, machine_type
from mastodon_infra.catalog.regions import REGIONS, region
from mastodon_infra.catalog.rows import Capability, MachineFamily

PUBLISHED = [
    ("g6-nanode-1", 5, "the smallest plan was left out of the price rise of April 2023"),
    ("g6-standard-2", 24, "the usual node of Linode's Kubernetes guides"),
    ("g6-standard-8", 192, "read from the API on 2026-08-26"),
    ("g6-standard-16", 384, "read from the API on 2026-08-26"),
    ("g6-dedicated-4", 72, "seen in several repositories of 2026"),
    ("g6-dedicated-16", 288, "read from the API on 2026-08-26"),
    ("g6-dedicated-32", 576, "read from the API on 2026-08-26"),
    ("g7-highmem-1", 60, "Linode's guides list it beside g6-standard-2"),
    ("g7-premium-2", 43, "Linode's guides list it beside g6-dedicated-2"),
    ("g7-premium-56", 2765, "read from the API on 2026-08-18"),
]

HOURLY = [
    ("g6-standard-1", "0.018"),
    ("g6-standard-4", "0.072"),
    ("g6-standard-6", "0.144"),
    ("g6-standard-20", "0.864"),
    ("g6-standard-32", "1.728"),
    ("g6-dedicated-8", "0.216"),
    ("g6-dedicated-48", "1.296"),
    ("g6-dedicated-56", "3.456"),
    ("g7-highmem-4", "0.36"),
    ("g7-highmem-16", "1.44"),
    ("g7-premium-8", "0.2595"),
    ("g7-premium-32", "1.0365"),
    ("g7-premium-50", "2.073"),
]


@pytest.mark.parametrize(("name", "usd", "why"), PUBLISHED)
def test_a_price_equals_what_was_published(name, usd, why):
    row = machine_type(name)
    assert row is not None
    assert row.price_usd_month == usd, why


@pytest.mark.parametrize(("name", "usd_hour"), HOURLY)
def test_a_month_is_capped_at_two_thousand_thirds_of_an_hour(name, usd_hour):
    """Linode bills by the hour up to the monthly price, which is reached after 666.67 hours."""
    row = machine_type(name)
    assert row is not None
    assert row.price_usd_month == Decimal(usd_hour) * 2000 / 3


@pytest.mark.parametrize("row", MACHINE_TYPES, ids=lambda row: row.name)
def test_a_machine_has_something_of_everything(row):
    assert row.price_usd_month > 0
    assert row.vcpus > 0
    assert row.memory_mib >= 1024
    assert row.disk_gib >= 20
    assert row.transfer_tb > 0


@pytest.mark.parametrize("family", MachineFamily)
def test_a_family_grows_in_price_with_its_memory(family):
    rows = [row for row in MACHINE_TYPES if row.family is family]
    assert len(rows) >= 5
    assert rows == sorted(rows, key=lambda row: (row.memory_mib, row.price_usd_month))
    assert len({row.price_usd_month for row in rows}) == len(rows)


def test_a_premium_machine_has_the_shape_of_its_dedicated_twin():
    for row in MACHINE_TYPES:
        if row.family is MachineFamily.PREMIUM:
            twin = machine_type(row.name.replace("g7-premium", "g6-dedicated"))
            assert twin is not None
            assert (row.vcpus, row.memory_mib, row.disk_gib) == (twin.vcpus, twin.memory_mib, twin.disk_gib)
            assert Decimal("1.19") < row.price_usd_month / twin.price_usd_month < Decimal("1.21")


def test_an_unknown_machine_is_none():
    assert machine_type("g6-standard-3") is None


@pytest.mark.parametrize(
    ("name", "mib", "why"),
    [
        ("g6-nanode-1", 1024, "one GB of a vendor is 1024 MiB"),
        ("g6-standard-4", 8192, "the smallest machine that carries an instance"),
        ("g7-highmem-4", 92160, "90 GB, not a power of two"),
    ],
)
def test_memory_is_in_mib(name, mib, why):
    row = machine_type(name)
    assert row is not None
    assert row.memory_mib == mib, why


def test_sydney_is_as_its_dated_row_says():
    sydney = region("ap-southeast")
    assert sydney is not None
    assert (sydney.place, sydney.country) == ("Sydney", "au")
    assert sydney.confirmed
    assert sydney.as_of == date(2024, 8, 30)
    assert sydney.capabilities == {
        Capability.VLAN,
        Capability.BLOCK_STORAGE,
        Capability.NODEBALANCER,
        Capability.CLOUD_FIREWALL,
        Capability.METADATA,
        Capability.PLACEMENT_GROUP,
    }
    assert sydney.object_storage_endpoint == ""


def test_melbourne_has_a_vpc_and_object_storage():
    melbourne = region("au-mel")
    assert melbourne is not None
    assert (melbourne.place, melbourne.country) == ("Melbourne", "au")
    assert melbourne.can(Capability.VPC)
    assert melbourne.can(Capability.OBJECT_STORAGE)
    assert melbourne.object_storage_endpoint == "au-mel-1.linodeobjects.com"
    assert not melbourne.confirmed, "its capabilities stand in no list that we could read"


def test_all_core_regions_are_there():
    assert len(REGIONS) == 33, "Linode's public region list of 2026-10-04 has 33 core regions"


@pytest.mark.parametrize("row", REGIONS, ids=lambda row: row.name)
def test_a_region_that_stores_objects_has_an_endpoint(row):
    assert row.can(Capability.OBJECT_STORAGE) == bool(row.object_storage_endpoint)
    assert not row.object_storage_endpoint or row.object_storage_endpoint.endswith(".linodeobjects.com")


@pytest.mark.parametrize("row", REGIONS, ids=lambda row: row.name)
def test_every_region_can_boot_a_node_and_keep_its_data(row):
    assert row.can(Capability.METADATA)
    assert row.can(Capability.BLOCK_STORAGE)
    assert row.can(Capability.VPC) or row.can(Capability.VLAN)
    assert row.place
    assert row.country.islower()
    assert len(row.country) == 2


def test_premium_machines_are_only_promised_where_it_is_sure():
    assert all(row.confirmed for row in REGIONS if row.can(Capability.PREMIUM))


def test_two_regions_cost_more():
    dear = {row.name: row.price_factor for row in REGIONS if row.price_factor != 1}
    assert dear == {"id-cgk": Decimal("1.2"), "br-gru": Decimal("1.4")}


def test_an_unknown_region_is_none():
    assert region("us-atlantis") is None
