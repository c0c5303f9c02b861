"""The pixels of one target, from the mask of all targets or from probabilities. Both begin at the target's peak."""

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pixel = tuple[int, int]  # row and column


def connected(mask: NDArray[np.bool_], start: Pixel) -> NDArray[np.bool_]:
    """``[H, W]``: the 8-connected part of a mask that holds ``start``; nothing if that pixel is not in the mask."""
    own = np.zeros(mask.shape, np.bool_)
    waiting = [start] if mask[start] else []
    while waiting:
        pixel = waiting.pop()
        if mask[pixel] and not own[pixel]:
            own[pixel] = True
            waiting += _around(pixel, mask.shape)
    return own


def most_probable(levels: NDArray[np.uint16], start: Pixel, area: int) -> tuple[NDArray[np.bool_], bool]:
    """``[H, W]``: the ``area`` pixels of the target around its peak, found without the threshold.

    A target is the 8-connected pixels above the threshold, and everything around it is below. So from the peak on, the
    most probable neighbour of what was found so far always belongs to it, until ``area`` pixels are found.

    Args:
        levels: ``[H, W]`` probabilities of 16 bits.
        start: the peak.
        area: pixels of the target.

    Returns:
        The pixels, and whether they are sure: False if the last pixel inside and the best one outside have the same
        level, since their probabilities may differ by less than a level.
    """
    own, seen = np.zeros(levels.shape, np.bool_), np.zeros(levels.shape, np.bool_)
    border = [(-int(levels[start]), start)]
    seen[start] = True
    lowest = int(levels[start])
    for _ in range(area):
        if not border:
            break
        level, pixel = heapq.heappop(border)
        own[pixel], lowest = True, min(lowest, -level)
        for neighbour in _around(pixel, (levels.shape[0], levels.shape[1])):
            if not seen[neighbour]:
                seen[neighbour] = True
                heapq.heappush(border, (-int(levels[neighbour]), neighbour))
    return own, not border or -border[0][0] < lowest


def _around(pixel: Pixel, shape: tuple[int, ...]) -> Iterator[Pixel]:
    """The pixel and its eight neighbours, without those outside the frame."""
    row, column = pixel
    for r in range(max(row - 1, 0), min(row + 2, shape[0])):
        for c in range(max(column - 1, 0), min(column + 2, shape[1])):
            yield r, c
