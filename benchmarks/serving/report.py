"""Results as a table to read and as JSON to keep."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.serving.machine import describe_machine
from export.report.table import Table

json_option = click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the results here."
)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of the values does not exceed; None of nothing."""
    return float(np.quantile(values, share)) if values else None


def median(values: Sequence[float]) -> float | None:
    """The one in the middle; None of nothing."""
    return quantile(values, 0.5)


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    cells = tuple(tuple(_cell(value) for value in row) for row in rows)
    click.echo(f"\n{Table(tuple(head), cells).markdown()}")


def keep(json_file: Path | None, options: dict[str, Any], results: dict[str, Any]) -> None:
    """Write the results with the machine they belong to."""
    if json_file is not None:
        content = {"machine": describe_machine(), "options": options, **results}
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.{max(0, 2 - int(math.log10(max(1, abs(value)))))}f}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {count}" for key, count in sorted(value.items())) or "-"
    return str(value)
