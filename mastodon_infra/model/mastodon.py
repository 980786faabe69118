"""Mastodon's own settings, as far as an operator chooses them before the first start."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mastodon_infra.model.base import Closed, Switch
from mastodon_infra.model.names import Domain, pattern


class Registrations(StrEnum):
    """Who may sign up."""

    OPEN = "open"
    APPROVED = "approved"
    NONE = "none"


class MastodonSpec(Closed):
    """Mastodon's version and behaviour."""

    version: Annotated[str, pattern(r"v\d+\.\d+\.\d+", "a release tag such as v4.7.4")] | None = Field(
        default=None, description="The release to run; by default the catalog's.", examples=["v4.7.4"]
    )
    image_digest: (
        Annotated[str, pattern(r"sha256:[0-9a-f]{64}", "an image digest: sha256: and 64 hex digits")] | None
    ) = Field(default=None, description="Pin the main image to this digest as well.")
    streaming_image_digest: (
        Annotated[str, pattern(r"sha256:[0-9a-f]{64}", "an image digest: sha256: and 64 hex digits")] | None
    ) = Field(default=None, description="Pin the streaming image to this digest as well.")
    default_locale: Annotated[str, pattern(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", "a locale such as en or pt-BR")] = Field(
        default="en", description="Language for visitors who express no wish."
    )
    registrations: Registrations = Field(
        default=Registrations.APPROVED, description="Who may sign up after the first start."
    )
    single_user: Switch = Field(default=False, description="Show the owner's profile as the front page, no sign-ups.")
    limited_federation: Switch = Field(
        default=False,
        description="Talk only to servers on an allow list. Hard to change later: remote data must be purged.",
    )
    secure_mode: Switch = Field(
        default=False,
        description="Demand signatures for every ActivityPub read; public objects cannot be cached any more.",
    )
    private_api: Switch = Field(default=False, description="Answer API requests only with a token.")
    remote_media_retention_days: Annotated[int, Field(strict=True, ge=1, le=365)] = Field(
        default=14, description="Days that other servers' media stay in the bucket.", examples=[14]
    )
    preview_card_retention_days: Annotated[int, Field(strict=True, ge=14, le=730)] = Field(
        default=180, description="Days that link previews stay; they are fetched again within 14 days."
    )
    alternate_domains: tuple[Domain, ...] = Field(
        default=(), description="Further domains under which this server answers (they must point here)."
    )
    session_limit: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(
        default=10, description="Browser sessions that one person may have."
    )
    restart_nightly: Switch = Field(
        default=False,
        description="Restart web and sidekiq processes one by one each night to give memory back.",
    )
