"""Infrared-like frames with small targets whose mask and sub-pixel centre are known, drawn from a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.simulation.backgrounds import Field, background_of, draw_background

HEIGHT, WIDTH, TARGETS = 128, 160, 3
MASK_LEVEL = 0.4  # share of a target's peak above which a pixel belongs to its mask
NOISE = 0.004  # standard deviation, as a share of full scale
EDGE, DISTANCE = 6, 14  # pixels from a target's centre to the edge, and to the centre of another target


@dataclass(frozen=True, slots=True)
class Truth:
    """A target that was drawn: its centre in pixels, its size and its brightness.

    Attributes:
        x: to the right; (0, 0) is the centre of the top-left pixel.
        y: down.
        sigma: standard deviation of the Gaussian spot, in pixels.
        peak: what the spot adds to the background at its centre, as a share of full scale.
        id: the same in every frame of a sequence; from 1.
    """

    x: float
    y: float
    sigma: float
    peak: float
    id: int


@dataclass(frozen=True, slots=True)
class Scene:
    """``radiance [H, W]`` in 0..1, ``mask [H, W]`` and the targets.

    ``camera`` is where the camera points: the place ``(x, y)`` of the background at the centre of the top-left pixel.
    """

    radiance: Field
    mask: NDArray[np.bool_]
    targets: tuple[Truth, ...]
    camera: tuple[float, float] = (0.0, 0.0)

    def counts(self, bits: int, offset: int = 0) -> NDArray[np.unsignedinteger]:
        """The radiance ``[H, W]`` as counts of a sensor with ``bits`` bits, in the smallest type that holds them.

        Args:
            bits: 8, 14 or 16.
            offset: added counts, as uncooled sensors have.
        """
        top = 2**bits - 1
        counts = np.clip(np.rint(self.radiance * top), 0, top) + offset
        smallest = np.uint8 if bits == 8 and offset == 0 else np.uint16
        return np.asarray(counts.astype(smallest))


def make_scene(
    seed: int, height: int = HEIGHT, width: int = WIDTH, targets: int = TARGETS, background: str | None = None
) -> Scene:
    """Draw one frame.

    Args:
        seed: the same seed draws the same frame.
        height: rows.
        width: columns.
        targets: how many; a small frame holds those that fit.
        background: one of ``BACKGROUNDS``; the seed chooses if none is given.
    """
    rng = np.random.default_rng(seed)
    field = draw_background(rng, background or background_of(seed), height, width)
    noise = rng.normal(0, NOISE, field.shape)
    places = draw_places(rng, targets, height, width)
    truths = [draw_target(rng, x, y, number) for number, (x, y) in enumerate(places, 1)]
    return compose(field + noise, truths)


def draw_target(rng: np.random.Generator, x: float, y: float, number: int) -> Truth:
    """A target at a place, of random size and brightness."""
    return Truth(x, y, float(rng.uniform(0.8, 1.6)), float(rng.uniform(0.25, 0.35)), number)


def draw_places(rng: np.random.Generator, count: int, height: int, width: int) -> list[tuple[float, float]]:
    """Sub-pixel centres (x, y) that keep their distance from each other and from the edge."""
    places: list[tuple[float, float]] = []
    for _ in range(100 * count):
        if len(places) == count:
            break
        x, y = rng.uniform(EDGE, width - 1 - EDGE), rng.uniform(EDGE, height - 1 - EDGE)
        if all(np.hypot(x - a, y - b) > DISTANCE for a, b in places):
            places.append((float(x), float(y)))
    return places


def compose(background: Field, targets: list[Truth], camera: tuple[float, float] = (0.0, 0.0)) -> Scene:
    """Add the targets to a background ``[H, W]``, and draw the mask."""
    radiance, mask = background.copy(), np.zeros(background.shape, np.bool_)
    for target in targets:
        profile = profile_of(target, *background.shape)
        radiance += target.peak * profile
        mask |= profile > MASK_LEVEL
    return Scene(np.clip(radiance, 0, 1), mask, tuple(targets), camera)


def profile_of(target: Truth, height: int, width: int) -> Field:
    """The spot of a target, ``[height, width]``: 1 at its centre."""
    y, x = np.mgrid[0:height, 0:width]
    field: Field = np.exp(-((x - target.x) ** 2 + (y - target.y) ** 2) / (2 * target.sigma**2))
    return field
