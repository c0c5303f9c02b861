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


def progress(
    items: Iterable[Item], total: int | None, doing: str, unit: str, *, with_rate: bool = False
) -> Iterator[Item]:
    """Yield the items and report on standard error how many are done. ``unit`` is the name of one item: ``frame``.

    ``total`` is None if nobody knows it. A bar always has the rate and the time left; lines have them ``with_rate``.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=doing, unit=unit)
    else:
        yield from _lines(items, total, unit, with_rate)


def _lines(items: Iterable[Item], total: int | None, unit: str, with_rate: bool) -> Iterator[Item]:
    """Report every ``LINES_EVERY`` items, and earlier if items take long; short work reports nothing."""
    began = reported = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if count % LINES_EVERY == 0 or now - reported >= LONGEST_SILENCE_S:
            done = f"{count} {unit}s" if total is None else f"{count} of {total} {unit}s"
            click.echo(done + (_rate(count, total, now - began) if with_rate else ""), err=True)
            reported = now


def _rate(count: int, total: int | None, seconds: float) -> str:
    rate = count / max(seconds, 1e-9)
    left = "" if total is None else f", {max(total - count, 0) / rate:.0f} s left"
    return f", {rate:.1f} a second{left}"
