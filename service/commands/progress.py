"""Long work shows a bar on a terminal, and plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import click
from tqdm import tqdm

LINES_EVERY: Final = 50
LONGEST_SILENCE_S: Final = 10.0
Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, doing: str, unit: str) -> Iterator[Item]:
    """The items; how many are done is told on stderr. ``unit`` is one of them: ``frame``."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=doing, unit=unit)
    else:
        yield from _lines(items, total, unit)


def _lines(items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    """A line every so many items, sooner where they take long; short work has none."""
    told = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        if count % LINES_EVERY == 0 or time.monotonic() - told >= LONGEST_SILENCE_S:
            click.echo(f"{count} of {total} {unit}s", err=True)
            told = time.monotonic()
