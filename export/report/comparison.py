"""Two models side by side: scores, frames, and pictures of the frames where they differ most."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from export.evaluation.evaluate import FrameResult
from export.evaluation.grid import counts_on_grid, mask_on_grid
from export.report.page import Picture, Section, as_html, as_markdown
from export.report.pictures import describe_faults, draw_panels
from export.report.report import Report
from export.report.table import Table
from model.data.dataset import FrameFolder
from model.files import write_atomically
from model.scoring.metrics import Counts

PAGE, TEXT = "index.html", "report.md"
LEGEND: Final = (
    "From left to right: the frame; the true mask (green: detected by both, red: missed by at least one); A; B (green: "
    "claimed by a target, orange: false alarm)."
)
ORDER: Final = (
    "Frames are sorted by the number of objects in which A and B differ (targets found by one only, more false objects "
    "of one), then by the number of pixels in which their masks differ."
)


@dataclass(frozen=True, slots=True)
class FramePair:
    """The results of one frame: ``objects`` and ``pixels`` say by how much the two differ."""

    a: FrameResult
    b: FrameResult
    objects: int
    pixels: int

    @classmethod
    def of(cls, a: FrameResult, b: FrameResult) -> "FramePair":
        """Compare two results of the same frame; both keep their masks."""
        assert a.prediction is not None
        assert b.prediction is not None
        found, false = a.counts.detected - b.counts.detected, a.counts.false_objects - b.counts.false_objects
        pixels = int(np.bitwise_count(a.prediction ^ b.prediction).sum())
        return cls(a, b, abs(found) + abs(false), pixels)

    def as_json(self) -> dict[str, Any]:
        """The frame's entry."""
        return {
            "name": self.a.name,
            "objects_that_differ": self.objects,
            "pixels_that_differ": self.pixels,
            "targets": self.a.counts.targets,
            "a": _counts(self.a.counts),
            "b": _counts(self.b.counts),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on one split; ``pairs`` begins with the frames where they differ most."""

    a: Report
    b: Report
    pairs: tuple[FramePair, ...]

    @classmethod
    def of(cls, a: Report, b: Report, results: list[tuple[FrameResult, FrameResult]]) -> "Comparison":
        """Compare the results of every frame."""
        pairs = (FramePair.of(*both) for both in results)
        return cls(a, b, tuple(sorted(pairs, key=lambda pair: (-pair.objects, -pair.pixels))))

    def scores(self) -> Table:
        """One row for each model."""
        first, second = self.a.table(), self.b.table()
        return Table(("model", *first.head), (("A", *first.rows[0]), ("B", *second.rows[0])))

    def frames(self, number: int) -> Table:
        """The frames that differ most, at most ``number``."""
        head = ("frame", "targets", "found by A", "found by B", "false of A", "false of B", "pixels that differ")
        return Table(head, tuple(_row(pair) for pair in self.pairs[:number] if pair.pixels))

    def as_json(self) -> dict[str, Any]:
        """Scores of both, and every frame."""
        return {"a": self.a.as_json(), "b": self.b.as_json(), "frames": [pair.as_json() for pair in self.pairs]}


def write_comparison(target: Path, comparison: Comparison, folder: FrameFolder, number: int) -> None:
    """Write ``index.html`` and ``report.md`` into ``target``, with pictures of ``number`` frames.

    Raises:
        OSError: a file cannot be written.
    """
    different = sum(pair.pixels > 0 for pair in comparison.pairs)
    counted = f"{different} of {len(comparison.pairs)} frames differ. {ORDER}"
    pictures = tuple(_picture(pair, comparison, folder) for pair in comparison.pairs[:number] if pair.pixels)
    sections = [
        Section("Models", table=Table(("", "model"), (("A", comparison.a.model), ("B", comparison.b.model)))),
        Section("Scores", table=comparison.scores()),
        Section("Frames", counted, table=comparison.frames(len(comparison.pairs))),
        Section("Where they differ most", LEGEND if pictures else "There are no pictures.", pictures=pictures),
    ]
    title = f"{comparison.a.model} and {comparison.b.model} on {comparison.a.dataset}"
    write_atomically(target / TEXT, as_markdown(title, sections).encode())
    write_atomically(target / PAGE, as_html(title, sections).encode())


def _picture(pair: FramePair, comparison: Comparison, folder: FrameFolder) -> Picture:
    grid, sample = comparison.a.grid, folder.load(pair.a.name)
    counts, mask = counts_on_grid(sample.counts, grid), mask_on_grid(sample.mask, grid)
    png = draw_panels(counts, mask, pair.a.mask(mask.shape), pair.b.mask(mask.shape))
    return Picture(png, f"{pair.a.name}. A: {_faults(pair.a.counts)}. B: {_faults(pair.b.counts)}")


def _faults(counts: Counts) -> str:
    return describe_faults(counts) if counts.union else "nothing found, nothing there"


def _row(pair: FramePair) -> tuple[str, ...]:
    a, b = pair.a.counts, pair.b.counts
    numbers = (a.targets, a.detected, b.detected, a.false_objects, b.false_objects, pair.pixels)
    return (pair.a.name, *map(str, numbers))


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "detected": counts.detected,
        "false_objects": counts.false_objects,
        "iou": counts.intersection / counts.union if counts.union else None,
    }
