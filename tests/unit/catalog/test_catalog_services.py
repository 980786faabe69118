"""Buckets, mail, prices, limits and versions, against figures that were published elsewhere."""

from datetime import date
from decimal import Decimal
from ipaddress import IPv4Network, ip_network

import pytest

from mastodon_infra.catalog import limits, prices, versions
from mastodon_infra.catalog.limits import LIMITS, NETWORKS
from mastodon_infra.catalog.mail import BLOCKED_PORTS, MAIL_PROVIDERS, mail_provider, relay_at
from mastodon_infra.catalog.prices import FUNDING_FEES, PRICES, funding_fees, price_in
from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.storage import (
    OBJECT_STORES,
    STORAGE_RATES,
    endpoint,
    nearest_region,
    object_store,
    storage_rate,
)
from mastodon_infra.catalog.versions import MASTODON_SERIES, series_of
from mastodon_infra.model.funding import FundingPlatform
from mastodon_infra.model.services import StorageProvider


def store(name):
    row = object_store(name)
    assert row is not None
    return row


# --- Buckets ------------------------------------------------------------------------------------------------


def test_every_provider_that_a_stack_file_may_name_has_a_row():
    assert {row.name for row in OBJECT_STORES} == set(StorageProvider)


def test_linode_storage_costs_what_its_price_page_says():
    row = store("linode")
    assert (row.minimum_usd_month, row.included_gb) == (5, 250), "flat rate of the price page"
    assert row.price_usd_gb_month == Decimal("0.02")
    assert row.included_egress_gb == 1000, "object storage adds 1 TB to the account's pool"
    assert row.minimum_days == 0


def test_wasabi_bills_a_terabyte_and_ninety_days():
    row = store("wasabi")
    assert row.minimum_usd_month == row.included_gb * row.price_usd_gb_month == Decimal("7.99")
    assert row.minimum_days == 90
    assert row.free_egress_ratio == 1, "egress is free up to the stored volume"
    assert not row.confirmed, "the price is known from a third party only"


def test_aws_has_no_minimum():
    row = store("aws")
    assert (row.minimum_usd_month, row.included_gb, row.minimum_days) == (0, 0, 0)


@pytest.mark.parametrize(
    ("provider", "name", "host"),
    [
        ("wasabi", "ap-southeast-2", "s3.ap-southeast-2.wasabisys.com"),
        ("aws", "ap-southeast-2", "s3.ap-southeast-2.amazonaws.com"),
        ("linode", "au-mel", "au-mel-1.linodeobjects.com"),
        ("linode", "us-iad", "us-iad-1.linodeobjects.com"),
        ("linode", "ap-southeast", None),
        ("wasabi", "sa-east-1", None),
    ],
)
def test_a_region_of_a_provider_has_its_endpoint(provider, name, host):
    assert endpoint(store(provider), name) == host


@pytest.mark.parametrize(
    ("provider", "name", "storage", "egress", "why"),
    [
        ("aws", "ap-southeast-2", "0.025", "0.114", "Sydney in the AWS price list of July 2026"),
        ("aws", "us-east-1", "0.023", "0.09", "the figure that everybody quotes"),
        ("linode", "au-mel", "0.02", "0.005", "all data centres but two"),
        ("linode", "id-cgk", "0.024", "0.015", "Jakarta's row of Linode's price page"),
        ("linode", "br-gru", "0.028", "0.007", "São Paulo's row of Linode's price page"),
        ("wasabi", "ap-southeast-2", "0.00799", "0", "the same in all regions"),
    ],
)
def test_a_region_is_billed_at_its_own_rate(provider, name, storage, egress, why):
    rate = storage_rate(store(provider), name)
    assert rate.name == f"{provider}/{name}"
    assert rate.price_usd_gb_month == Decimal(storage), why
    assert rate.price_usd_egress_gb == Decimal(egress), why


def test_rates_are_of_regions_that_exist():
    for rate in STORAGE_RATES:
        provider, _, name = rate.name.partition("/")
        assert endpoint(store(provider), name), rate.name
        assert rate.price_usd_gb_month > 0
        assert rate.price_usd_egress_gb > 0


