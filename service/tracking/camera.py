"""Estimates how far the scene moved in the picture from one frame to the next.

First whole pixels, by the phase correlation of both frames (Kuglin and Hines, 1975). Then their parts, by least squares
on the gradient (Lucas and Kanade, 1981). Differences that are far from the others are limited, so that targets and
defective pixels do not decide.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

SIDE: Final = 256  # pixels: the middle of a frame is looked at; larger frames are binned to about this size
SMALLEST_SIDE: Final = 16  # pixels; smaller frames show too little
SMOOTHING: Final = 1.0  # pixels, standard deviation
USUAL: Final = np.float32(1.4826)  # standard deviations of a normal distribution in its median deviation
OUTLIER: Final = 3.0  # standard deviations; counts and differences farther out are limited
LEAST_PEAK: Final = 8.0  # height of the peak of the correlation, in its standard deviations
GRID: Final = 8  # the picture has 8x8 parts; many must agree with a shift, so that a few targets do not decide
CHANGED: Final = 1.5  # a part has a vote if it changes so many times more than usual
LEAST_VOTERS: Final = 0.2  # share of all parts
LEAST_AGREEING: Final = 0.75  # share of the voters
USUAL_PART: Final = 0.5  # pixels, standard deviation of the part of a pixel before it is measured
NEIGHBOURS: Final = 4 * np.pi * SMOOTHING**2  # pixels whose noise is alike after smoothing
ROUNDS: Final = 2

Picture = NDArray[np.float32]


class Shift(NamedTuple):
    """How far the scene moved in the picture, in pixels; x to the right, y down."""

    x: float
    y: float

    def plus(self, other: "Shift") -> "Shift":
        """Both, one after the other."""
        return Shift(self.x + other.x, self.y + other.y)

    def minus(self, other: "Shift") -> "Shift":
        """What is left of this one after the other."""
        return Shift(self.x - other.x, self.y - other.y)


STILL: Final = Shift(0.0, 0.0)


class CameraMotion:
    """Follows the scene through the frames of one stream. One thread at a time may use it."""

    def __init__(self) -> None:
        self._before: _View | None = None

    def follow(self, counts: NDArray[Any]) -> Shift:
        """How far the scene moved since the frame before; ``STILL`` if that cannot be known.

        That is so for the first frame, after a change of size, and where the scene has no structure.

        Args:
            counts: ``[H, W]`` of any number type; NaN and infinity are ignored.
        """
        now = _View(counts)
        before, self._before = self._before, now
        if before is None or before.picture.shape != now.picture.shape or min(now.picture.shape) < SMALLEST_SIDE:
            return STILL
        return _shift(before, now)


class _View:
    """The middle of a frame as it is compared.

    Attributes:
        scale: pixels of the frame along a side of one pixel of the picture.
        picture: ``[H', W']``, smoothed, without its plane and outliers.
        spectrum: of the picture.
    """

    def __init__(self, counts: NDArray[Any]) -> None:
        self.scale = max(min(counts.shape) // SIDE, 1)
        self.picture = _smoothed(_binned(_middle(counts, SIDE * self.scale).astype(np.float32), self.scale))
        self.spectrum = fft.rfft2(self.picture * _window(self.picture.shape))


def _middle(counts: NDArray[Any], most: int) -> NDArray[Any]:
    rows, columns = (slice(max(side - most, 0) // 2, (side + most) // 2) for side in counts.shape)
    return counts[rows, columns]


def _binned(picture: Picture, scale: int) -> Picture:
    """The mean of each ``scale`` x ``scale`` pixels."""
    if scale == 1:
        return picture
    rows, columns = (side // scale for side in picture.shape)
    parts = picture[: rows * scale, : columns * scale].reshape(rows, scale, columns, scale)
    return np.asarray(parts.mean(axis=(1, 3), dtype=np.float32))


def _smoothed(middle: Picture) -> Picture:
    finite = np.isfinite(middle)
    if not finite.any():
        return np.zeros_like(middle)
    filled = np.where(finite, middle, np.median(middle[finite]))
    picture = _limited(_without_plane(_limited(filled)))
    return np.asarray(ndimage.gaussian_filter(picture, SMOOTHING, output=np.float32))


def _limited(picture: Picture) -> Picture:
    """The picture in units of its usual deviation from the median, without what is farther out.

    It is zero where most pixels are equal: what is left, targets for example, is not the scene.
    """
    centre = np.median(picture)
    spread = USUAL * np.median(np.abs(picture - centre))
    if spread == 0:
        return np.zeros_like(picture)
    return np.asarray(np.clip((picture - centre) / spread, -OUTLIER, OUTLIER))


def _without_plane(picture: Picture) -> Picture:
    """The picture without the plane that fits it best, which would look the same wherever the camera points."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in picture.shape)
    slopes = [np.dot(picture.mean(axis=axis), line) / np.dot(line, line) for axis, line in ((0, x), (1, y))]
    plane: Picture = slopes[0] * x[None] + slopes[1] * y[:, None] + picture.mean(dtype=np.float32)
    return picture - plane


