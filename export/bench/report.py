"""Results of a benchmark as text and as JSON."""

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any, Final

from export.bench.cases import Shape
from export.bench.ceilings import Ceilings
from export.bench.floor import Floor
from export.bench.timing import Plan, Timing
from export.report.table import Table
from service.runtime.cpus import available_cpus

VECTORS: Final = {"avx512f": "AVX-512", "avx2": "AVX2"}


@dataclass(frozen=True, slots=True)
class Row:
    """One size and batch: its timing, or the reason why it was refused, and its floor if it is known."""

    shape: Shape
    timing: Timing | None
    refused: str = ""
    floor: Floor | None = None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All results. ``about`` names the model or service; ``no_floor`` says why there is no floor."""

    about: str
    rows: tuple[Row, ...]
    plan: Plan
    ceilings: Ceilings | None = None
    no_floor: str = ""

    def text(self) -> str:
        """The results in Markdown."""
        head = ("size", "batch", "frames/s", "calls/s", "p50 ms", "p99 ms", "calls", "floor frames/s", "of the floor")
        table = Table(head, tuple(_cells(row) for row in self.rows)).markdown()
        refused = "".join(f"\n{row.shape.size} x {row.shape.batch}: {row.refused}" for row in self.rows if row.refused)
        return f"{self.about}\n{describe_machine()}\n\n{table}\n{refused}\n{self._floor_line()}"

    def as_json(self) -> dict[str, Any]:
        """The results for a JSON file: rates in frames or calls per second, latencies in milliseconds."""
        return {
            "about": self.about,
            "machine": describe_machine(),
            "plan": asdict(self.plan),
            "ceilings": asdict(self.ceilings) if self.ceilings else None,
            "cases": [
                {
                    "size": row.shape.size,
                    "batch": row.shape.batch,
                    "timing": asdict(row.timing) if row.timing else None,
                    "refused": row.refused or None,
                    "floor": asdict(row.floor) if row.floor else None,
                }
                for row in self.rows
            ],
        }

    def _floor_line(self) -> str:
        if self.ceilings is None:
            return f"no floor: {self.no_floor}"
        return (
            f"floor: each fused group of operations moves its bytes at {self.ceilings.bytes_per_second / 1e9:.1f} GB/s "
            f"or computes at {self.ceilings.operations_per_second / 1e9:.0f} GFLOP/s, whichever takes longer "
            f"({self.ceilings.how}, measured in this run)"
        )


def describe_machine() -> str:
    """Processor, usable CPUs, operating system and load. A high load makes timings unreliable."""
    load = os.getloadavg()[0]
    python = f"Python {platform.python_version()}"
    return f"{processor()}, {available_cpus()} CPUs, load {load:.1f}, {platform.system()}, {python}"


def processor() -> str:
    """Name of the processor and its widest vector instructions, by which ONNX Runtime chooses its memory layout."""
    try:
        with open("/proc/cpuinfo") as lines:
            first = dict(reversed([_entry(line) for line in lines]))
    except OSError:
        first = {}
    name = first.get("model name") or platform.processor() or platform.machine()
    flags = first.get("flags", "").split()
    return next((f"{name} ({vectors})" for flag, vectors in VECTORS.items() if flag in flags), name)


def _entry(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def _cells(row: Row) -> tuple[str, ...]:
    measured, timing = ("refused", *("-",) * 4), row.timing
    if timing is not None:
        measured = (
            f"{timing.frames_per_second:.2f}",
            f"{timing.calls_per_second:.2f}",
            f"{timing.p50_ms:.2f}",
            f"{timing.p99_ms:.2f}",
            str(timing.calls),
        )
    least, share = "-", "-"
    if row.floor is not None:
        least = f"{row.floor.frames_per_second:.1f}"
        share = f"{100 * timing.frames_per_second / row.floor.frames_per_second:.0f} %" if timing else "-"
    return (row.shape.size, str(row.shape.batch), *measured, least, share)
