"""Crops with augmentation, drawn for a whole batch at once on the device that trains.

A crop is a gather through an affine map, so scale, flips and transposition cost nothing extra, on the CPU as on a GPU.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from model.draws import Draws, Numbers
from model.hard_negatives import HardNegatives
from model.packed import PackedFrames
from model.photometry import photometry
from model.recipe import Augmentation, Border, Symmetry

SQUARE: Final = 256  # side of the grid to which the field's usual protocol resizes every frame


class Crops(NamedTuple):
    """A batch, and where it was cut.

    Attributes:
        intensities: ``[N, 1, S, S]``, 0 to 255.
        masks: ``[N, 1, S, S]``, 0 or 1.
        frame: ``[N]`` int64.
        centre: ``[N, 2]`` (y, x) of the crop's centre, in pixels of the frame.
        matrix: ``[N, 2, 2]``, steps in the crop to steps in the frame.
    """

    intensities: Tensor
    masks: Tensor
    frame: Tensor
    centre: Tensor
    matrix: Tensor


class CropSampler:
    """Draws batches of augmented crops.

    Args:
        frames: the data set, on the device that trains.
        augmentation: what may happen to a crop.
        crop: side of a crop, pixels.
        hard: places of false alarms, where the recipe asks for a share of crops there.
    """

    def __init__(
        self, frames: PackedFrames, augmentation: Augmentation, crop: int, hard: HardNegatives | None = None
    ) -> None:
        self._frames, self._augmentation, self._crop = frames, augmentation, crop
        self._hard = hard
        self._with_targets = torch.nonzero(frames.first_target.diff() > 0).squeeze(1)

    def draw(self, numbers: Numbers) -> Crops:
        """A batch of crops."""
        draws = Draws(numbers)
        frame, near, anywhere = self._choose(draws)
        scale, native = self._scale(frame, draws)  # [N, 2] (y, x), [N]
        centre = self._place(frame, near, anywhere, scale, draws)
        centre = torch.where(native.unsqueeze(1), centre.floor() + 0.5, centre)  # on the frame's own pixels
        matrix = _orientation(draws, self._augmentation.symmetry) / scale.unsqueeze(2)  # crop pixels -> frame pixels
        pixels, mask = self._gather(frame, centre, matrix, scale)
        return Crops(photometry(pixels, self._augmentation, draws), (mask > 0.5).float(), frame, centre, matrix)

    def _choose(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Frame of each crop ``[N]``, a place to be near ``[N, 2]``, and which crops lie anywhere instead ``[N]``."""
        frame, target = self._choose_target(draws)
        targets = self._frames.targets
        near = targets[target.clamp_min(0)] if len(targets) else targets.new_zeros(len(frame), 2)
        anywhere = target < 0
        if self._hard is not None:
            wanted, (hard_frame, place, known) = draws.chance(self._augmentation.hard_share), self._hard.choose(draws)
            taken = anywhere & wanted & known
            frame = torch.where(taken, hard_frame, frame)
            near = torch.where(taken.unsqueeze(1), place, near)
            anywhere = anywhere & ~taken
        return frame, near, anywhere

    def _choose_target(self, draws: Draws) -> tuple[Tensor, Tensor]:
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

    def _place(self, frame: Tensor, near: Tensor, anywhere: Tensor, scale: Tensor, draws: Draws) -> Tensor:
        """Crop centre ``[N, 2]``, near a place or anywhere, inside the frame if it fits."""
        window, size = self._crop / scale, self._size(frame)  # [N, 2] in frame pixels
        centre, jitter = draws.pair() * size, (draws.pair() - 0.5) * 0.9 * window
        centre = torch.where(anywhere.unsqueeze(1), centre, near + jitter)
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


def _orientation(draws: Draws, symmetry: Symmetry) -> Tensor:
    """A symmetry of the square a crop, ``[N, 2, 2]`` on (y, x)."""
    signs = 2.0 * (draws.pair() < 0.5) - 1.0
    if symmetry is Symmetry.MIRROR:
        signs = torch.stack([torch.ones_like(signs[:, 0]), signs[:, 1]], 1)
    diagonal = torch.diag_embed(signs)
    turned = draws.chance(0.5 if symmetry is Symmetry.ALL else 0.0)
    return torch.where(turned.view(-1, 1, 1), diagonal.flip(2), diagonal)
