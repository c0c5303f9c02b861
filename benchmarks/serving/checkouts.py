"""A checkout beside this one, which a benchmark measures in turns."""

from pathlib import Path

import click

from tests.support.paths import ROOT

other_option = click.option(
    "--other", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another checkout."
)


def checkouts(other: Path | None) -> dict[str, Path]:
    """By the name in the tables: the other one first, if there is one."""
    return {"this": ROOT} if other is None else {"other": other.resolve(), "this": ROOT}
