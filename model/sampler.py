"""Crops with augmentation, drawn for a whole batch at once on the device that trains.

All frames of a data set lie in one flat buffer, whatever their sizes. A crop is a gather through an
affine map, so scale, flips and transposition cost nothing extra, on the CPU as on a GPU.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from intensity import FULL_SCALE, auto_range
from model.data import Sample
from model.draws import Draws, Numbers
from model.recipe import Augmentation, Border, Symmetry

SQUARE: Final = 256  # side of the grid to which the field's usual protocol resizes every frame


@dataclass(frozen=True, slots=True)
class PackedFrames:
    """Frames of any size in one buffer, as 8-bit intensities after the service's ``auto`` range.

    Attributes:
        pixels, mask: ``[P]`` uint8, all frames end to end.
        start, height, width: ``[F]`` int64, where each frame lies.
        targets: ``[T, 2]`` float32, centroids (y, x); ``first_target`` ``[F + 1]`` int64 bounds each frame's.
    """

    pixels: Tensor
    mask: Tensor
    start: Tensor
    height: Tensor
    width: Tensor
    targets: Tensor
    first_target: Tensor

    def __len__(self) -> int:
        return len(self.start)

    def to(self, device: torch.device) -> "PackedFrames":
        """A copy on ``device``."""
        return PackedFrames(*(getattr(self, name).to(device) for name in self.__slots__))


def pack(samples: Iterable[Sample]) -> PackedFrames:
    """Lay frames end to end."""
    pixels, masks, sizes, targets, counts = [], [], [], [], []
    for sample in samples:
        low, high = auto_range(sample.counts)
        gain = FULL_SCALE / max(high - low, 1e-9)
        stretched = np.clip((sample.counts.astype(np.float64) - low) * gain, 0, FULL_SCALE)
        pixels.append(np.rint(stretched).astype(np.uint8).ravel())
        masks.append(sample.mask.astype(np.uint8).ravel())
        sizes.append(sample.mask.shape)
        labels, number = ndimage.label(sample.mask, np.ones((3, 3)))
        centres = ndimage.center_of_mass(sample.mask, labels, range(1, number + 1)) if number else []
        targets.append(np.asarray(centres, np.float32).reshape(number, 2))
        counts.append(number)
    height, width = torch.tensor(sizes, dtype=torch.int64).T
    ends = torch.cumsum(height * width, 0)
    return PackedFrames(
        pixels=torch.from_numpy(np.concatenate(pixels)),
        mask=torch.from_numpy(np.concatenate(masks)),
        start=ends - height * width,
        height=height.contiguous(),
        width=width.contiguous(),
        targets=torch.from_numpy(np.concatenate(targets)),
        first_target=F.pad(torch.cumsum(torch.tensor(counts), 0), (1, 0)),
    )


class CropSampler:
    """Draws batches of augmented crops.

    Args:
        frames: the data set, on the device that trains.
        augmentation: what may happen to a crop.
        crop: side of a crop, pixels.
    """

    def __init__(self, frames: PackedFrames, augmentation: Augmentation, crop: int) -> None:
        self._frames, self._augmentation, self._crop = frames, augmentation, crop
        self._with_targets = torch.nonzero(frames.first_target.diff() > 0).squeeze(1)

    def draw(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """A batch of intensities ``[N, 1, S, S]`` (0 to 255) and masks ``[N, 1, S, S]`` (0 or 1)."""
        draws = Draws(numbers)
        frame, target = self._choose(draws)
        scale, native = self._scale(frame, draws)  # [N, 2] (y, x), [N]
        centre = self._place(frame, target, scale, draws)
        centre = torch.where(native.unsqueeze(1), centre.floor() + 0.5, centre)  # on the frame's own pixels
        matrix = _orientation(draws, self._augmentation.symmetry) / scale.unsqueeze(2)  # crop pixels -> frame pixels
        pixels, mask = self._gather(frame, centre, matrix, scale)
        return self._photometry(pixels, draws), (mask > 0.5).float()

    def _choose(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Frame of each crop ``[N]``, and the target near which it lies ``[N]``, -1 for anywhere."""
        frames = self._frames
        wanted, frame, other, which = (
            draws.chance(self._augmentation.target_share),
            draws.below(len(frames)),
            draws.uniform(),
            draws.uniform(),
        )
        if not len(self._with_targets):
            return frame, torch.full_like(frame, -1)
        rich = self._with_targets[(other * len(self._with_targets)).long().clamp_max(len(self._with_targets) - 1)]
        frame = torch.where(wanted, rich, frame)
        first, end = frames.first_target[frame], frames.first_target[frame + 1]
        chosen = torch.minimum(first + (which * (end - first)).long(), end - 1)
        return frame, torch.where(wanted, chosen, -1)

    def _scale(self, frame: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Magnification ``[N, 2]`` (y, x), and which crops keep the frame's own pixels ``[N]``."""
        change = self._augmentation
        native, squared = draws.chance(change.native_share), draws.chance(change.square_share)
        size = self._size(frame)
        if change.long_side is None:
            factor = torch.exp(draws.between(math.log(change.scale[0]), math.log(change.scale[1])))
        else:
            factor = draws.between(*map(float, change.long_side)) / size.amax(1)
        scale = torch.where(native, 1.0, factor).unsqueeze(1).expand(-1, 2)
        square = torch.where(native, 1.0, factor).unsqueeze(1) * SQUARE / size
        squared = squared & ~native
        return torch.where(squared.unsqueeze(1), square, scale), native

    def _place(self, frame: Tensor, target: Tensor, scale: Tensor, draws: Draws) -> Tensor:
        """Crop centre ``[N, 2]``, near the target if there is one, inside the frame if it fits."""
        window, size = self._crop / scale, self._size(frame)  # [N, 2] in frame pixels
        centre, jitter = draws.pair() * size, (draws.pair() - 0.5) * 0.9 * window
        if len(self._frames.targets):
            near = self._frames.targets[target.clamp_min(0)] + jitter
            centre = torch.where((target >= 0).unsqueeze(1), near, centre)
        half = torch.minimum(window, size) / 2
        return torch.minimum(torch.maximum(centre, half), size - half) - 0.5

    def _size(self, frame: Tensor) -> Tensor:
        """``[N, 2]`` height and width."""
        return torch.stack([self._frames.height[frame], self._frames.width[frame]], 1).float()

    def _gather(self, frame: Tensor, centre: Tensor, matrix: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Bilinear samples of frame and mask, ``[N, 1, S, S]`` each; shrinking averages four samples a pixel."""
        frames, side = self._frames, self._crop
        axis = torch.arange(side, device=centre.device) - (side - 1) / 2
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(1, -1, 2)
        where = grid @ matrix.transpose(1, 2) + centre.unsqueeze(1)  # [N, S*S, 2], (y, x) in the frame
        spread = 0.25 / scale * (scale < 1)  # [N, 2]
        height, width = frames.height[frame].unsqueeze(1), frames.width[frame].unsqueeze(1)
        start = frames.start[frame].unsqueeze(1)
        pixels = torch.zeros(where.shape[:2], device=centre.device)
        mask = torch.zeros_like(pixels)
        for dy, dx in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            y, x = where[..., 0] + dy * spread[:, :1], where[..., 1] + dx * spread[:, 1:]  # [N, S*S]
            inside = self._inside(y, x, height, width)
            y, x = y.clamp_min(0).minimum(height - 1), x.clamp_min(0).minimum(width - 1)
            y0, x0 = y.floor(), x.floor()
            fy, fx = y - y0, x - x0
            top, left = y0.long(), x0.long()
            bottom, right = (top + 1).minimum(height - 1), (left + 1).minimum(width - 1)
            for row, row_weight in ((top, 1 - fy), (bottom, fy)):
                for column, column_weight in ((left, 1 - fx), (right, fx)):
                    index, weight = start + row * width + column, row_weight * column_weight * 0.25 * inside
                    pixels += weight * frames.pixels[index]
                    mask += weight * frames.mask[index]
        return pixels.view(-1, 1, side, side), mask.view(-1, 1, side, side)

    def _inside(self, y: Tensor, x: Tensor, height: Tensor, width: Tensor) -> Tensor | float:
        """What a sample outside the frame counts: as the edge, or as the authors' zero padding."""
        if self._augmentation.border is Border.EDGE:
            return 1.0
        return ((y > -0.5) & (y < height - 0.5) & (x > -0.5) & (x < width - 0.5)).float()

    def _photometry(self, pixels: Tensor, draws: Draws) -> Tensor:
        """Gain and offset around mid-scale, then blur and noise in the share of crops the recipe names."""
        change = self._augmentation
        gain = torch.exp(draws.between(math.log(change.gain[0]), math.log(change.gain[1]))).view(-1, 1, 1, 1)
        offset = draws.between(*change.offset).view(-1, 1, 1, 1)
        pixels = pixels * gain + offset
        if change.blur_share:
            pixels = _blur(pixels, draws.between(*change.blur_sigma) * draws.chance(change.blur_share))
        if change.noise_share:
            sigma = draws.between(*change.noise_sigma) * draws.chance(change.noise_share)
            pixels = pixels + sigma.view(-1, 1, 1, 1) * draws.normal()
        if change.bits_share:
            step = torch.where(draws.chance(change.bits_share), draws.between(*change.level_step), 1.0)
            step = step.view(-1, 1, 1, 1)
            pixels = torch.round(pixels / step) * step  # a scene that fills a small part of its sensor's range
        return pixels.clamp(0, FULL_SCALE)


def _orientation(draws: Draws, symmetry: Symmetry) -> Tensor:
    """A symmetry of the square a crop, ``[N, 2, 2]`` on (y, x)."""
    signs = 2.0 * (draws.pair() < 0.5) - 1.0
    if symmetry is Symmetry.MIRROR:
        signs = torch.stack([torch.ones_like(signs[:, 0]), signs[:, 1]], 1)
    diagonal = torch.diag_embed(signs)
    turned = draws.chance(0.5 if symmetry is Symmetry.ALL else 0.0)
    return torch.where(turned.view(-1, 1, 1), diagonal.flip(2), diagonal)


def _blur(pixels: Tensor, sigma: Tensor, radius: int = 3) -> Tensor:
    """Gaussian blur with a sigma of its own for every crop; 0 leaves it alone."""
    taps = torch.arange(-radius, radius + 1, device=pixels.device)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).unsqueeze(1).unsqueeze(1)  # [N, 1, 1, K]
    count, batch = len(pixels), pixels.transpose(0, 1)
    padded = F.pad(batch, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel, groups=count)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=count).transpose(0, 1)
