"""A simulated sequence: one background, targets that move across it, and a camera that drifts and shakes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from service.simulation.backgrounds import Field, background_of, draw_background
from service.simulation.scenario import LONGEST_SHAKE, SCENARIOS, Clutter, Scenario, ScenarioName, hidden_frames
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
LEAST_SHAKE_PIXELS = 0.5  # the shaking is limited to this, or to LONGEST_SHAKE standard deviations if that is more
MARGIN = 4  # pixels of background beyond each edge of the frame, for the camera to look at; at least
CALM = SCENARIOS[ScenarioName.CALM]
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

    hidden: frozenset[int]

    def at(self, frame: int, camera: tuple[float, float]) -> Truth:
        return replace(self.target, x=self.x.at(frame) - camera[0], y=self.y.at(frame) - camera[1])


def make_sequence(
    seed: int,
    frames: int,
    height: int = HEIGHT,
    width: int = WIDTH,
    targets: int = TARGETS,
    background: str | None = None,
    scenario: Scenario = CALM,
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
        scenario: what makes the sequence hard.
    """
    rng, extra = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    reach = reach_of(scenario)
    margin = max(MARGIN, math.ceil(reach) + 1)
    world = draw_background(rng, background or background_of(seed), height + 2 * margin, width + 2 * margin)
    drift = [_Swing(0, DRIFT_PIXELS, rng.uniform(0, 2 * np.pi), _rate(rng)) for _ in range(2)]
    movers = _draw_movers(rng, draw_places(rng, targets, height, width), (height, width), reach)
    if scenario.crossing:
        movers = _crossing(movers, frames // 2)
    if scenario.hidden:
        movers = [replace(mover, hidden=hidden_frames(extra, frames)) for mover in movers]
    clutter = Clutter(extra, scenario, height, width)
    for frame in range(frames):
        shake = np.clip(rng.normal(0, scenario.shake, 2), -_most_shake(scenario), _most_shake(scenario))
        camera = (drift[0].at(frame) + float(shake[0]), drift[1].at(frame) + float(shake[1]))
        noise = rng.normal(0, NOISE, (height, width))
        seen = [mover.at(frame, camera) for mover in movers if frame not in mover.hidden]
        yield compose(clutter.add(_look(world, camera, margin), camera) + noise, seen, camera)


def reach_of(scenario: Scenario) -> float:
    """How far the camera ever points from its first direction, per axis, in pixels."""
    return DRIFT_PIXELS + _most_shake(scenario)


def _most_shake(scenario: Scenario) -> float:
    return max(LEAST_SHAKE_PIXELS, LONGEST_SHAKE * scenario.shake)


def _rate(rng: np.random.Generator) -> float:
    return float(2 * np.pi / rng.uniform(*DRIFT_FRAMES))


def _draw_movers(
    rng: np.random.Generator, places: list[tuple[float, float]], size: tuple[int, int], reach: float
) -> list[_Mover]:
    """Targets that are at ``places`` of the background in the first frame."""
    height, width = size
    return [
        _Mover(
            draw_target(rng, x, y, number),
            _draw_swing(rng, x, width, reach),
            _draw_swing(rng, y, height, reach),
            frozenset(),
        )
        for number, (x, y) in enumerate(places, 1)
    ]


def _draw_swing(rng: np.random.Generator, start: float, side: int, reach: float) -> _Swing:
    """Motion that begins at ``start`` and keeps off the edges, wherever the camera points."""
    middle, amplitude = _room(side, reach)
    share = np.clip((start - middle) / amplitude, -1, 1) if amplitude else 0.0
    phase = float(np.arcsin(share))
    turned = phase if rng.random() < 0.5 else np.pi - phase  # the first step goes either way
    return _Swing(middle, amplitude, turned, rng.uniform(*SPEEDS) / max(amplitude, 1.0))


def _room(side: int, reach: float) -> tuple[float, float]:
    """Middle and amplitude of motion that keeps off the edges of a side, wherever the camera points."""
    return (side - 1) / 2, max((side - 1) / 2 - EDGE - reach, 0.0)


def _crossing(movers: list[_Mover], frame: int) -> list[_Mover]:
    """Every second target meets the one before it in ``frame``; across the picture they go opposite ways."""
    met = list(movers)
    for first, second in zip(movers[::2], range(1, len(movers), 2), strict=False):
        swings = (_meeting(met[second].x, first.x, frame, -1), _meeting(met[second].y, first.y, frame, 1))
        met[second] = replace(met[second], x=swings[0], y=swings[1])
    return met


def _meeting(swing: _Swing, other: _Swing, frame: int, direction: int) -> _Swing:
    """``swing`` with the phase at which it is where ``other`` is in ``frame``; it moves along with it, or against."""
    there = (other.phase + frame * other.rate) * direction + (np.pi if direction < 0 else 0)
    return replace(swing, phase=float(there - frame * swing.rate))


def _look(world: Field, camera: tuple[float, float], margin: int) -> Field:
    """The part of the background that the camera sees, moved by whole pixels and their parts."""
    moved = ndimage.shift(world, (-camera[1], -camera[0]), order=3, mode="nearest")
    return np.asarray(moved[margin:-margin, margin:-margin])
