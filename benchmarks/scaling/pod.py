"""One pod: a queue with a limit before one core, and what Prometheus scrapes of it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

QUEUE_LIMIT: Final = 64  # RRCANET_QUEUE_SIZE
WINDOW_S: Final = 60.0  # of the queries
SCRAPE_EVERY_S: Final = 15.0


class Sample(NamedTuple):
    """One scrape: its time in seconds, the frames in the queue, and the requests that were answered and refused."""

    time: float
    queue: int
    answered: int
    refused: int


@dataclass(slots=True, eq=False)
class Pod:
    """A server that answers one request after the other.

    Attributes:
        ready_at, first_scrape: seconds.
        ends: when each request that was accepted is answered.
    """

    ready_at: float
    first_scrape: float
    ends: deque[float] = field(default_factory=deque)
    answered: int = 0
    refused: int = 0
    samples: deque[Sample] = field(default_factory=deque)

    def accept(self, now: float, service_s: float) -> float | None:
        """The latency of a request in seconds, or None if the queue is full (429)."""
        self._advance(now)
        if len(self.ends) >= QUEUE_LIMIT:
            self.refused += 1
            return None
        end = max(now, self.ends[-1] if self.ends else now) + service_s
        self.ends.append(end)
        return end - now

    def scrape(self, now: float) -> None:
        """Take a sample if one is due. Samples that left the window are dropped, also those of a pod that has ended."""
        self._advance(now)
        if now >= self.first_scrape and (now - self.first_scrape) % SCRAPE_EVERY_S < 1:
            self.samples.append(Sample(now, len(self.ends), self.answered, self.refused))
        self.forget(now)

    def forget(self, now: float) -> None:
        """Drop samples that left the window."""
        while self.samples and self.samples[0].time <= now - WINDOW_S:
            self.samples.popleft()

    @property
    def mean_queue(self) -> float:
        """``avg_over_time(rrcanet_queue_frames[1m])``; 0 without samples."""
        return sum(one.queue for one in self.samples) / max(1, len(self.samples))

    def rate(self, name: str) -> float:
        """``rate`` of ``answered`` or ``refused`` over the window, per second; 0 with less than two samples."""
        if len(self.samples) < 2:
            return 0.0
        first, last = self.samples[0], self.samples[-1]
        increase: int = getattr(last, name) - getattr(first, name)
        return increase / (last.time - first.time)

    def _advance(self, now: float) -> None:
        while self.ends and self.ends[0] <= now:
            self.ends.popleft()
            self.answered += 1
