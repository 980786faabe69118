"""How long nginx and browsers keep what passes through: pages, files of the web site, media."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON, MASTODON_DOCS, MASTODON_EDGE, NGINX
from mastodon_infra.plan.decided import Decided


@dataclass(frozen=True, slots=True)
class Caching:
    """What is kept, and for how long. ``*_max_age_seconds`` is told to browsers; the rest is nginx' own."""

    page_keys_mb: Decided[int]
    page_kept_days: Decided[int]
    asset_kept_days: Decided[int]
    gone_hours: Decided[int]
    versioned_max_age_seconds: Decided[int]
    fixed_max_age_seconds: Decided[int]
    small_max_age_seconds: Decided[int]
    service_worker_max_age_seconds: Decided[int]
    media_fresh_hours: Decided[int]
    media_missing_minutes: Decided[int]
    media_max_age_seconds: Decided[int]
    media_lock_seconds: Decided[int]
    media_slice_mb: Decided[int]


def cache_lifetimes() -> Caching:
    """The same on every web node: they say the same to everyone."""
    return Caching(
        page_keys_mb=Decided(10, "as in Mastodon's own configuration: room for 80,000 pages", MASTODON, "MB"),
        page_kept_days=Decided(
            7,
            "as in Mastodon's own configuration; files of the last release outlive an upgrade so long",
            MASTODON,
            "days",
        ),
        asset_kept_days=Decided(
            28,
            "four weeks, as long as browsers keep them; most files of an image are those of the one before",
            JUDGEMENT,
            "days",
        ),
        gone_hours=Decided(24, "what is deleted stays deleted; as in Mastodon's own configuration", MASTODON, "h"),
        versioned_max_age_seconds=Decided(2_419_200, "four weeks: the name changes with the content", MASTODON, "s"),
        fixed_max_age_seconds=Decided(2_419_200, "four weeks, as in Mastodon's own configuration", MASTODON, "s"),
        small_max_age_seconds=Decided(
            3600, "favicon, robots.txt and their like, of which Rails says nothing", MASTODON_EDGE, "s"
        ),
        service_worker_max_age_seconds=Decided(
            300, "a browser must see a new service worker soon after an upgrade", MASTODON_EDGE, "s"
        ),
        media_fresh_hours=Decided(
            48, "most of what federates in is looked at on its first two days", MASTODON_DOCS, "h"
        ),
        media_missing_minutes=Decided(1, "an object that is not there yet may come at any moment", JUDGEMENT, "min"),
        media_max_age_seconds=Decided(31_536_000, "a year: a medium's name is never used twice", MASTODON_DOCS, "s"),
        media_lock_seconds=Decided(
            30, "many servers ask for a new picture at once: one fetches it, the others wait so long", JUDGEMENT, "s"
        ),
        media_slice_mb=Decided(
            1, "videos are fetched and kept in slices, so that a jump to their end does not fetch it all", NGINX, "MB"
        ),
    )
