"""The moment of first service: when a visitor is answered for the first time, while machines are still installing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Self

from mastodon_infra.rehearsal.machines.keeper import TRUST
from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal

EVERY_SECONDS, ANSWER_SECONDS = 1.0, 5


class FirstService:
    """Asks over and over from its start to its end, until it is answered with 200. Used as a context.

    ``ask`` gives the status of an answer, 0 where there was none. ``seconds`` is how long it took, None until then.
    """

    def __init__(
        self, ask: Callable[[], int], *, clock: Callable[[], float] = monotonic, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self.seconds: float | None = None
        self._ask, self._clock, self._every_seconds = ask, clock, every_seconds
        self._is_over = Event()
        self._thread = Thread(target=self._go, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _go(self) -> None:
        began = self._clock()
        while not self._is_over.is_set():
            if self._ask() == 200:  # noqa: PLR2004  # HTTP's own number
                self.seconds = self._clock() - began
                return
            self._is_over.wait(self._every_seconds)


def asking(rehearsal: Rehearsal, website: str) -> Callable[[], int]:
    """Asks for the site's ``/health`` as its visitors would: by its name, and with its certificate checked."""
    words = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    words += ["--max-time", str(ANSWER_SECONDS), "--cacert", str(rehearsal.folder / TRUST), f"https://{website}/health"]

    def ask() -> int:
        said = ""
        # A keeper that has ended leaves nobody to ask; whoever waits for its machines hears of that.
        with suppress(OSError):
            said = subprocess.run(  # noqa: S603  # words of ours
                rehearsal.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            ).stdout
        return int(said) if said.isdecimal() else 0

    return ask
