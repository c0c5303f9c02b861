"""Pads or cuts frames of any size into inputs of few sizes. So memory is bounded, and different frames share a batch.

A frame is padded to the next size of a short list. A frame that is too large is cut into windows that overlap. In an
overlap, each window answers for the half that is farther from its own border. The windows depend on the frame's size
and the stride only.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.frames import SMALLEST_SIDE

LONGEST: Final = 1280  # pixels; longer sides are cut. Frames of thermal cameras are usually shorter
OVERLAP: Final = 128  # pixels that two neighbouring windows share, at least
FINEST: Final = SMALLEST_SIDE  # pixels between the smallest sides of the list
STEPS_AN_OCTAVE: Final = 4  # padding makes a side at most a quarter longer

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One axis of a window, in pixels of the frame.

    Attributes:
        start, stop: the pixels that the network sees, half-open.
        first, last: the pixels that the window answers for, half-open.
        side: the length after padding.
    """

    start: int
    stop: int
    first: int
    last: int
    side: int


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a frame that becomes one input of the network."""

    rows: Stretch
    columns: Stretch

    def cut(self, image: Image) -> Image:
        """Cut ``image [H, W]`` to ``[1, 1, rows.side, columns.side]``; padding repeats the edge.

        Training pads frames in the same way. Mirroring would show targets near the edge twice.
        """
        seen = image[self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]
        margins = ((0, self.rows.side - seen.shape[0]), (0, self.columns.side - seen.shape[1]))
        padded = np.pad(seen, margins, mode="edge") if any(after for _, after in margins) else seen
        return np.ascontiguousarray(padded)[None, None]

    def paste(self, answer: Image, whole: Image) -> None:
        """Write ``answer [1, rows.side, columns.side]`` where the window answers for the frame."""
        whole[self.rows.first : self.rows.last, self.columns.first : self.columns.last] = answer[
            0,
            self.rows.first - self.rows.start : self.rows.last - self.rows.start,
            self.columns.first - self.columns.start : self.columns.last - self.columns.start,
        ]


def windows_of(height: int, width: int, stride: int, longest: int = LONGEST) -> list[Window]:
    """The windows of a frame; sides are multiples of ``stride``, and no side covers more than ``longest`` pixels."""
    axes = (_stretches(length, stride, longest) for length in (height, width))
    return [Window(rows, columns) for rows, columns in product(*axes)]


def exact_window(height: int, width: int) -> Window:
    """One window of the whole frame, without padding."""
    return Window(Stretch(0, height, 0, height, height), Stretch(0, width, 0, width, width))


def join(windows: Sequence[Window], answers: Iterable[Image], height: int, width: int) -> Image:
    """Join the answers ``[1, H', W']`` of all windows of a frame to ``[H, W]``; zeros if there are no windows."""
    pairs = list(zip(windows, answers, strict=True))
    if len(pairs) == 1:
        return pairs[0][1][0, :height, :width]
    whole = np.zeros((height, width), np.float32)
    for window, answer in pairs:
        window.paste(answer, whole)
    return whole


def side_of(length: int, stride: int) -> int:
    """The smallest side of the list that is at least ``length``, in pixels."""
    octave = 1 << max(length - 1, 1).bit_length()  # the next power of two
    return rounded_up(length, math.lcm(max(FINEST, octave // (2 * STEPS_AN_OCTAVE)), stride))


def rounded_up(length: int, step: int) -> int:
    """The smallest multiple of ``step`` that is at least ``length``."""
    return -(-length // step) * step


def _stretches(length: int, stride: int, longest: int) -> list[Stretch]:
    count = 1 if length <= longest else _cheapest_count(length, stride, longest)
    seen = _seen(length, count)
    starts = [round(index * (length - seen) / max(count - 1, 1)) for index in range(count)]
    cuts = [0, *((before + seen + after) // 2 for before, after in pairwise(starts)), length]
    return [
        Stretch(start, start + seen, first, last, side_of(seen, stride))
        for start, (first, last) in zip(starts, pairwise(cuts), strict=True)
    ]


def _cheapest_count(length: int, stride: int, longest: int) -> int:
    """The number of windows with the fewest pixels to run; one more than needed may need less padding."""
    fewest = -(-(length - OVERLAP) // (longest - OVERLAP))
    return min((fewest, fewest + 1), key=lambda count: count * side_of(_seen(length, count), stride))


def _seen(length: int, count: int) -> int:
    """Pixels that each of ``count`` windows sees, along one axis."""
    return -(-(length + (count - 1) * OVERLAP) // count)
