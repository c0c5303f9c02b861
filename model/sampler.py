"""Crops with augmentation, drawn for a whole batch at once on the device that trains.

All frames of a data set lie in one flat buffer, whatever their sizes. A crop is a gather through an
affine map, so scale, flips and transposition cost nothing extra, on the CPU as on a GPU.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from intensity import FULL_SCALE, auto_range
from model.data import Sample
from model.recipe import Augmentation


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
        batch: crops a batch.
    """

    def __init__(self, frames: PackedFrames, augmentation: Augmentation, crop: int, batch: int) -> None:
        self._frames, self._augmentation, self._crop, self._batch = frames, augmentation, crop, batch
        self._with_targets = torch.nonzero(frames.first_target.diff() > 0).squeeze(1)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of intensities ``[N, 1, S, S]`` (0 to 255) and masks ``[N, 1, S, S]`` (0 or 1)."""
        device = self._frames.pixels.device
        random = _Random(generator, device, self._batch)
        low, high = self._augmentation.scale
        native = random.chance(self._augmentation.native_share)
        scale = torch.exp(random.between(np.log(low), np.log(high))).masked_fill(native, 1)  # [N]
        frame, centre = self._place(random, scale)
        centre = torch.where(native.unsqueeze(1), centre.floor() + 0.5, centre)  # on the frame's own pixels
        matrix = _orientation(random) / scale.view(-1, 1, 1)  # [N, 2, 2], crop pixels -> frame pixels
        pixels, mask = self._gather(frame, centre, matrix, scale)
        return self._photometry(pixels, random), (mask > 0.5).float()

    def _place(self, random: "_Random", scale: Tensor) -> tuple[Tensor, Tensor]:
        """Frame index ``[N]`` and crop centre ``[N, 2]``, often near a target, inside the frame if it fits."""
        frames, window = self._frames, self._crop / scale  # side of the crop in frame pixels
        on_target = random.chance(self._augmentation.target_share) & bool(len(self._with_targets))
        anywhere = random.below(len(frames))
        frame = anywhere
        if len(self._with_targets):
            frame = torch.where(on_target, self._with_targets[random.below(len(self._with_targets))], anywhere)
        size = torch.stack([frames.height[frame], frames.width[frame]], 1).float()  # [N, 2]
        centre = random.uniform(2) * size
        first, end = frames.first_target[frame], frames.first_target[frame + 1]
        chosen = (first + (random.uniform() * (end - first)).long()).clamp_max(max(len(frames.targets) - 1, 0))
        if len(frames.targets):
            jitter = (random.uniform(2) - 0.5) * 0.9 * window.unsqueeze(1)
            centre = torch.where(on_target.unsqueeze(1), frames.targets[chosen] + jitter, centre)
        half = torch.minimum(window.unsqueeze(1), size) / 2
        return frame, torch.minimum(torch.maximum(centre, half), size - half) - 0.5

    def _gather(self, frame: Tensor, centre: Tensor, matrix: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Bilinear samples of frame and mask, ``[N, 1, S, S]`` each; shrinking averages four samples a pixel."""
        frames, side = self._frames, self._crop
        axis = torch.arange(side, device=centre.device) - (side - 1) / 2
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(1, -1, 2)
        where = grid @ matrix.transpose(1, 2) + centre.unsqueeze(1)  # [N, S*S, 2], (y, x) in the frame
        spread = (0.25 / scale * (scale < 1)).view(-1, 1, 1)
        height, width = frames.height[frame].unsqueeze(1), frames.width[frame].unsqueeze(1)
        start = frames.start[frame].unsqueeze(1)
        pixels = torch.zeros(where.shape[:2], device=centre.device)
        mask = torch.zeros_like(pixels)
        for dy, dx in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            y, x = (where + spread * torch.tensor([dy, dx], device=centre.device)).unbind(-1)
            y, x = y.clamp_min(0).minimum(height - 1), x.clamp_min(0).minimum(width - 1)
            y0, x0 = y.floor(), x.floor()
            fy, fx = y - y0, x - x0
            top, left = y0.long(), x0.long()
            bottom, right = (top + 1).minimum(height - 1), (left + 1).minimum(width - 1)
            for row, row_weight in ((top, 1 - fy), (bottom, fy)):
                for column, column_weight in ((left, 1 - fx), (right, fx)):
                    index, weight = start + row * width + column, row_weight * column_weight * 0.25
                    pixels += weight * frames.pixels[index]
                    mask += weight * frames.mask[index]
        return pixels.view(-1, 1, side, side), mask.view(-1, 1, side, side)

    def _photometry(self, pixels: Tensor, random: "_Random") -> Tensor:
        """Gain and offset around mid-scale, then blur and noise in the share of crops the recipe names."""
        change = self._augmentation
        gain = torch.exp(random.between(np.log(change.gain[0]), np.log(change.gain[1]))).view(-1, 1, 1, 1)
        offset = random.between(*change.offset).view(-1, 1, 1, 1)
        pixels = pixels * gain + offset
        if change.blur_share:
            sigma = random.between(*change.blur_sigma) * random.chance(change.blur_share)
            pixels = _blur(pixels, sigma)
        if change.noise_share:
            sigma = random.between(*change.noise_sigma) * random.chance(change.noise_share)
            pixels = pixels + sigma.view(-1, 1, 1, 1) * random.normal(pixels.shape)
        return pixels.clamp(0, FULL_SCALE)


class _Random:
    """Draws for a batch of N, from one generator that lives on the CPU so that every device draws alike."""

    def __init__(self, generator: torch.Generator, device: torch.device, batch: int) -> None:
        self._generator, self._device, self._batch = generator, device, batch

    def uniform(self, columns: int | None = None) -> Tensor:
        shape = (self._batch,) if columns is None else (self._batch, columns)
        return torch.rand(shape, generator=self._generator).to(self._device)

    def between(self, low: float, high: float) -> Tensor:
        return low + (high - low) * self.uniform()

    def chance(self, share: float) -> Tensor:
        return self.uniform() < share

    def below(self, count: int) -> Tensor:
        return (self.uniform() * count).long().clamp_max(count - 1)

    def normal(self, shape: torch.Size) -> Tensor:
        return torch.randn(shape, generator=self._generator).to(self._device)


def _orientation(random: _Random) -> Tensor:
    """One of the eight symmetries of the square a crop, ``[N, 2, 2]``."""
    signs = 2.0 * (random.uniform(2) < 0.5) - 1.0
    diagonal = torch.diag_embed(signs)
    return torch.where(random.chance(0.5).view(-1, 1, 1), diagonal.flip(2), diagonal)


def _blur(pixels: Tensor, sigma: Tensor, radius: int = 3) -> Tensor:
    """Gaussian blur with a sigma of its own for every crop; 0 leaves it alone."""
    taps = torch.arange(-radius, radius + 1, device=pixels.device)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).unsqueeze(1).unsqueeze(1)  # [N, 1, 1, K]
    count, batch = len(pixels), pixels.transpose(0, 1)
    padded = F.pad(batch, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel, groups=count)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=count).transpose(0, 1)
