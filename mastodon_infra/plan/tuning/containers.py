"""What all of Mastodon's containers share: how they start, stop, log, and how long an upload may take."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON, MASTODON_DOCS, WASABI
from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan.decided import Decided

PUMA_STOP_SECONDS = 40
UNIT_MARGIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ContainerTuning:
    """How systemd treats a container. Seconds, and lines of a journal."""

    start_seconds: Decided[int]
    restart_seconds: Decided[int]
    pull_again_seconds: Decided[int]
    puma_stop_seconds: Decided[int]
    puma_unit_stop_seconds: Decided[int]
    log_seconds: Decided[int]
    log_lines: Decided[int]


CONTAINERS = ContainerTuning(
    start_seconds=Decided(300, "the image is there already; podman needs seconds, a busy disk minutes", JUDGEMENT, "s"),
    restart_seconds=Decided(5, "soon, but not in a tight loop", JUDGEMENT, "s"),
    pull_again_seconds=Decided(15, "a registry that is slow or away is asked again, without end", JUDGEMENT, "s"),
    puma_stop_seconds=Decided(PUMA_STOP_SECONDS, "Puma gives its workers 30 s to finish, and 10 more", MASTODON, "s"),
    puma_unit_stop_seconds=Decided(
        PUMA_STOP_SECONDS + UNIT_MARGIN_SECONDS, "podman's own limit and 20 s, so that systemd is not first", JUDGEMENT,
        "s", (("podman's limit", f"{PUMA_STOP_SECONDS} s"),),
    ),
    log_seconds=Decided(30, "the span over which lines are counted", JUDGEMENT, "s"),
    log_lines=Decided(3000, "100 lines a second; what says more is cut, so that it cannot fill the journal", JUDGEMENT),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UploadTuning:
    """How Mastodon speaks to the media bucket.

    Attributes:
        permission: The ACL that it sends with each object; empty where it sends none.
        multipart_bytes: None where Mastodon's own value is fine.
    """

    permission: Decided[str]
    open_timeout_seconds: Decided[int]
    read_timeout_seconds: Decided[int]
    retry_limit: Decided[int]
    multipart_bytes: Decided[int] | None

    @property
    def longest_seconds(self) -> int:
        """After how many seconds one try has failed at the latest."""
        return self.open_timeout_seconds.value + self.read_timeout_seconds.value


def tune_uploads(provider: StorageProvider) -> UploadTuning:
    """Timeouts and limits for a provider."""
    return UploadTuning(
        permission=Decided("", "none: new buckets of AWS refuse ACLs, and the bucket's policy is enough", MASTODON)
        if provider is StorageProvider.AWS
        else Decided("public-read", "each object is marked as public by itself, as Mastodon does", MASTODON),
        open_timeout_seconds=Decided(
            4,
            "a bucket on another continent answers within 2 s; who uploads is told soon that it is away",
            JUDGEMENT,
            "s",
        ),
        read_timeout_seconds=Decided(
            20, "Mastodon's 5 s are too short for slow providers; each wait holds a thread of Puma", JUDGEMENT, "s"
        ),
        retry_limit=Decided(
            1, "the documentation allows 3, but while a store is away all threads would wait for it", MASTODON_DOCS
        ),
        multipart_bytes=Decided(
            50 * 1024 * 1024, "50 MiB: large videos fail on Wasabi with Mastodon's 15 MiB", WASABI, "bytes"
        )
        if provider is StorageProvider.WASABI
        else None,
    )
