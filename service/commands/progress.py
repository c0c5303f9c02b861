"""Shows the progress of long work: a bar on a terminal, plain lines in a log."""

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
    """Yield the items and report on standard error how many are done. ``unit`` is the name of one item: ``frame``."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=doing, unit=unit)
    else:
        yield from _lines(items, total, unit)


def _lines(items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    """Report every ``LINES_EVERY`` items, and earlier if items take long; short work reports nothing."""
    reported = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        if count % LINES_EVERY == 0 or time.monotonic() - reported >= LONGEST_SILENCE_S:
            click.echo(f"{count} of {total} {unit}s", err=True)
            reported = time.monotonic()
