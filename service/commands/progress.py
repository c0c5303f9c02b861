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
    items: Iterable[Item],
    total: int | None,
    doing: str,
    unit: str,
    *,
    with_rate: bool = False,
    before: int = 0,
    every: int = LINES_EVERY,
) -> Iterator[Item]:
    """Yield the items and report on standard error how many are done. ``unit`` is the name of one item: ``frame``.

    ``total`` is None if nobody knows it. A bar always has the rate and the time left; lines have them ``with_rate``,
    and come after ``every`` items. An earlier run has done ``before`` items: they are done, but not part of the rate.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=doing, unit=unit, initial=before)
    else:
        yield from _lines(items, total, unit, with_rate, before, every)


def _lines(
    items: Iterable[Item], total: int | None, unit: str, with_rate: bool, before: int, every: int
) -> Iterator[Item]:
    """Report after every so many items, and earlier if items take long; short work reports nothing."""
    began = reported = time.monotonic()
    for count, item in enumerate(items, before + 1):
        yield item
        now = time.monotonic()
        if count % every == 0 or now - reported >= LONGEST_SILENCE_S:
            done = f"{count} {unit}s" if total is None else f"{count} of {total} {unit}s"
            left = None if total is None else max(total - count, 0)
            click.echo(done + (_rate(count - before, left, now - began) if with_rate else ""), err=True)
            reported = now


def _rate(count: int, to_do: int | None, seconds: float) -> str:
    rate = count / max(seconds, 1e-9)
    left = "" if to_do is None else f", {to_do / rate:.0f} s left"
    return f", {rate:.1f} a second{left}"
