"""Writes a report: ``index.html`` and ``report.md`` in one folder."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from export.evaluation.details import Details
from export.evaluation.evaluate import FrameResult
from export.report.page import Section, as_html, as_markdown
from export.report.report import Report
from export.report.sections import (
    contrast_section,
    pixel_section,
    reliability_section,
    scores_section,
    size_section,
    threshold_section,
    worst_section,
)
from export.report.table import Table
from model.data.dataset import FrameFolder
from model.files import write_atomically
from model.scoring.metrics import Counts

PAGE, TEXT = "index.html", "report.md"


def write_files(
    target: Path, report: Report, folder: FrameFolder, results: list[FrameResult], details: Details, number: int
) -> None:
    """Write both files into the folder ``target``, with pictures of the ``number`` worst frames.

    Raises:
        OSError: a file cannot be written.
    """
    confidences = np.concatenate([result.confidences for result in results])
    real = np.concatenate([result.real for result in results])
    sections = [
        _protocol(report, folder),
        scores_section(report),
        threshold_section(report, details.sweep),
        pixel_section(details, sum((result.counts for result in results), Counts())),
        reliability_section(confidences, real, report.calibration_error),
        size_section(details),
        contrast_section(details),
        worst_section(folder, report.grid, results, details, number),
    ]
    title = f"{report.model} on {report.dataset}"
    write_atomically(target / TEXT, as_markdown(title, sections).encode())
    write_atomically(target / PAGE, as_html(title, sections).encode())


def _protocol(report: Report, folder: FrameFolder) -> Section:
    names = "every frame of the folder" if folder.list_file is None else folder.list_file.name
    grid = "the frames' own pixels" if report.grid == "native" else "frames and masks resized to 256 x 256"
    rows = (
        ("model", report.model),
        ("data set", report.dataset),
        ("frames", f"{len(folder)}: {names}"),
        ("grid", f"{report.grid.value}: {grid}"),
        ("range", f"{report.range}: how counts map to intensity, as a value of the service's parameter"),
        ("made", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
    )
    return Section("Protocol", table=Table(("what", "which"), rows))
