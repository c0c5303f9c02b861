"""Targets of the training frames, pasted onto crops without a target.

Copy-paste (Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method", CVPR 2021) for targets of a few
pixels. What is pasted is the light that a target adds to its surroundings, and not its pixels: so it keeps its own
contrast over any background, and a factor below 1 makes it as faint as a recipe asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from intensity import FULL_SCALE
from model.data.dataset import DataError
from model.data.packed import PackedFrames
from model.recipe import PATCH, Augmentation
from model.sampling.draws import Draws

SIDE: Final = PATCH  # an odd number: the centre of a target lies on the middle pixel of its patch
BLEND: Final = 4.0  # pixels beside the mask over which the light fades out: the optics spread it beyond the mask
RIM: Final = 8.0  # pixels beside the mask where its surroundings end
VISIBLE: Final = 2.0  # smallest contrast of a pasted target in standard deviations of the pixels that it covers
EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)


@dataclass(frozen=True)
class TargetPatches:
    """What each target adds to its surroundings.

    Attributes:
        light: ``[T, SIDE, SIDE]`` float32, intensities above the surroundings, faded out beside the mask.
        mask: ``[T, SIDE, SIDE]`` uint8.
    """

    light: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.light)


def cut_targets(frames: PackedFrames, device: torch.device) -> TargetPatches:
    """Cut out every target that lies alone inside a patch and is brighter than its surroundings.

    Raises:
        DataError: there is no such target.
    """
    lit = ((_light(pixels, mask), mask) for pixels, mask in _patches(frames))
    cut = [(light, mask) for light, mask in lit if light is not None]
    if not cut:
        raise DataError(f"paste_share needs targets: none of the frames has one alone in {SIDE}x{SIDE} pixels")
    light, mask = (torch.from_numpy(np.stack(planes)).to(device) for planes in zip(*cut, strict=True))
    return TargetPatches(light, mask)


def paste(
    pixels: Tensor, masks: Tensor, patches: TargetPatches, change: Augmentation, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Paste a target onto the recipe's share of the crops that have none.

    A target that would not be visible at its place is not pasted, since its mask would be wrong.

    Args:
        pixels: ``[N, 1, S, S]``, 0 to 255; S is at least ``SIDE``.
        masks: ``[N, 1, S, S]``, 0 or 1.
        patches: what is pasted.
        change: the recipe's share, and its span of contrast.
        draws: the draws of the step.

    Returns:
        New intensities and masks.
    """
    count, side = len(pixels), pixels.shape[-1]
    pasted, which = draws.chance(change.paste_share), draws.below(len(patches))
    factor = draws.log_between(*change.paste_contrast)
    corner = torch.stack([draws.below(side - SIDE + 1), draws.below(side - SIDE + 1)], 1)  # [N, 2] (y, x)
    place = _indices(corner, side)  # [N, SIDE * SIDE]
    flat_pixels, flat_masks = pixels.view(count, -1), masks.view(count, -1)
    light, mask = patches.light[which].flatten(1), patches.mask[which].flatten(1).to(masks.dtype)
    before = flat_pixels.gather(1, place)
    after = (before + light * factor.unsqueeze(1)).clamp(0, FULL_SCALE)
    risen = ((after - before) * mask).sum(1) / mask.sum(1)  # [N], less than the light where the ground is saturated
    pasted &= (risen > VISIBLE * before.std(1)) & (flat_masks.amax(1) == 0)
    added = (after - before) * pasted.unsqueeze(1)
    lit, marked = flat_pixels.scatter_add(1, place, added), flat_masks.scatter_add(1, place, mask * pasted.unsqueeze(1))
    return lit.view_as(pixels), marked.view_as(masks)


def _indices(corner: Tensor, side: int) -> Tensor:
    """Index in a crop of side ``side`` of every pixel of the patches at ``corner [N, 2]``: ``[N, SIDE * SIDE]``."""
    axis = torch.arange(SIDE, device=corner.device)
    rows, columns = corner[:, :1] + axis, corner[:, 1:] + axis  # [N, SIDE]
    return (rows.unsqueeze(2) * side + columns.unsqueeze(1)).flatten(1)


def _patches(frames: PackedFrames) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Intensities and mask around every target that is not too close to the edge of its frame, ``[SIDE, SIDE]``."""
    reach, targets = SIDE // 2, frames.targets.cpu().numpy()
    for frame in range(len(frames)):
        first, size = int(frames.start[frame]), (int(frames.height[frame]), int(frames.width[frame]))
        planes = [
            plane[first : first + size[0] * size[1]].cpu().numpy().reshape(size)
            for plane in (frames.pixels, frames.mask)
        ]
        for centre in targets[int(frames.first_target[frame]) : int(frames.first_target[frame + 1])]:
            y, x = (round(float(value)) for value in centre)
            pixels, mask = (
                plane[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] for plane in planes
            )
            if pixels.shape == (SIDE, SIDE):
                yield pixels.astype(np.float32), mask


def _light(pixels: NDArray[np.float32], mask: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """What the target of a patch adds to its surroundings, ``[SIDE, SIDE]``; None if it cannot be pasted."""
    distance = ndimage.distance_transform_edt(mask == 0)
    border = min(distance[[0, -1]].min(), distance[:, [0, -1]].min())
    if ndimage.label(mask, EIGHT_CONNECTED)[1] != 1 or border < BLEND:
        return None  # another target lies beside it, or it is larger than the patch
    surroundings = np.median(pixels[(distance > BLEND) & (distance <= RIM)])
    light: NDArray[np.float32] = ((pixels - surroundings) * np.clip(1 - distance / BLEND, 0, 1)).astype(np.float32)
    return light if light[mask > 0].mean() > 0 else None
