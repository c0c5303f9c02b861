"""Resident memory of a process over time: what it took at first, and what it has grown since."""

import asyncio
import time
from dataclasses import dataclass, field

import click

from benchmarks.serving.report import median
from benchmarks.serving.servers.process import resident_mb

SETTLED = 1 / 6  # of the time: five minutes of thirty
WINDOW = 1 / 30  # of the time, whose samples make one figure: a minute of thirty
SAMPLES = 12  # of a window
TOLD_EVERY_S = 60.0


@dataclass(slots=True)
class Memory:
    """Samples ``(seconds, MB)`` of a run of ``seconds``."""

    seconds: float
    samples: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self, pid: int) -> None:
        """Sample until cancelled, with a line a minute."""
        began = time.monotonic()
        told = 0.0
        while True:
            now = time.monotonic() - began
            self.samples.append((round(now, 1), resident_mb(pid)))
            if now - told >= TOLD_EVERY_S:
                told = now
                click.echo(f"{now / 60:.0f} min: {self.samples[-1][1]:.0f} MB")
            await asyncio.sleep(WINDOW * self.seconds / SAMPLES)

    @property
    def early(self) -> float | None:
        """MB after the first sixth."""
        return self._around(SETTLED * self.seconds)

    @property
    def late(self) -> float | None:
        """MB in the end."""
        return self._around((1 - WINDOW) * self.seconds)

    def _around(self, begin: float) -> float | None:
        return median([mb for at, mb in self.samples if begin <= at <= begin + WINDOW * self.seconds])
