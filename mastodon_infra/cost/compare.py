"""Where media could lie and who could serve them: every choice for one instance, with its price and its demands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pydantic import ValidationError

from mastodon_infra.catalog.regions import region as region_row
from mastodon_infra.catalog.storage import nearest_region, object_store
from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.storage import needed_cache_percent
from mastodon_infra.cost.traffic import CACHE_HIT_PERCENT, gb_text, traffic_of
from mastodon_infra.cost.types import CostEstimate
from mastodon_infra.cost.variants import Change, changed, words
from mastodon_infra.errors import PlanError, SpecError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.services import DnsProvider, MediaFront, StorageProvider
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan


@dataclass(frozen=True, slots=True)
class Alternative:
    """A storage provider with a media front, for the instance as it is otherwise.

    Attributes:
        title: Both in words.
        changes: Lines of the stack file that lead there; empty for the current choice.
        estimate: What the whole instance then costs; None where the choice is not to be had.
        difference_usd_month: Against the current choice; None where either has no price.
        needed_cache_percent: Media requests that the cache must answer, where the provider ties egress to storage.
        demands: What the choice asks of the operator, one sentence each.
        problem: Why it is not to be had; empty where it is.
    """

    provider: StorageProvider
    front: MediaFront
    title: str
    is_current: bool
    changes: tuple[str, ...]
    estimate: CostEstimate | None
    difference_usd_month: Decimal | None
    needed_cache_percent: int | None
    demands: tuple[str, ...]
    problem: str = ""

    @property
    def usd_month(self) -> Decimal | None:
        """What the whole instance costs in a month, where the choice is to be had."""
        return self.estimate.total_usd_month if self.estimate else None


def compare_edges(spec: InstanceSpec) -> tuple[Alternative, ...]:
    """Every storage provider with every media front: cheapest first, what is not to be had last."""
    current = _total(spec)
    found = [_alternative(spec, provider, front, current) for provider in StorageProvider for front in MediaFront]
    return tuple(sorted(found, key=lambda one: (one.usd_month is None, one.usd_month or 0)))


def _total(spec: InstanceSpec) -> Decimal | None:
    try:
        return estimate(plan_instance(spec)).total_usd_month
    except (SpecError, PlanError):
        return None


def _alternative(
    spec: InstanceSpec, provider: StorageProvider, front: MediaFront, current: Decimal | None
) -> Alternative:
    changes = tuple(_changes(spec, provider, front))
    plan: InstancePlan | None = None
    priced: CostEstimate | None = None
    problem = ""
    try:
        plan = plan_instance(changed(spec, *changes))
        priced = estimate(plan)
    except (SpecError, PlanError) as error:
        problem = "; ".join(f"{one.message}: {one.hint}" if one.hint else one.message for one in error.problems)
    except ValidationError as error:
        problem = "; ".join(one["msg"] for one in error.errors())
    store = object_store(provider)
    by = "Cloudflare" if front is MediaFront.CLOUDFLARE else "our own nginx"
    return Alternative(
        provider=provider,
        front=front,
        title=f"{store.title if store else provider}, served by {by}",
        is_current=spec.storage.provider is provider and spec.edge.media is front,
        changes=tuple(words(change) for change in changes),
        estimate=priced,
        difference_usd_month=None if priced is None or current is None else priced.total_usd_month - current,
        needed_cache_percent=needed_cache_percent(plan, traffic_of(plan)) if plan else None,
        demands=tuple(_demands(plan)) if plan else (),
        problem=problem,
    )


def _changes(spec: InstanceSpec, provider: StorageProvider, front: MediaFront) -> Iterator[Change]:
    """What must be written in the stack file. Linode's buckets lie in a neighbouring region only when it is named."""
    if provider is not spec.storage.provider:
        yield ("storage", "provider"), provider.value
        near = nearest_region(provider, spec.region)
        is_next_door = provider is StorageProvider.LINODE and near != spec.region
        if is_next_door or spec.storage.region:
            yield ("storage", "region"), near if is_next_door else None
        if spec.backups.region and spec.backups.provider is None:
            yield ("backups", "region"), None
    if front is not spec.edge.media:
        yield ("edge", "media"), front.value
        if front is MediaFront.CLOUDFLARE and spec.edge.dns is not DnsProvider.CLOUDFLARE:
            yield ("edge", "dns"), DnsProvider.CLOUDFLARE.value


def _demands(plan: InstancePlan) -> Iterator[str]:
    store = object_store(plan.media.provider)
    if store is None:
        return
    traffic = traffic_of(plan)
    if store.minimum_days:
        yield f"every object is billed for {store.minimum_days} days, however soon it is deleted"
    if store.minimum_days and store.included_gb:
        yield f"at least {gb_text(store.included_gb)} is billed"
    needed = needed_cache_percent(plan, traffic)
    if needed:
        planned = "as planned" if needed <= CACHE_HIT_PERCENT else f"more than the {CACHE_HIT_PERCENT} % planned with"
        yield f"no more may leave than is stored: the cache must answer {needed} % of requests, {planned}"
        yield "support must allow public buckets on accounts made since March 2023"
    if plan.media.provider is StorageProvider.AWS:
        leaves = gb_text(traffic.bucket_gb)
        yield f"what leaves the bucket is billed: {leaves} a month while the cache answers {CACHE_HIT_PERCENT} %"
    if plan.media.provider is StorageProvider.LINODE and plan.media.region != plan.spec.region:
        there, here = region_row(plan.media.region), plan.region
        if there:
            abroad = "" if there.country == here.country else ", in another country"
            yield f"media lie in {there.place}{abroad}, not in {here.place}"
    yield from _front_demands(plan)


def _front_demands(plan: InstancePlan) -> Iterator[str]:
    if plan.media.front is MediaFront.NGINX:
        yield "the web nodes serve all media from their own disks and their own transfer"
        return
    yield "Cloudflare serves the DNS zone"
    yield "its terms limit serving mostly images and video from storage elsewhere without a paid product"
