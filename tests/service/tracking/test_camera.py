"""The motion of the camera is found where the scene has structure, and not followed where only targets move."""

import numpy as np
import pytest

from service.simulation.scenario import SCENARIOS, ScenarioName
from service.simulation.scene import compose, draw_target
from service.simulation.sequence import make_sequence
from service.tracking.camera import STILL, CameraMotion


@pytest.mark.parametrize(("background", "most"), [("clouds", 0.15), ("clutter", 0.4), ("sea", 0.15)])
@pytest.mark.parametrize("name", [ScenarioName.CALM, ScenarioName.HARD])
def test_the_shift_of_the_scene_is_found_to_a_part_of_a_pixel(background: str, most: float, name: ScenarioName) -> None:
    motion, before = CameraMotion(), None
    for scene in make_sequence(1, 8, background=background, scenario=SCENARIOS[name]):
        shift = motion.follow(scene.counts(14))
        if before is not None:
            expected = np.subtract(before, scene.camera)
            assert np.abs(np.subtract(shift, expected)).max() < most
        before = scene.camera


def test_targets_before_an_empty_sky_are_not_taken_for_the_scene() -> None:
    rng, motion = np.random.default_rng(0), CameraMotion()
    targets = [draw_target(rng, x, y, 1) for x, y in ((30.0, 30.0), (70.0, 60.0), (100.0, 100.0))]
    for step in range(6):
        moved = [type(one)(one.x + 2 * step, one.y + step, one.sigma, one.peak, one.id) for one in targets]
        sky = 0.3 + rng.normal(0, 0.004, (128, 160))
        shift = motion.follow(compose(sky, moved).counts(14))
        assert np.hypot(*shift) < 0.5  # the targets move by 2.2


def test_frames_that_cannot_be_compared_count_as_still() -> None:
    motion, rng = CameraMotion(), np.random.default_rng(0)
    holes = rng.normal(0, 1, (40, 40)).astype(np.float32)
    holes[3, 3] = np.nan
    frames: list[np.ndarray] = [
        np.zeros((40, 40)),
        holes,
        np.full((40, 40), np.nan),
        rng.normal(0, 1, (60, 40)),
        np.zeros((3, 1)),
    ]
    flat = np.full((40, 40), 7, np.uint16)
    for counts in (*frames, np.zeros((3, 1)), flat, flat):
        assert motion.follow(counts) == pytest.approx(STILL, abs=0.1)
