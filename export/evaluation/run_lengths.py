"""Decodes COCO's run lengths, compressed or as a list, to masks."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIRST: Final = 48  # the character of group 0
MORE, SIGN, BITS = 0x20, 0x10, 5


def decode_run_lengths(size: tuple[int, int], counts: str | list[int]) -> NDArray[np.bool_]:
    """``[H, W]``: runs go down the columns and begin with zeros (cocoapi, ``rleFrString``).

    Args:
        size: height and width.
        counts: the runs, or their compressed text.

    Raises:
        ValueError: the runs do not fill the mask exactly.
    """
    runs = list(_runs(counts)) if isinstance(counts, str) else counts
    if min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths do not fill a mask of {size[0]}x{size[1]}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size, order="F")


def _runs(text: str) -> Iterator[int]:
    """Each run is stored as the difference to the run two before it, from the third run after the first on."""
    known: list[int] = []
    for difference in _numbers(text):
        run = difference + (known[-2] if len(known) > 2 else 0)
        known.append(run)
        yield run


def _numbers(text: str) -> Iterator[int]:
    value = shift = 0
    for character in text:
        group = ord(character) - FIRST
        value |= (group & (MORE - 1)) << shift
        shift += BITS
        if not group & MORE:
            yield value - (1 << shift) if group & SIGN else value
            value = shift = 0
