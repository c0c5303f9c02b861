"""Results as a table and as JSON."""

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
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here too."
)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The quantile at ``share``, 0 to 1; None without values."""
    return float(np.quantile(values, share)) if values else None


def median(values: Sequence[float]) -> float | None:
    """The median; None without values."""
    return quantile(values, 0.5)


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    cells = tuple(tuple(_cell(value) for value in row) for row in rows)
    click.echo(f"\n{Table(tuple(head), cells).markdown()}")


def keep(json_file: Path | None, options: dict[str, Any], results: dict[str, Any]) -> None:
    """Write options and results, together with the machine that was measured."""
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
