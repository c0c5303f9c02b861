"""What makes a simulated sequence hard: shaking, crossings, hidden targets, and clutter that flickers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from service.simulation.backgrounds import Field
from service.simulation.scene import EDGE, Truth, profile_of

LONGEST_SHAKE: Final = 3.0  # standard deviations
SPOT_SIGMA: Final = (0.4, 0.9)  # pixels: from one pixel to a small target
SPOT_PEAK: Final = (0.15, 0.35)  # share of full scale, as targets have
HIDDEN_FRAMES: Final = (4, 10)  # shortest and longest time that a target is hidden
HIDDEN_EVERY: Final = 60  # frames from one time to the next


class ScenarioName(StrEnum):
    """The scenarios that ``rrcanet simulate --scenario`` takes."""

    CALM = "calm"
    CROSSING = "crossing"
    OCCLUSION = "occlusion"
    JITTER = "jitter"
    FLICKER = "flicker"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is added to a sequence.

    Attributes:
        shake: standard deviation of the shaking of the camera, per axis, in pixels.
        crossing: pairs of targets meet in the middle of the sequence.
        hidden: every target is hidden from time to time; then it is not among the true targets.
        sparkles: mean number of bright spots a frame that last for one frame, at random places.
        blinkers: number of pixels of the sensor that are bright in some frames.
        defects: number of pixels of the sensor that are always bright.
        hot_spots: number of bright spots in the scene that do not move.
    """

    shake: float = 0.15
    crossing: bool = False
    hidden: bool = False
    sparkles: float = 0.0
    blinkers: int = 0
    defects: int = 0
    hot_spots: int = 0


SCENARIOS: Final = {
    ScenarioName.CALM: Scenario(),
    ScenarioName.CROSSING: Scenario(crossing=True),
    ScenarioName.OCCLUSION: Scenario(hidden=True),
    ScenarioName.JITTER: Scenario(shake=1.5),
    ScenarioName.FLICKER: Scenario(sparkles=4.0, blinkers=4),
    ScenarioName.HARD: Scenario(1.5, True, True, sparkles=4.0, blinkers=4, defects=2, hot_spots=1),
}
BLINKING: Final = 0.3  # share of the frames in which a blinking pixel is bright


class Clutter:
    """Bright spots of a sequence that are no targets.

    Args:
        rng: decides where they are and when they flicker.
        scenario: how many there are.
        height: rows of the frame.
        width: columns of the frame.
    """

    def __init__(self, rng: np.random.Generator, scenario: Scenario, height: int, width: int) -> None:
        self._rng, self._scenario, self._size = rng, scenario, (height, width)
        self._blinkers = [self._pixel() for _ in range(scenario.blinkers)]
        self._defects = [self._pixel() for _ in range(scenario.defects)]
        self._hot_spots = [self._spot() for _ in range(scenario.hot_spots)]

    def add(self, background: Field, camera: tuple[float, float]) -> Field:
        """``background [H, W]`` of the next frame with its spots, seen by a camera that points at ``camera``."""
        sparkles = [self._spot() for _ in range(int(self._rng.poisson(self._scenario.sparkles)))]
        blinking = [spot for spot in self._blinkers if self._rng.random() < BLINKING]
        in_scene = [Truth(s.x - camera[0], s.y - camera[1], s.sigma, s.peak, 0) for s in self._hot_spots]
        for spot in (*sparkles, *blinking, *self._defects, *in_scene):
            background = background + spot.peak * profile_of(spot, *background.shape)
        return background

    def _spot(self) -> Truth:
        height, width = self._size
        x, y = (
            self._rng.uniform(EDGE, max(width - 1 - EDGE, EDGE + 1)),
            self._rng.uniform(EDGE, max(height - 1 - EDGE, EDGE + 1)),
        )
        return Truth(float(x), float(y), *self._look(), 0)

    def _pixel(self) -> Truth:
        spot = self._spot()
        return Truth(round(spot.x), round(spot.y), SPOT_SIGMA[0], spot.peak, 0)

    def _look(self) -> tuple[float, float]:
        return float(self._rng.uniform(*SPOT_SIGMA)), float(self._rng.uniform(*SPOT_PEAK))


def hidden_frames(rng: np.random.Generator, frames: int) -> frozenset[int]:
    """The frames of a sequence in which one target is hidden, in one stretch of each ``HIDDEN_EVERY`` frames."""
    hidden: set[int] = set()
    for start in range(0, frames, HIDDEN_EVERY):
        first = start + int(rng.integers(HIDDEN_EVERY // 4, HIDDEN_EVERY - HIDDEN_FRAMES[1]))
        hidden.update(range(first, first + int(rng.integers(*HIDDEN_FRAMES, endpoint=True))))
    return frozenset(hidden)
