"""A simulated sequence: one background, targets that move across it, and a camera that drifts and shakes a little."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from service.simulation.backgrounds import Field, background_of, draw_background
from service.simulation.scene import (
    EDGE,
    HEIGHT,
    NOISE,
    TARGETS,
    WIDTH,
    Scene,
    Truth,
    compose,
    draw_places,
    draw_target,
)

DRIFT_PIXELS = 2.0  # amplitude of the slow camera motion
DRIFT_FRAMES = (60, 200)  # shortest and longest period of the slow camera motion
SHAKE_PIXELS = 0.15  # standard deviation of the shaking, per axis
MOST_SHAKE_PIXELS = 0.5
REACH = DRIFT_PIXELS + MOST_SHAKE_PIXELS  # how far the camera ever points from its first direction, per axis
MARGIN = 4  # pixels of background beyond each edge of the frame, for the camera to look at; more than REACH
SPEEDS = (0.3, 1.2)  # of targets across the background, per axis and at most, in pixels a frame


@dataclass(frozen=True, slots=True)
class _Swing:
    """Motion along one axis: ``middle + amplitude * sin(phase + frame * rate)``."""

    middle: float
    amplitude: float
    phase: float
    rate: float

    def at(self, frame: int) -> float:
        return self.middle + self.amplitude * float(np.sin(self.phase + frame * self.rate))


@dataclass(frozen=True, slots=True)
class _Mover:
    """A target and its path across the background: a curve that stays within the frame."""

    target: Truth
    x: _Swing
    y: _Swing

    def at(self, frame: int, camera: tuple[float, float]) -> Truth:
        return replace(self.target, x=self.x.at(frame) - camera[0], y=self.y.at(frame) - camera[1])


def make_sequence(
    seed: int,
    frames: int,
    height: int = HEIGHT,
    width: int = WIDTH,
    targets: int = TARGETS,
    background: str | None = None,
) -> Iterator[Scene]:
    """Draw the frames of one sequence, one after the other.

    A target has the same ``id``, size and brightness in every frame. All targets stay in the picture; they may cross.

    Args:
        seed: the same seed draws the same sequence.
        frames: how many.
        height: rows.
        width: columns.
        targets: how many; a small frame holds those that fit at the start.
        background: one of ``BACKGROUNDS``; the seed chooses if none is given.
    """
    rng = np.random.default_rng(seed)
    world = draw_background(rng, background or background_of(seed), height + 2 * MARGIN, width + 2 * MARGIN)
    drift = [_Swing(0, DRIFT_PIXELS, rng.uniform(0, 2 * np.pi), _rate(rng)) for _ in range(2)]
    places = draw_places(rng, targets, height, width)
    movers = [_draw_mover(rng, x, y, number, height, width) for number, (x, y) in enumerate(places, 1)]
    for frame in range(frames):
        shake = np.clip(rng.normal(0, SHAKE_PIXELS, 2), -MOST_SHAKE_PIXELS, MOST_SHAKE_PIXELS)
        camera = (drift[0].at(frame) + float(shake[0]), drift[1].at(frame) + float(shake[1]))
        noise = rng.normal(0, NOISE, (height, width))
        yield compose(_look(world, camera) + noise, [mover.at(frame, camera) for mover in movers])


def _rate(rng: np.random.Generator) -> float:
    return float(2 * np.pi / rng.uniform(*DRIFT_FRAMES))


def _draw_mover(rng: np.random.Generator, x: float, y: float, number: int, height: int, width: int) -> _Mover:
    """A target that is at ``(x, y)`` of the background in the first frame."""
    return _Mover(draw_target(rng, x, y, number), _draw_swing(rng, x, width), _draw_swing(rng, y, height))


def _draw_swing(rng: np.random.Generator, start: float, side: int) -> _Swing:
    """Motion that begins at ``start`` and keeps off the edges, wherever the camera points."""
    low, high = EDGE + REACH, side - 1 - EDGE - REACH
    amplitude = max((high - low) / 2, 0.0)
    middle = (side - 1) / 2
    share = np.clip((start - middle) / amplitude, -1, 1) if amplitude else 0.0
    phase = float(np.arcsin(share))
    turned = phase if rng.random() < 0.5 else np.pi - phase  # the first step goes either way
    return _Swing(middle, amplitude, turned, rng.uniform(*SPEEDS) / max(amplitude, 1.0))


def _look(world: Field, camera: tuple[float, float]) -> Field:
    """The part of the background that the camera sees, moved by whole pixels and their parts."""
    moved = ndimage.shift(world, (-camera[1], -camera[0]), order=3, mode="nearest")
    return np.asarray(moved[MARGIN:-MARGIN, MARGIN:-MARGIN])
