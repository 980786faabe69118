"""Notes on a price: rules of vendors that make it larger than it looks, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.catalog.mail import relay_at
from mastodon_infra.catalog.prices import SES_NEW_ACCOUNT
from mastodon_infra.catalog.storage import object_store
from mastodon_infra.cost.storage import buckets_at, needed_cache_percent
from mastodon_infra.cost.traffic import CACHE_HIT_PERCENT, Traffic, gb_text, providers_of
from mastodon_infra.cost.types import CostLine
from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan.notes import Level, Note
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import usd


def notes_on(plan: InstancePlan, traffic: Traffic, lines: tuple[CostLine, ...]) -> tuple[Note, ...]:
    """Every note, the gravest first."""
    notes = [
        *_storage_notes(plan),
        *_egress_notes(plan, traffic),
        *_transfer_notes(traffic),
        *_mail_notes(plan),
        *_price_notes(plan, lines),
    ]
    order = list(Level)
    return tuple(sorted(notes, key=lambda note: order.index(note.level)))


def _storage_notes(plan: InstancePlan) -> Iterator[Note]:
    for provider in providers_of(plan):
        store = object_store(provider)
        if store is None or not store.minimum_days:
            continue
        buckets = buckets_at(plan, store)
        billed, stored = (sum(one) for one in zip(*((b.billed_gb, b.stored_gb) for b in buckets), strict=True))
        if billed < store.included_gb:
            yield Note(
                f"{provider}-floor",
                Level.ADVICE,
                f"{store.title} bills {gb_text(store.included_gb)} at least ({usd(store.minimum_usd_month)} a month), "
                f"and only {gb_text(billed)} are expected.",
                "compare the other storage providers",
            )
        if billed > stored:
            yield Note(
                f"{provider}-minimum-days",
                Level.INFO,
                f"{store.title} bills every object for {store.minimum_days} days: {gb_text(billed)} for "
                f"{gb_text(stored)} stored. Keeping media or backups for a shorter time saves nothing.",
                f"mastodon.remote_media_retention_days: {store.minimum_days} costs the same",
            )


def _egress_notes(plan: InstancePlan, traffic: Traffic) -> Iterator[Note]:
    needed = needed_cache_percent(plan, traffic)
    if needed:
        is_short = needed > CACHE_HIT_PERCENT
        yield Note(
            "egress-ratio",
            Level.WARNING if is_short else Level.INFO,
            f"No more may leave the bucket than is stored ({gb_text(plan.media.stored_gb.value)}), and people get "
            f"{gb_text(traffic.edge_gb)} a month: the media cache must answer {needed} % of them"
            + (f", more than the {CACHE_HIT_PERCENT} % planned with." if is_short else "."),
            "watch the cache's hit ratio, or choose a provider that bills egress",
        )
    if plan.media.provider is StorageProvider.AWS:
        yield Note(
            "aws-requests",
            Level.INFO,
            "Amazon also bills requests: every file that is stored, listed or fetched. They are not in here.",
        )


def _transfer_notes(traffic: Traffic) -> Iterator[Note]:
    if traffic.overage_gb:
        yield Note(
            "transfer-overage",
            Level.ADVICE,
            f"{gb_text(traffic.pool_gb)} are expected to leave Linode in a month, "
            f"{gb_text(traffic.overage_gb)} more than the machines' pool.",
            "Cloudflare in front of media (edge.media: cloudflare) takes most of it over",
        )


def _mail_notes(plan: InstancePlan) -> Iterator[Note]:
    if plan.mail.provider == "ses":
        yield Note(
            "ses-plan",
            Level.INFO,
            f"A new SES account starts on a plan of "
            f"${SES_NEW_ACCOUNT.price_usd} per {SES_NEW_ACCOUNT.per}; it may change to the cheaper one at once.",
        )
    elif plan.mail.provider == "smtp":
        relay = relay_at(plan.mail.host)
        if relay is None or relay.price_usd_1000 is None:
            yield Note(
                "mail-price-unknown",
                Level.ADVICE,
                f"What {plan.mail.host} charges is not known, so mail counts as $0.",
                "add your relay's price",
            )


def _price_notes(plan: InstancePlan, lines: tuple[CostLine, ...]) -> Iterator[Note]:
    if plan.region.price_factor != 1:
        yield Note(
            "region-surcharge",
            Level.INFO,
            f"Machines in {plan.region.place} cost {plan.region.price_factor} times the list, which the prices have.",
        )
    doubtful = tuple(line.title for line in lines if line.usd_month and not line.confirmed)
    if doubtful:
        yield Note(
            "unconfirmed-prices",
            Level.INFO,
            f"Derived, or read at a third party only: the price of {', '.join(doubtful)}.",
            "look at the vendor's page before you order",
        )
