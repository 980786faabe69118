"""The comparison of storage providers and media fronts."""

import pytest

from mastodon_infra.cost.compare import compare_edges
from mastodon_infra.model.services import MediaFront, StorageProvider
from tests.unit.cost.made import WASABI, cost_of, spec_of

SYDNEY = {"size": "large", "region": "ap-southeast"}


def sydney(**more):
    return compare_edges(spec_of(**SYDNEY, **{"storage": WASABI} | more))


def pick(found, provider, front=MediaFront.NGINX):
    return next(one for one in found if (one.provider, one.front) == (provider, front))


def test_every_provider_with_every_front_is_there_cheapest_first():
    found = sydney()

    assert {(one.provider, one.front) for one in found} == {(p, f) for p in StorageProvider for f in MediaFront}
    assert [one.usd_month for one in found] == sorted(one.usd_month for one in found)


def test_the_current_choice_is_marked_and_needs_no_change():
    current = [one for one in sydney() if one.is_current]

    assert [(one.provider, one.front, one.changes) for one in current] == [("wasabi", "nginx", ())]
    assert current[0].usd_month == cost_of(**SYDNEY, storage=WASABI).total_usd_month
    assert current[0].difference_usd_month == 0


def test_wasabi_names_its_rules():
    wasabi = pick(sydney(), StorageProvider.WASABI)

    assert wasabi.needed_cache_percent == 80
    assert any("90 days" in one for one in wasabi.demands)
    assert any("at least 1 TB" in one for one in wasabi.demands)
    assert any("the cache must answer 80 %" in one for one in wasabi.demands)


def test_linode_may_lie_next_door_when_it_is_named():
    linode = pick(sydney(), StorageProvider.LINODE)

    assert linode.changes == ("storage.provider: linode", "storage.region: au-mel")
    assert "media lie in Melbourne, not in Sydney" in linode.demands
    there = cost_of(**SYDNEY, storage={"provider": "linode", "region": "au-mel"})
    assert linode.usd_month == there.total_usd_month


def test_cloudflare_needs_its_dns_and_says_its_terms():
    cloudflare = pick(sydney(), StorageProvider.WASABI, MediaFront.CLOUDFLARE)

    assert cloudflare.changes == ("edge.media: cloudflare", "edge.dns: cloudflare")
    assert any("terms" in one for one in cloudflare.demands)


def test_what_is_not_to_be_had_comes_last_with_its_reason():
    found = compare_edges(spec_of(**SYDNEY))

    assert found[0].usd_month is not None
    for one in found:
        if one.provider is StorageProvider.LINODE:
            assert one.usd_month is None
            assert one.difference_usd_month is None
            assert "no object storage" in one.problem
    assert found[-1].usd_month is None


@pytest.mark.parametrize("backups", [{"region": "ap-southeast-2"}, {"provider": "aws", "region": "ap-southeast-2"}])
def test_a_region_of_the_old_provider_does_not_stay(backups):
    found = sydney(backups=backups)

    assert all(one.usd_month is not None for one in found)
