"""Simulated sequences through the real detector: what every tracker gets to see, and the truth."""

from dataclasses import dataclass

from service.detection.detector import Detector
from service.detection.options import Options
from service.detection.targets import Target
from service.frames.frame import make_frame
from service.simulation.scenario import SCENARIOS, ScenarioName
from service.simulation.scene import Truth
from service.simulation.sequence import make_sequence
from service.tracking.camera import CameraMotion, Shift

Found = tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """The frames of one sequence, one item for each.

    Attributes:
        scenario: its name.
        seed: of the sequence.
        found: the targets that the detector found.
        shifts: of the scene, as ``CameraMotion`` measures them in the pixels.
        truths: the targets that were drawn.
    """

    scenario: ScenarioName
    seed: int
    found: list[Found]
    shifts: list[Shift]
    truths: list[tuple[Truth, ...]]


def detect_sequence(detector: Detector, scenario: ScenarioName, seed: int, frames: int) -> Sequence:
    """Draw a sequence of 14 bits, and find its targets frame by frame."""
    motion, sequence = CameraMotion(), Sequence(scenario, seed, [], [], [])
    for scene in make_sequence(seed, frames, scenario=SCENARIOS[scenario]):
        counts = scene.counts(14)
        sequence.found.append(detector.detect(make_frame(counts, "uint16", None), Options()).found.targets)
        sequence.shifts.append(motion.follow(counts))
        sequence.truths.append(scene.targets)
    return sequence
