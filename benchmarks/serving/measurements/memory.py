"""Resident memory of a process over time: early in the run, and at its end."""

import asyncio
import time
from dataclasses import dataclass, field

import click

from benchmarks.serving.report import median
from benchmarks.serving.servers.process import resident_mb

SETTLED = 1 / 6  # of the time, after which memory should not grow: five minutes of thirty
WINDOW = 1 / 30  # of the time; the median of its samples is one figure: a minute of thirty
SAMPLES = 12  # in a window
PRINTED_EVERY_S = 60.0


@dataclass(slots=True)
class Memory:
    """Samples ``(seconds, MB)`` of a run of ``seconds``."""

    seconds: float
    samples: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self, pid: int) -> None:
        """Sample until cancelled, and print a line a minute."""
        began = time.monotonic()
        printed = 0.0
        while True:
            now = time.monotonic() - began
            self.samples.append((round(now, 1), resident_mb(pid)))
            if now - printed >= PRINTED_EVERY_S:
                printed = now
                click.echo(f"{now / 60:.0f} min: {self.samples[-1][1]:.0f} MB")
            await asyncio.sleep(WINDOW * self.seconds / SAMPLES)

    @property
    def early(self) -> float | None:
        """MB after the first sixth of the run."""
        return self._around(SETTLED * self.seconds)

    @property
    def late(self) -> float | None:
        """MB at the end of the run."""
        return self._around((1 - WINDOW) * self.seconds)

    def _around(self, begin: float) -> float | None:
        return median([mb for at, mb in self.samples if begin <= at <= begin + WINDOW * self.seconds])
