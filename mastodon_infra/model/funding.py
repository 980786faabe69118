"""Who pays: income, patrons and what the platform keeps."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mastodon_infra.model.base import Closed, PositiveCount


class FundingPlatform(StrEnum):
    """Where patrons pay; each keeps a fee of its own (see the catalog)."""

    PATREON = "patreon"
    KO_FI = "ko-fi"
    LIBERAPAY = "liberapay"
    OPEN_COLLECTIVE = "open-collective"
    DIRECT = "direct"


Money = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=2)]


class PatronTierSpec(Closed):
    """Patrons who give the same amount each month."""

    usd_month: Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=2)] = Field(
        description="What one patron of this tier gives in a month.", examples=[3]
    )
    patrons: PositiveCount = Field(description="How many there are.", examples=[40])


class FundingSpec(Closed):
    """Monthly income and what has been saved."""

    platform: FundingPlatform = Field(default=FundingPlatform.DIRECT, description="Where the patrons pay.")
    patron_tiers: tuple[PatronTierSpec, ...] = Field(default=(), description="Patrons by what they give.")
    other_income_usd_month: Money = Field(default=Decimal(0), description="Other income in a month, after fees.")
    reserve_usd: Money = Field(default=Decimal(0), description="What has been saved so far.")