@pytest.mark.parametrize("row", REGIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("provider", StorageProvider)
def test_every_linode_region_has_a_nearest_bucket_that_can_be_reached(row, provider):
    near = nearest_region(provider, row.name)
    assert near is not None
    assert endpoint(store(provider), near)
    if provider is StorageProvider.LINODE and row.object_storage_endpoint:
        assert near == row.name, "a region with buckets of its own keeps them at home"


@pytest.mark.parametrize(
    ("provider", "home", "near"),
    [
        ("wasabi", "ap-southeast", "ap-southeast-2"),
        ("aws", "ap-southeast", "ap-southeast-2"),
        ("linode", "ap-southeast", "au-mel"),
        ("wasabi", "eu-central", "eu-central-2"),
        ("aws", "us-sea", "us-west-2"),
    ],
)
def test_the_nearest_region_is_near(provider, home, near):
    assert nearest_region(provider, home) == near


def test_nothing_is_near_to_the_unknown():
    assert nearest_region("wasabi", "us-atlantis") is None
    assert nearest_region("punch-cards", "ap-southeast") is None
    assert object_store("punch-cards") is None


# --- Mail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", MAIL_PROVIDERS, ids=lambda row: row.name)
def test_no_provider_is_reached_on_a_blocked_port(row):
    assert row.port not in BLOCKED_PORTS
    assert row.port in {2525, 2587}
    assert row.price_usd_1000 is None or row.price_usd_1000 > 0, "an unknown price is left out, never zero"


def test_linode_blocks_three_mail_ports():
    assert {25, 465, 587} == BLOCKED_PORTS


def test_ses_is_reached_in_its_region():
    ses = mail_provider("ses")
    assert ses is not None
    assert ses.host.format(region="ap-southeast-2") == "email-smtp.ap-southeast-2.amazonaws.com"
    assert "ap-southeast-2" in ses.regions
    assert "ap-southeast-3" not in ses.regions, "Jakarta has SES, but no SMTP endpoint"
    assert ses.price_usd_1000 == Decimal("0.10")
    assert ses.daily_quota == limits.SES_SANDBOX_DAY.value == 200


def test_a_relay_is_known_by_its_host():
    relay = relay_at("smtp.postmarkapp.com")
    assert relay is not None
    assert relay.name == "postmark"
    assert relay_at("mail.example.org") is None
    assert mail_provider("pigeon") is None


# --- Prices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "usd", "why"),
    [
        (prices.NODEBALANCER, "10", "the manager's price data: ten dollars a month"),
        (prices.BLOCK_STORAGE, "0.10", "the manager's price data: ten cents a GiB"),
        (prices.TRANSFER, "0.005", "five dollars a TB"),
        (prices.CLOUDFLARE_FREE, "0", "the plan's name"),
        (prices.SES_NEW_ACCOUNT, "0.16", "$0.00016 a mail in the price list of 2026-07-22"),
    ],
)
def test_a_price_is_the_published_one(price, usd, why):
    assert price.price_usd == Decimal(usd), why


def test_only_free_things_cost_nothing():
    assert {row.name for row in PRICES if row.price_usd == 0} == {"vpc", "cloud-firewall", "cloudflare-free"}
    assert all(row.price_usd >= 0 for row in PRICES)


@pytest.mark.parametrize(("name", "usd"), [("id-cgk", 12), ("br-gru", 14), ("au-mel", 10)])
def test_a_region_may_have_a_price_of_its_own(name, usd):
    assert price_in(prices.NODEBALANCER, name).price_usd == usd


def test_regional_prices_belong_to_regions_and_prices_that_exist():
    regional = [row.name.partition("@") for row in PRICES if "@" in row.name]
    assert regional
    assert {base for base, _, _ in regional} <= {row.name for row in PRICES}
    assert {name for _, _, name in regional} <= {row.name for row in REGIONS if row.price_factor != 1}


def test_every_funding_platform_has_its_fees():
    assert {row.name for row in FUNDING_FEES} == set(FundingPlatform)
    assert funding_fees("tin-can") is None


