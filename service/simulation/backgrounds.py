"""Backgrounds of simulated frames: clouds, clutter, sea and sky, each drawn from a random generator."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float64]


def _sky(rng: np.random.Generator, height: int, width: int) -> Field:
    y, x = np.mgrid[0:height, 0:width]
    field: Field = y * rng.uniform(0.5, 1) + x * rng.uniform(-0.3, 0.3)
    return field


def _clouds(rng: np.random.Generator, height: int, width: int) -> Field:
    octaves = (ndimage.gaussian_filter(rng.normal(size=(height, width)), s, mode="wrap") * s for s in (4, 8, 16, 32))
    field: Field = np.maximum(sum(octaves, np.zeros((height, width))), 0)
    return field


def _sea(rng: np.random.Generator, height: int, width: int) -> Field:
    y, x = np.mgrid[0:height, 0:width]
    waves = np.sin(0.35 * y + 0.6 * np.sin(0.07 * x + rng.uniform(0, 6))) * (y / height) ** 2
    glint = ndimage.gaussian_filter(rng.normal(size=(height, width)), (0.8, 3))
    field: Field = 0.6 * y / height + 0.25 * waves + glint * y / height
    return field


def _clutter(rng: np.random.Generator, height: int, width: int) -> Field:
    """Roofs and walls: rectangles with hot edges, softened by the optics."""
    field = np.zeros((height, width))
    for _ in range(14):
        top, left = rng.integers(0, height), rng.integers(0, width)
        rows, columns = rng.integers(8, 40, 2)
        field[top : top + rows, left : left + columns] = rng.uniform(0, 1)
    return np.asarray(ndimage.gaussian_filter(field, 1.5))


BACKGROUNDS: dict[str, Callable[[np.random.Generator, int, int], Field]] = {
    "clouds": _clouds,
    "clutter": _clutter,
    "sea": _sea,
    "sky": _sky,
}
BASE_SHARE, SPAN_SHARE = 0.25, 0.35  # of full scale: where the background lies, so that 14 bits use a part of 16


def draw_background(rng: np.random.Generator, name: str, height: int, width: int) -> Field:
    """``[height, width]`` radiance from ``BASE_SHARE`` up to at most ``BASE_SHARE + SPAN_SHARE`` of full scale.

    Args:
        rng: decides what the background looks like and how much contrast it has.
        name: one of ``BACKGROUNDS``.
        height: rows.
        width: columns.
    """
    field = BACKGROUNDS[name](rng, height, width)
    contrast = SPAN_SHARE * rng.uniform(0.4, 1.0)
    span = float(np.ptp(field)) or 1.0
    return np.asarray(BASE_SHARE + (field - field.min()) / span * contrast)


def background_of(seed: int) -> str:
    """The background that a seed chooses; the names take turns."""
    names = sorted(BACKGROUNDS)
    return names[seed % len(names)]
