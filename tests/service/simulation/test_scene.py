"""Simulated scenes: the truth that comes with a scene is right."""

import numpy as np
import pytest
from scipy import ndimage

from service.simulation.backgrounds import BACKGROUNDS
from service.simulation.scene import make_scene

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_mask_and_centre_agree_within_half_a_pixel(seed: int) -> None:
    scene = make_scene(seed, targets=5)
    labels, number = ndimage.label(scene.mask, np.ones((3, 3)))
    assert number == len(scene.targets) == 5
    centres = ndimage.center_of_mass(scene.mask, labels, range(1, number + 1))
    for target in scene.targets:
        nearest = min(np.hypot(target.x - x, target.y - y) for y, x in centres)
        assert nearest <= 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_every_target_is_brighter_than_its_surroundings(seed: int) -> None:
    scene = make_scene(seed)
    ring = ndimage.binary_dilation(scene.mask, iterations=5) & ~ndimage.binary_dilation(scene.mask, iterations=3)
    labels, number = ndimage.label(ndimage.binary_dilation(scene.mask, iterations=5), np.ones((3, 3)))
    for label in range(1, number + 1):
        own = labels == label
        assert scene.radiance[own & scene.mask].mean() > scene.radiance[own & ring].mean() + 0.05


@pytest.mark.parametrize("background", sorted(BACKGROUNDS))
def test_the_same_seed_draws_the_same_scene_and_another_another(background: str) -> None:
    first, same, other = (make_scene(seed, background=background) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.radiance, same.radiance)
    np.testing.assert_array_equal(first.mask, same.mask)
    assert first.targets == same.targets
    assert (first.radiance != other.radiance).mean() > 0.9
    assert first.targets != other.targets


def test_without_a_background_the_seed_chooses_one() -> None:
    for seed, name in enumerate(sorted(BACKGROUNDS)):
        np.testing.assert_array_equal(make_scene(seed).radiance, make_scene(seed, background=name).radiance)


def test_a_scene_has_the_size_and_the_targets_asked_for() -> None:
    scene = make_scene(0, height=40, width=70, targets=0)
    assert scene.radiance.shape == scene.mask.shape == (40, 70)
    assert scene.targets == ()
    assert not scene.mask.any()
    assert 0 <= scene.radiance.min() < scene.radiance.max() <= 1


def test_a_frame_too_small_for_all_targets_holds_those_that_fit() -> None:
    scene = make_scene(0, height=20, width=20, targets=9)
    assert 1 <= len(scene.targets) < 9


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (14, np.uint16), (16, np.uint16)])
def test_counts_are_those_of_a_sensor_of_so_many_bits(bits: int, dtype: type) -> None:
    scene = make_scene(3)
    counts = scene.counts(bits)
    assert counts.dtype == dtype
    assert counts.max() < 2**bits
    np.testing.assert_allclose(counts / (2**bits - 1), scene.radiance, atol=0.5001 / (2**bits - 1))


def test_an_offset_is_added_to_every_count() -> None:
    scene = make_scene(3)
    for bits in (8, 14):
        np.testing.assert_array_equal(scene.counts(bits, offset=2000), scene.counts(bits).astype(np.uint16) + 2000)


def test_counts_of_every_depth_are_of_the_same_scene() -> None:
    scene = make_scene(3)
    shares = [scene.counts(bits) / (2**bits - 1) for bits in (8, 14, 16)]
    for share in shares[:2]:
        np.testing.assert_allclose(share, shares[2], atol=0.51 / 255)