@pytest.mark.parametrize(
    ("name", "percent", "why"),
    [
        ("patreon", 10, "every page opened since August 2025"),
        ("ko-fi", 5, "memberships; tips are free"),
        ("liberapay", 0, "it lives on gifts to itself"),
        ("direct", 0, "there is nobody in between"),
    ],
)
def test_a_platform_keeps_its_share(name, percent, why):
    row = funding_fees(name)
    assert row is not None
    assert row.platform_percent == percent, why


# --- Limits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: row.name)
def test_a_limit_is_positive_and_has_a_unit(row):
    assert row.value > 0
    assert row.unit


def test_our_ceiling_for_user_data_stays_under_the_clouds():
    assert limits.USER_DATA.value == 2**14
    assert limits.USER_DATA_CEILING.value == 16_000 < limits.USER_DATA.value


def test_mastodons_uploads_fit_through_cloudflare():
    assert limits.UPLOAD.value == 99
    assert limits.UPLOAD_IMAGE.value < limits.UPLOAD.value < limits.CLOUDFLARE_UPLOAD.value


def test_streaming_pings_before_cloudflare_hangs_up():
    assert limits.STREAMING_PING.value < limits.CLOUDFLARE_IDLE.value


@pytest.mark.parametrize("row", NETWORKS, ids=lambda row: row.name)
def test_prefixes_are_networks_that_do_not_overlap(row):
    networks = [ip_network(prefix) for prefix in row.prefixes]
    assert [str(network) for network in networks] == list(row.prefixes), "written in the usual form"
    overlaps = [
        (one, other)
        for index, one in enumerate(networks)
        for other in networks[index + 1 :]
        if one.version == other.version and one.overlaps(other)
    ]
    assert overlaps == []


def test_cloudflare_has_fifteen_and_seven_ranges():
    assert len(limits.CLOUDFLARE_IPV4.prefixes) == 15, "Cloudflare's list for IPv4"
    assert len(limits.CLOUDFLARE_IPV6.prefixes) == 7, "Cloudflare's list for IPv6"


def test_nodebalancers_call_from_inside_the_shared_private_range():
    (shared,) = map(IPv4Network, limits.SHARED_PRIVATE.prefixes)
    (sources,) = map(IPv4Network, limits.NODEBALANCER_SOURCES.prefixes)
    assert sources.subnet_of(shared)
    assert not limits.NODEBALANCER_SOURCES.confirmed


# --- Versions -----------------------------------------------------------------------------------------------


def numbers(row):
    return tuple(int(part) for part in row.version.removeprefix("v").split("."))


def test_the_release_is_not_older_than_what_we_ask_for():
    assert versions.MASTODON_RELEASE.version == "v4.7.4"
    assert numbers(versions.MASTODON_MINIMUM) == (4, 7, 1)
    assert numbers(versions.MASTODON_MINIMUM) < numbers(versions.MASTODON_RECOMMENDED)
    assert numbers(versions.MASTODON_RECOMMENDED) <= numbers(versions.MASTODON_RELEASE)


def test_debian_brings_what_mastodon_needs():
    assert numbers(versions.POSTGRESQL) >= numbers(versions.MASTODON_NEEDS_POSTGRESQL)
    assert numbers(versions.REDIS) >= numbers(versions.MASTODON_NEEDS_REDIS)
    assert versions.IMAGE.version == "linode/debian13"


@pytest.mark.parametrize(
    ("release", "ends"),
    [("v4.7.4", None), ("v4.6.6", None), ("v4.5.20", date(2027, 2, 20)), ("4.4.27", date(2026, 12, 17))],
)
def test_a_release_belongs_to_a_supported_series(release, ends):
    series = series_of(release)
    assert series is not None
    assert series.ends == ends


@pytest.mark.parametrize("release", ["v4.3.9", "v5.0.0", "latest", ""])
def test_a_release_of_no_known_series_has_none(release):
    assert series_of(release) is None


def test_series_stand_newest_first():
    keys = [tuple(map(int, row.name.split("."))) for row in MASTODON_SERIES]
    assert keys == sorted(keys, reverse=True)
