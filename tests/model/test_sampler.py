"""Crops: targets stay where their mask is, whatever was done to the crop."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from model.data import Sample
from model.recipe import Augmentation
from model.sampler import CropSampler, pack

PLAIN = Augmentation(target_share=1, native_share=1, gain=(1, 1), offset=(0, 0))
Y, X = np.mgrid[0:90, 0:120]


def test_targets_of_a_crop_lie_under_its_mask() -> None:
    sampler = CropSampler(pack([_sample(20, 100), _sample(70, 30)]), Augmentation(target_share=1), 64, 32)
    pixels, masks = sampler.draw(torch.Generator().manual_seed(0))
    assert pixels.shape == masks.shape == (32, 1, 64, 64)
    assert set(masks.unique().tolist()) == {0, 1}
    for crop, mask in zip(pixels[:, 0].numpy(), masks[:, 0].numpy() > 0, strict=True):
        assert mask.any()
        bright = ndimage.center_of_mass(np.where(mask, crop, 0))
        assert np.hypot(*np.subtract(bright, ndimage.center_of_mass(mask))) < 0.5
        assert crop[mask].mean() > crop[~mask].mean() + 40


def test_a_native_crop_holds_the_frame_s_own_pixels() -> None:
    sample = _sample(45, 60)
    pixels, masks = CropSampler(pack([sample]), PLAIN, 32, 4).draw(torch.Generator().manual_seed(1))
    frame = sample.counts.astype(np.float32)
    found = {round(float(v)) for v in pixels.flatten()}
    assert found <= {round(v) for v in np.unique(np.rint((frame - frame.min()) / np.ptp(frame) * 255))}
    assert masks.sum((1, 2, 3)).max() == sample.mask.sum()


def test_every_symmetry_of_the_square_occurs() -> None:
    corner = np.zeros((32, 32), bool)
    corner[4:6, 8:10] = True
    sampler = CropSampler(pack([Sample("a", corner.astype(np.uint8) * 200, corner)]), PLAIN, 32, 64)
    _, masks = sampler.draw(torch.Generator().manual_seed(2))
    centres = {ndimage.center_of_mass(mask) for mask in masks[:, 0].numpy()}
    assert len(centres) == 8


def test_a_frame_smaller_than_the_crop_is_continued_by_its_edge() -> None:
    mask = np.zeros((10, 12), bool)
    mask[5, 5] = True
    sampler = CropSampler(pack([Sample("a", np.where(mask, 255, 80).astype(np.uint8), mask)]), PLAIN, 48, 2)
    pixels, masks = sampler.draw(torch.Generator().manual_seed(3))
    assert masks.sum((1, 2, 3)).tolist() == [1, 1]
    assert ((pixels == 0).sum((1, 2, 3)) == 48 * 48 - 1).all()


def test_a_data_set_without_targets_still_gives_crops() -> None:
    empty = Sample("a", np.arange(900, dtype=np.uint16).reshape(30, 30), np.zeros((30, 30), bool))
    pixels, masks = CropSampler(pack([empty]), Augmentation(), 16, 4).draw(torch.Generator().manual_seed(4))
    assert masks.sum() == 0
    assert torch.isfinite(pixels).all()


def test_blur_and_noise_change_pixels_within_the_scale() -> None:
    change = PLAIN.model_copy(update={"blur_share": 1.0, "noise_share": 1.0, "noise_sigma": (20.0, 20.0)})
    plain, _ = CropSampler(pack([_sample(45, 60)]), PLAIN, 32, 4).draw(torch.Generator().manual_seed(5))
    noisy, _ = CropSampler(pack([_sample(45, 60)]), change, 32, 4).draw(torch.Generator().manual_seed(5))
    assert noisy.min() >= 0
    assert noisy.max() <= 255
    assert (noisy - plain).abs().mean() > 5


def test_the_same_seed_draws_the_same_batch() -> None:
    sampler = CropSampler(pack([_sample(45, 60)]), Augmentation(blur_share=0.5, noise_share=0.5), 32, 4)
    first, second = (sampler.draw(torch.Generator().manual_seed(6)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def _sample(y: int, x: int) -> Sample:
    target: NDArray[np.float64] = np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 4)
    return Sample(f"{y}-{x}", (40 + 0.3 * X + 150 * target).astype(np.uint8), target > 0.3)
