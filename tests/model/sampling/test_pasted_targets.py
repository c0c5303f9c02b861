"""Pasted targets: they look like those of the frames, their masks are right, and faint ones stay visible."""

import numpy as np
import pytest
import torch

from model.data.dataset import DataError, Sample
from model.data.packed import PackedFrames, pack
from model.recipe import Augmentation
from model.sampling.draws import RandomNumbers
from model.sampling.pasted_targets import VISIBLE, TargetPatches, cut_targets
from model.sampling.sampler import Crops, CropSampler

CPU = torch.device("cpu")
PLAIN = Augmentation(target_share=0, native_share=1, gain=(1, 1), offset=(0, 0))
GROUND, PEAK = 60, 80  # intensities of the frames below: the ground, and the light of the target on it


def frame_with_target(row: int = 32, column: int = 32, side: int = 65, radius: float = 2.5) -> Sample:
    """A disc of light on even ground. Two pixels keep the range of intensities at 0 to 255."""
    y, x = np.mgrid[0:side, 0:side]
    mask = np.hypot(y - row, x - column) <= radius
    counts = np.where(mask, GROUND + PEAK, GROUND).astype(np.uint8)
    counts[0, 0], counts[0, -1] = 0, 255
    return Sample("target", counts, mask)


def empty_frame(noise: float = 0.0) -> Sample:
    """Even ground with noise, without a target."""
    counts = np.clip(120 + np.random.default_rng(0).normal(0, noise, (64, 64)), 0, 255).astype(np.uint8)
    counts[0, 0], counts[0, -1] = 0, 255
    return Sample("empty", counts, np.zeros((64, 64), bool))


def draw(samples: list[Sample], change: Augmentation, patches: TargetPatches | None, count: int = 32) -> Crops:
    """Crops of the whole frames, which have 64x64 pixels."""
    numbers = RandomNumbers.empty(count, 64, False, CPU)
    numbers.fill(0, 0)
    return CropSampler(pack(samples), change, 64, patches=patches).draw(numbers)


def pasting(share: float = 1.0, contrast: tuple[float, float] = (1.0, 1.0)) -> Augmentation:
    return PLAIN.model_copy(update={"paste_share": share, "paste_contrast": contrast})


@pytest.fixture(scope="module")
def patches() -> TargetPatches:
    return cut_targets(pack([frame_with_target()]), CPU)


def test_a_pasted_target_adds_its_own_light_to_the_ground_under_its_mask(patches: TargetPatches) -> None:
    before, after = (draw([empty_frame()], change, patches) for change in (pasting(0.0), pasting()))
    added = after.intensities - before.intensities
    assert not before.masks.any()
    assert after.masks.sum((1, 2, 3)).tolist() == [frame_with_target().mask.sum()] * 32
    assert (added[after.masks > 0] == PEAK).float().mean() > 0.95  # a corner pixel of the frame may be at the limit
    assert (added[after.masks == 0] == 0).all()
    assert len({tuple(mask.flatten().nonzero()[0].tolist()) for mask in after.masks}) > 16


def test_the_contrast_of_a_pasted_target_is_as_low_as_the_recipe_says(patches: TargetPatches) -> None:
    before = draw([empty_frame()], pasting(0.0), patches)
    after = draw([empty_frame()], pasting(contrast=(0.25, 0.5)), patches)
    lit = (after.intensities - before.intensities).amax((1, 2, 3))
    assert lit.min() >= 0.25 * PEAK - 1e-3
    assert lit.max() <= 0.5 * PEAK + 1e-3
    assert lit.std() > 2


def test_a_target_that_would_not_be_visible_is_left_out(patches: TargetPatches) -> None:
    noise = 25.0
    faint = draw([empty_frame(noise)], pasting(contrast=(0.01, 0.8 * VISIBLE * noise / PEAK)), patches)
    clear = draw([empty_frame(noise)], pasting(contrast=(1.0, 1.0)), patches)
    assert not faint.masks.any()
    assert clear.masks.any((1, 2, 3)).sum() > 16


def test_no_target_is_pasted_onto_saturated_ground(patches: TargetPatches) -> None:
    white = empty_frame()
    white.counts[1:] = 255
    assert not draw([white], pasting(), patches).masks.any()


def test_crops_with_a_target_and_the_rest_of_the_share_stay_as_they_are(patches: TargetPatches) -> None:
    near = pasting().model_copy(update={"target_share": 1.0})
    samples = [frame_with_target()]
    first, second = (draw(samples, near, one) for one in (patches, None))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    pasted = draw([empty_frame()], pasting(0.5), patches, count=200).masks.any((1, 2, 3)).float().mean()
    assert 0.4 < pasted < 0.6


def test_targets_at_an_edge_beside_another_or_too_large_are_not_cut() -> None:
    edge, large = frame_with_target(column=12), frame_with_target(radius=13.0)
    two = frame_with_target()
    two.mask[32, 42] = True
    dark = frame_with_target()
    dark.counts[dark.mask] = GROUND - 20
    for sample in (edge, large, two, dark):
        with pytest.raises(DataError, match="paste_share needs targets"):
            cut_targets(packed(sample), CPU)
    assert len(cut_targets(packed(frame_with_target(column=15)), CPU)) == 1


def packed(sample: Sample) -> PackedFrames:
    return pack([sample])
