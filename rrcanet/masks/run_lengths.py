"""COCO's run lengths: decoded, compressed or as a list, and encoded, compressed."""

from collections.abc import Iterator
from itertools import pairwise
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


def encode_run_lengths(mask: NDArray[np.bool_]) -> str:
    """The compressed run lengths of ``mask [H, W]`` (cocoapi, ``rleToString``).

    Each run is written as the difference to the run two before it, in groups of five bits, lowest first. A sixth bit
    says that more groups follow.
    """
    runs = _lengths(mask.ravel(order="F"))
    return "".join(_characters(run - runs[i - 2] if i > 2 else run) for i, run in enumerate(runs))


def _lengths(pixels: NDArray[np.bool_]) -> list[int]:
    edges = np.flatnonzero(np.diff(pixels)) + 1
    lengths = [after - before for before, after in pairwise([0, *edges.tolist(), pixels.size])]
    return [0, *lengths] if pixels[0] else lengths


def _characters(value: int) -> str:
    text, is_done = "", False
    while not is_done:
        group, value = value & (MORE - 1), value >> BITS
        is_done = value == (-1 if group & SIGN else 0)
        text += chr(FIRST + (group if is_done else group | MORE))
    return text
