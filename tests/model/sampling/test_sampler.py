"""Crops: targets stay where their mask is, whatever was done to the crop."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from model.data.dataset import Sample
from model.data.packed import PackedFrames, pack
from model.recipe import Augmentation, Border, Placement, Symmetry, load_recipe
from model.sampling.draws import RandomNumbers
from model.sampling.sampler import CropSampler

PLAIN = Augmentation(target_share=1, native_share=1, gain=(1, 1), offset=(0, 0))
Y, X = np.mgrid[0:90, 0:120]


def test_targets_of_a_crop_lie_under_its_mask() -> None:
    pixels, masks = draw(pack([_sample(20, 100), _sample(70, 30)]), Augmentation(target_share=1), 64, 32, seed=0)
    assert pixels.shape == masks.shape == (32, 1, 64, 64)
    assert set(masks.unique().tolist()) == {0, 1}
    for crop, mask in zip(pixels[:, 0].numpy(), masks[:, 0].numpy() > 0, strict=True):
        assert mask.any()
        bright = ndimage.center_of_mass(np.where(mask, crop, 0))
        assert np.hypot(*np.subtract(bright, ndimage.center_of_mass(mask))) < 0.5
        assert crop[mask].mean() > crop[~mask].mean() + 40


def test_a_native_crop_holds_the_frame_s_own_pixels() -> None:
    sample = _sample(45, 60)
    pixels, masks = draw(pack([sample]), PLAIN, 32, 4, seed=1)
    frame = sample.counts.astype(np.float32)
    found = {round(float(v)) for v in pixels.flatten()}
    assert found <= {round(v) for v in np.unique(np.rint((frame - frame.min()) / np.ptp(frame) * 255))}
    assert masks.sum((1, 2, 3)).max() == sample.mask.sum()


def test_every_symmetry_of_the_square_occurs() -> None:
    corner = np.zeros((32, 32), bool)
    corner[4:6, 8:10] = True
    _, masks = draw(pack([Sample("a", corner.astype(np.uint8) * 200, corner)]), PLAIN, 32, 64, seed=2)
    centres = {ndimage.center_of_mass(mask) for mask in masks[:, 0].numpy()}
    assert len(centres) == 8


def test_a_frame_smaller_than_the_crop_is_continued_by_its_edge() -> None:
    mask = np.zeros((10, 12), bool)
    mask[5, 5] = True
    pixels, masks = draw(pack([Sample("a", np.where(mask, 255, 80).astype(np.uint8), mask)]), PLAIN, 48, 2, seed=3)
    assert masks.sum((1, 2, 3)).tolist() == [1, 1]
    assert ((pixels == 0).sum((1, 2, 3)) == 48 * 48 - 1).all()


def test_a_data_set_without_targets_still_gives_crops() -> None:
    empty = Sample("a", np.arange(900, dtype=np.uint16).reshape(30, 30), np.zeros((30, 30), bool))
    pixels, masks = draw(pack([empty]), Augmentation(), 16, 4, seed=4)
    assert masks.sum() == 0
    assert torch.isfinite(pixels).all()


def test_blur_and_noise_change_pixels_within_the_scale() -> None:
    change = PLAIN.model_copy(update={"blur_share": 1.0, "noise_share": 1.0, "noise_sigma": (20.0, 20.0)})
    plain, _ = draw(pack([_sample(45, 60)]), PLAIN, 32, 4, seed=5)
    noisy, _ = draw(pack([_sample(45, 60)]), change, 32, 4, seed=5)
    assert noisy.min() >= 0
    assert noisy.max() <= 255
    assert (noisy - plain).abs().mean() > 5


def test_a_wide_blur_is_as_wide_as_the_recipe_says() -> None:
    point = np.zeros((65, 65), np.uint8)
    point[32, 32] = 255
    change = PLAIN.model_copy(update={"blur_share": 1.0, "blur_sigma": (4.0, 4.0), "target_share": 0.0})
    blurred, _ = draw(pack([Sample("a", point, np.zeros_like(point, bool))]), change, 65, 1, seed=3)
    rows = blurred.sum((0, 1, 3)) / blurred.sum()
    centre = (rows * torch.arange(65)).sum()
    assert (rows * (torch.arange(65) - centre) ** 2).sum().sqrt().item() == pytest.approx(4.0, rel=0.05)


def test_the_same_seed_draws_the_same_batch() -> None:
    change = Augmentation(blur_share=0.5, noise_share=0.5)
    first, second = (draw(pack([_sample(45, 60)]), change, 32, 4, seed=6) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], draw(pack([_sample(45, 60)]), change, 32, 4, seed=7)[0])


def test_frames_resized_to_the_square_grid_keep_their_targets() -> None:
    change = PLAIN.model_copy(update={"native_share": 0.0, "square_share": 1.0, "scale": (1.0, 1.0)})
    pixels, masks = draw(pack([_sample(45, 60)]), change, 256, 8, seed=8)
    _, native = draw(pack([_sample(45, 60)]), PLAIN, 90, 8, seed=8)
    larger = masks.sum((1, 2, 3)) / native.sum((1, 2, 3))
    assert ((larger / (256 / 90 * 256 / 120) - 1).abs() < 0.15).all()
    assert pixels.std((1, 2, 3)).min() > 1


@pytest.mark.parametrize("size", [(512, 512), (200, 300)])
def test_crops_of_the_square_grid_are_what_the_protocol_resizes(size: tuple[int, int]) -> None:
    draws = np.random.default_rng(0)
    frame = ndimage.gaussian_filter(draws.random(size), 2)
    counts, mask = np.rint((frame - frame.min()) / np.ptp(frame) * 255).astype(np.uint8), draws.random(size) > 0.97
    change = PLAIN.model_copy(update={"target_share": 0.0, "square_share": 1.0})
    pixels, masks = draw(pack([Sample("a", counts, mask)]), change, 256, 32, seed=14)
    resized = {
        np.asarray(Image.fromarray(m).resize((256, 256), Image.Resampling.NEAREST)).tobytes(): (
            np.asarray(Image.fromarray(c).resize((256, 256), Image.Resampling.BILINEAR))
        )
        for c, m in zip(_symmetries(counts), _symmetries(mask.astype(np.uint8)), strict=True)
    }
    for crop, of_crop in zip(pixels[:, 0].numpy(), masks[:, 0].numpy().astype(np.uint8), strict=True):
        assert np.abs(crop - resized[of_crop.tobytes()]).mean() < 0.5


def test_the_longer_side_sets_the_scale() -> None:
    change = PLAIN.model_copy(update={"native_share": 0.0, "long_side": (240.0, 240.0), "border": Border.ZERO})
    _, masks = draw(pack([_sample(45, 60)]), change, 256, 8, seed=9)
    assert ((masks.sum((1, 2, 3)) / 4 / _sample(45, 60).mask.sum() - 1).abs() < 0.25).all()


def test_zeros_lie_outside_the_frame_where_the_recipe_says_so() -> None:
    flat = Sample("a", np.pad(np.full((8, 8), 200, np.uint8), 1, constant_values=60), np.zeros((10, 10), bool))
    pixels, _ = draw(pack([flat]), PLAIN.model_copy(update={"border": Border.ZERO}), 32, 2, seed=10)
    assert ((pixels > 250).sum((1, 2, 3)) == 64).all()


def test_the_mean_lies_outside_the_frame_where_the_recipe_says_so() -> None:
    recipe = load_recipe("densesirst-authors")
    flat = Sample("a", np.full((10, 10), 200, np.uint8), np.zeros((10, 10), bool))
    numbers = RandomNumbers.empty(2, 32, False, torch.device("cpu"))
    numbers.fill(10, 0)
    sampler = CropSampler(pack([flat]), recipe.augmentation, 32, outside_intensity=recipe.outside_intensity)
    pixels = sampler.draw(numbers).intensities
    assert pixels.isclose(torch.tensor(101.856)).sum().item() == 2 * (32 * 32 - 100)


@pytest.mark.parametrize(("placement", "at_the_border"), [(Placement.CENTRE, 0.3), (Placement.CORNER, 1 / 33)])
def test_corners_that_fit_are_equally_likely_where_the_recipe_says_so(
    placement: Placement, at_the_border: float
) -> None:
    rows = np.repeat(np.arange(64, dtype=np.uint8)[:, None] * 4, 32, 1)
    anywhere = PLAIN.model_copy(update={"target_share": 0.0, "symmetry": Symmetry.MIRROR, "placement": placement})
    frames = pack([Sample("a", rows, np.zeros(rows.shape, bool))])
    pixels = torch.cat([draw(frames, anywhere, 32, 100, seed=seed)[0] for seed in range(20)])
    first = (pixels[:, 0, 0, 0] / 255 * 63).round()
    assert set(first.tolist()) == set(range(33))
    assert (first == 0).float().mean().item() == pytest.approx(at_the_border, abs=0.06 if at_the_border > 0.1 else 0.02)


def test_mirrored_crops_are_never_turned() -> None:
    corner = np.zeros((32, 32), bool)
    corner[4:6, 8:10] = True
    samples = pack([Sample("a", corner.astype(np.uint8) * 200, corner)])
    _, masks = draw(samples, PLAIN.model_copy(update={"symmetry": Symmetry.MIRROR}), 32, 64, seed=11)
    assert {ndimage.center_of_mass(mask) for mask in masks[:, 0].numpy()} == {(4.5, 8.5), (4.5, 22.5)}


def test_coarse_levels_are_few() -> None:
    change = PLAIN.model_copy(update={"bits_share": 1.0, "level_step": (16.0, 16.0)})
    pixels, _ = draw(pack([_sample(45, 60)]), change, 64, 4, seed=12)
    assert len(pixels.unique().tolist()) <= 17


def test_no_recipe_can_ask_for_more_numbers_than_are_drawn() -> None:
    everything = Augmentation(blur_share=1, noise_share=1, bits_share=1, square_share=0.5, native_share=0.1)
    pixels, _ = draw(pack([_sample(45, 60)]), everything, 32, 2, seed=13)
    assert torch.isfinite(pixels).all()


def draw(
    frames: PackedFrames, change: Augmentation, crop: int, batch: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = RandomNumbers.empty(batch, crop, change.noise_share > 0, torch.device("cpu"))
    numbers.fill(seed, 0)
    return CropSampler(frames, change, crop).draw(numbers)[:2]


def _symmetries(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [
        np.ascontiguousarray(turned[::rows, ::columns])
        for turned in (pixels, pixels.T)
        for rows in (1, -1)
        for columns in (1, -1)
    ]


def _sample(y: int, x: int) -> Sample:
    target: NDArray[np.float64] = np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 4)
    return Sample(f"{y}-{x}", (40 + 0.3 * X + 150 * target).astype(np.uint8), target > 0.3)
