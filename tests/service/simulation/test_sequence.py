"""Simulated sequences: targets move as the truth says, and the camera moves a little."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from service.simulation.backgrounds import BACKGROUNDS
from service.simulation.sequence import CALM, MARGIN, make_sequence, reach_of

SEEDS = range(6)
LONGEST_STEP = 2.5  # pixels a frame along an axis: the fastest target, the drift and the shaking of the camera together


@pytest.mark.parametrize("seed", SEEDS)
def test_mask_and_centre_agree_in_every_frame(seed: int) -> None:
    for scene in make_sequence(seed, 30, targets=1):
        (target,) = scene.targets
        y, x = ndimage.center_of_mass(scene.mask)
        assert np.hypot(target.x - x, target.y - y) <= 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_target_keeps_its_id_and_size_and_moves_by_small_steps(seed: int) -> None:
    scenes = list(make_sequence(seed, 200))
    for before, after in pairwise(scenes):
        assert [target.id for target in after.targets] == [1, 2, 3]
        for old, new in zip(before.targets, after.targets, strict=True):
            assert (old.sigma, old.peak) == (new.sigma, new.peak)
            assert np.hypot(new.x - old.x, new.y - old.y) > 0
            assert max(abs(new.x - old.x), abs(new.y - old.y)) <= LONGEST_STEP


@pytest.mark.parametrize("seed", SEEDS)
def test_targets_stay_in_the_picture_and_travel_across_it(seed: int) -> None:
    paths = np.array([[(target.x, target.y) for target in scene.targets] for scene in make_sequence(seed, 300, 60, 80)])
    assert paths.min() >= 4
    assert (paths.max(axis=(0, 1)) <= (75, 55)).all()
    assert (np.ptp(paths, axis=0).max(axis=-1) > 20).all()


def test_the_background_moves_with_the_camera_and_is_otherwise_the_same() -> None:
    first, later = (list(make_sequence(2, 41, targets=0, background="clutter"))[index].radiance for index in (0, 40))
    moved = _shift_between(first, later)
    assert 0.2 < np.abs(moved).max() <= 2 * reach_of(CALM)
    aligned = ndimage.shift(later, moved, order=3)
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(aligned - first)[inner].mean() < 0.5 * np.abs(later - first)[inner].mean()


def test_the_camera_never_looks_beyond_the_background() -> None:
    assert reach_of(CALM) < MARGIN


@pytest.mark.parametrize("background", sorted(BACKGROUNDS))
def test_the_same_seed_draws_the_same_sequence_and_another_another(background: str) -> None:
    first, same, other = (list(make_sequence(seed, 3, background=background)) for seed in (7, 7, 8))
    for one, two, three in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(one.radiance, two.radiance)
        assert one.targets == two.targets
        assert one.targets != three.targets


def test_a_longer_sequence_begins_with_the_shorter_one() -> None:
    for short, long in zip(make_sequence(5, 3), make_sequence(5, 9), strict=False):
        np.testing.assert_array_equal(short.radiance, long.radiance)


def test_frames_too_small_to_move_in_are_drawn_all_the_same() -> None:
    for scene in make_sequence(0, 3, height=16, width=16, targets=2):
        assert scene.radiance.shape == (16, 16)
        assert len(scene.targets) <= 2


def _shift_between(first: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Pixels (down, right) that bring ``later`` onto ``first``: the peak of the phase correlation, to half a pixel."""
    spectra = [np.fft.fft2(np.kron(field - field.mean(), np.ones((2, 2)))) for field in (first, later)]
    cross = spectra[0] * np.conj(spectra[1])
    correlation = np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-9)).real
    peak = np.array(
        np.unravel_index(np.argmax(ndimage.gaussian_filter(correlation, 1, mode="wrap")), correlation.shape)
    )
    wrapped: np.ndarray = (peak + np.array(correlation.shape) // 2) % correlation.shape - np.array(
        correlation.shape
    ) // 2
    return wrapped / 2