def _window(shape: tuple[int, ...]) -> Picture:
    height, width = (np.hanning(side).astype(np.float32) for side in shape)
    return np.outer(height, width)


def _shift(before: _View, now: _View) -> Shift:
    whole = _whole_pixels(before, now)
    if not _most_agree(before.picture, now.picture, whole):
        whole = (0, 0)
    part = _part_of_pixel(*_overlap(before.picture, now.picture, whole))
    return Shift(*(now.scale * (pixels + rest) for pixels, rest in zip(whole, part, strict=True)))


def _whole_pixels(before: _View, now: _View) -> tuple[int, int]:
    """The place of the peak of the phase correlation; zero if no peak stands out."""
    height, width = now.picture.shape
    cross = now.spectrum * np.conj(before.spectrum)
    cross /= np.maximum(np.abs(cross), np.finfo(np.float32).tiny)
    correlation = fft.irfft2(cross * _low_pass((height, width)), s=(height, width))
    y, x = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
    if correlation[y, x] < LEAST_PEAK * correlation.std():
        return 0, 0
    return _signed(int(x), width), _signed(int(y), height)


def _low_pass(shape: tuple[int, int]) -> Picture:
    """The weights of frequencies ``[H', W' // 2 + 1]``: those that smoothing leaves."""
    y, x = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None]
    weights: Picture = np.exp(-2 * (np.pi * 2 * SMOOTHING) ** 2 * (x**2 + y**2)).astype(np.float32)
    return weights


def _most_agree(before: Picture, now: Picture, whole: tuple[int, int]) -> bool:
    """Whether parts of the picture that change from frame to frame fit better with this shift than without."""
    moved, seen = _overlap(before, now, whole)
    still = before[tuple(_common(side, length)[1] for side, length in zip(whole[::-1], before.shape, strict=True))]
    with_shift, without = _by_part((seen - moved) ** 2), _by_part((seen - still) ** 2)
    voters = np.maximum(with_shift, without) > CHANGED * np.median(np.minimum(with_shift, without))
    agreeing = np.count_nonzero(voters & (with_shift < without))
    return bool(voters.mean() >= LEAST_VOTERS and agreeing >= LEAST_AGREEING * np.count_nonzero(voters))


def _by_part(picture: Picture) -> NDArray[np.float64]:
    """``[GRID, GRID]``: the sum of each part of ``picture [H', W']``."""
    rows, columns = (np.arange(GRID) * side // GRID for side in picture.shape)
    return np.add.reduceat(np.add.reduceat(picture, rows, 0, np.float64), columns, 1)


def _signed(place: int, side: int) -> int:
    return place - side if place > side // 2 else place


def _overlap(before: Picture, now: Picture, whole: tuple[int, int]) -> tuple[Picture, Picture]:
    """The parts of both pictures that show the same of the scene, to a pixel."""
    x, y = whole
    rows, columns = _common(y, now.shape[0]), _common(x, now.shape[1])
    return before[rows[0], columns[0]], now[rows[1], columns[1]]


def _common(moved: int, side: int) -> tuple[slice, slice]:
    return slice(max(-moved, 0), side - max(moved, 0)), slice(max(moved, 0), side - max(-moved, 0))


def _part_of_pixel(before: Picture, now: Picture) -> tuple[float, float]:
    """The rest of the shift ``(x, y)``; along an axis without structure it is near zero."""
    if min(now.shape) < SMALLEST_SIDE:
        return 0.0, 0.0
    down, right = np.gradient((before + now) / 2)
    slopes = np.stack([right.ravel(), down.ravel()], axis=1)
    difference = (before - now).ravel()
    part = np.zeros(2)
    for _ in range(ROUNDS):
        rest = difference - slopes @ part.astype(np.float32)
        rest -= np.median(rest)
        noise = USUAL * float(np.median(np.abs(rest))) or 1.0
        limited = np.clip(rest, -OUTLIER * noise, OUTLIER * noise)
        prior = (noise / USUAL_PART) ** 2 * NEIGHBOURS
        information = slopes.T @ slopes + np.eye(2) * prior
        part = part + np.linalg.solve(information, slopes.T @ limited - prior * part)
    return float(np.clip(part[0], -1, 1)), float(np.clip(part[1], -1, 1))
