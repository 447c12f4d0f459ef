"""Whether a host answers: a circuit breaker."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Breaker:
    """Holds calls back from a host that has failed `threshold` times in a row, for `open_for` seconds.

    After that it lets one probe through in each `open_for` seconds (half-open), until a call succeeds. A probe that
    never reports, because its caller went away, blocks nothing: the next one goes when the time has passed again.
    """

    __slots__ = ("_clock", "_failures", "_name", "_open_for", "_retry_at", "_threshold")

    def __init__(
        self, name: str, threshold: int = 10, open_for: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._threshold = threshold
        self._open_for = open_for
        self._clock = clock
        self._failures = 0
        self._retry_at: float | None = None

    def held_back(self) -> float:
        """Seconds until a call may be tried; 0 where it may go now."""
        if self._retry_at is None:
            return 0.0
        return max(0.0, self._retry_at - self._clock())

    def admit(self) -> float:
        """As `held_back`; an answer of 0 while half-open makes the caller the one probe."""
        if self._retry_at is None:
            return 0.0
        wait = self.held_back()
        if not wait:
            self._retry_at = self._clock() + self._open_for
        return wait

    def succeeded(self) -> None:
        """The host has answered, whatever it said."""
        self._failures = 0
        if self._retry_at is not None:
            self._retry_at = None
            logger.info("%s answers again", self._name)

    def failed(self) -> None:
        """The host could not be reached, or a proxy before it says so (502, 503, 504)."""
        self._failures += 1
        if self._failures >= self._threshold:
            if self._retry_at is None:
                logger.warning("%s failed %d times in a row: calls are held back", self._name, self._failures)
            self._retry_at = self._clock() + self._open_for
