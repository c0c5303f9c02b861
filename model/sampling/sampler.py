"""Draws batches of augmented crops on the training device.

A crop is sampled through an affine map, so scaling, flips and transposition take no extra time, on a CPU or a GPU.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from model.data.packed import PackedFrames
from model.recipe import Augmentation, Border, Placement, Symmetry
from model.sampling.draws import Draws, RandomNumbers
from model.sampling.hard_negatives import HardNegatives
from model.sampling.pasted_targets import TargetPatches, paste
from model.sampling.photometry import photometry

SQUARE: Final = 256  # side to which the usual protocol of papers resizes every frame
SPREAD: Final = math.sqrt(3 / 16)  # offset of the four samples; at half size they weight pixels 1, 3, 3, 1, like Pillow
PASTE_COLUMN: Final = 27  # of the random numbers: so recipes that paste draw the same crops as those that do not
TIE: Final = 1e-3  # crop pixels; larger than rounding errors, smaller than any real distance from a tie


class Crops(NamedTuple):
    """A batch of crops and their positions.

    Attributes:
        intensities: ``[N, 1, S, S]``, 0 to 255.
        masks: ``[N, 1, S, S]``, 0 or 1.
        frame: ``[N]`` int64, index of each crop's frame.
        centre: ``[N, 2]`` (y, x), centre of each crop in pixels of its frame.
        matrix: ``[N, 2, 2]``, maps a step in the crop to a step in the frame.
    """

    intensities: Tensor
    masks: Tensor
    frame: Tensor
    centre: Tensor
    matrix: Tensor


class CropSampler:
    """Draws batches of augmented crops.

    Args:
        frames: the dataset, on the training device.
        augmentation: the random changes of crops.
        crop: side of a crop, pixels.
        hard: places of false alarms, if the recipe has a share of crops for them.
        outside_intensity: intensity of pixels outside a frame, unless its edge is continued.
        patches: targets to paste, if the recipe has a share of crops for them.
    """

    def __init__(
        self,
        frames: PackedFrames,
        augmentation: Augmentation,
        crop: int,
        hard: HardNegatives | None = None,
        outside_intensity: float = 0.0,
        patches: TargetPatches | None = None,
    ) -> None:
        self._frames, self._augmentation, self._crop = frames, augmentation, crop
        self._hard, self._outside_intensity, self._patches = hard, outside_intensity, patches
        self._with_targets = torch.nonzero(frames.first_target.diff() > 0).squeeze(1)

    def draw(self, numbers: RandomNumbers) -> Crops:
        """Draw a batch of crops with the random numbers of one step."""
        draws = Draws(numbers)
        frame, near, anywhere = self._choose(draws)
        scale, aligned = self._scale(frame, draws)  # [N, 2] (y, x), [N]
        centre = self._place(frame, near, anywhere, scale, draws)
        on_pixels = ((centre + 0.5) * scale).round() / scale - 0.5
        centre = torch.where(aligned.unsqueeze(1), on_pixels, centre)
        matrix = _orientation(draws, self._augmentation.symmetry) / scale.unsqueeze(2)  # crop pixels -> frame pixels
        grid = self._grid(centre, matrix)
        pixels, mask = self._pixels(frame, grid, scale), self._mask(frame, grid, matrix)
        if self._patches is not None:
            pixels, mask = paste(pixels, mask, self._patches, self._augmentation, Draws(numbers, PASTE_COLUMN))
        return Crops(photometry(pixels, self._augmentation, draws), mask, frame, centre, matrix)

    def _choose(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Frame of each crop ``[N]``, the place that it lies near ``[N, 2]``, and whether it lies anywhere ``[N]``."""
        frame, target = self._choose_target(draws)
        targets = self._frames.targets
        near = targets[target.clamp_min(0)] if len(targets) else targets.new_zeros(len(frame), 2)
        anywhere = target < 0
        if self._hard is not None:
            in_share, (hard_frame, place, is_hard) = draws.chance(self._augmentation.hard_share), self._hard.draw(draws)
            near_hard = anywhere & in_share & is_hard
            frame = torch.where(near_hard, hard_frame, frame)
            near = torch.where(near_hard.unsqueeze(1), place, near)
            anywhere = anywhere & ~near_hard
        return frame, near, anywhere

    def _choose_target(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Frame of each crop ``[N]`` and index of the target that it lies near ``[N]``, -1 for anywhere."""
        frames = self._frames
        near_target, frame, other, which = (
            draws.chance(self._augmentation.target_share),
            draws.below(len(frames)),
            draws.uniform(),
            draws.uniform(),
        )
        if not len(self._with_targets):
            return frame, torch.full_like(frame, -1)
        has_target = self._with_targets[(other * len(self._with_targets)).long().clamp_max(len(self._with_targets) - 1)]
        frame = torch.where(near_target, has_target, frame)
        first, end = frames.first_target[frame], frames.first_target[frame + 1]
        chosen = torch.minimum(first + (which * (end - first)).long(), end - 1)
        return frame, torch.where(near_target, chosen, -1)

    def _scale(self, frame: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Magnification ``[N, 2]`` (y, x), and whether a crop is aligned with the pixels of its frame ``[N]``."""
        change = self._augmentation
        aligned, squared = draws.chance(change.native_share), draws.chance(change.square_share)
        size = self._size(frame)
        if change.long_side is None:
            factor = draws.log_between(*change.scale)
        else:
            factor = draws.between(*map(float, change.long_side)) / size.amax(1)
        factor = torch.where(aligned, 1.0, factor).unsqueeze(1)
        return torch.where(squared.unsqueeze(1), SQUARE / size, 1.0) * factor, aligned

    def _place(self, frame: Tensor, near: Tensor, anywhere: Tensor, scale: Tensor, draws: Draws) -> Tensor:
        """Crop centre ``[N, 2]``, near a place or anywhere. The crop lies inside the frame if it fits."""
        window, size = self._crop / scale, self._size(frame)  # [N, 2] in frame pixels
        half = torch.minimum(window, size) / 2
        first = half if self._augmentation.placement is Placement.CORNER else torch.zeros_like(half)
        centre, jitter = first + draws.pair() * (size - 2 * first), (draws.pair() - 0.5) * 0.9 * window
        centre = torch.where(anywhere.unsqueeze(1), centre, near + jitter)
        return torch.minimum(torch.maximum(centre, half), size - half) - 0.5

    def _size(self, frame: Tensor) -> Tensor:
        """Height and width of each crop's frame, ``[N, 2]``."""
        return torch.stack([self._frames.height[frame], self._frames.width[frame]], 1).float()

    def _grid(self, centre: Tensor, matrix: Tensor) -> Tensor:
        """Positions (y, x) of the crop's pixels in the frame, ``[N, S*S, 2]``."""
        axis = torch.arange(self._crop, device=centre.device) - (self._crop - 1) / 2
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(1, -1, 2)
        return grid @ matrix.transpose(1, 2) + centre.unsqueeze(1)

    def _pixels(self, frame: Tensor, grid: Tensor, scale: Tensor) -> Tensor:
        """Intensities ``[N, 1, S, S]``: the mean of four bilinear samples, which lie apart if the frame is shrunk.

        This approximates Pillow's resize, which averages over more pixels when it shrinks.
        """
        height, width, start = self._layout(frame)
        spread = SPREAD * (scale**-2 - 1).clamp_min(0).sqrt()  # [N, 2]
        pixels = torch.zeros(grid.shape[:2], device=grid.device)
        for dy, dx in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            y, x = grid[..., 0] + dy * spread[:, :1], grid[..., 1] + dx * spread[:, 1:]  # [N, S*S]
            inside = self._inside(y, x, height, width)
            pixels += 0.25 * (1 - inside) * self._outside_intensity
            y, x = y.clamp_min(0).minimum(height - 1), x.clamp_min(0).minimum(width - 1)
            y0, x0 = y.floor(), x.floor()
            fy, fx = y - y0, x - x0
            top, left = y0.long(), x0.long()
            bottom, right = (top + 1).minimum(height - 1), (left + 1).minimum(width - 1)
            for row, row_weight in ((top, 1 - fy), (bottom, fy)):
                for column, column_weight in ((left, 1 - fx), (right, fx)):
                    weight = row_weight * column_weight * 0.25 * inside
                    pixels += weight * self._frames.pixels[start + row * width + column]
        return pixels.view(-1, 1, self._crop, self._crop)

    def _mask(self, frame: Tensor, grid: Tensor, matrix: Tensor) -> Tensor:
        """Nearest pixel of the mask ``[N, 1, S, S]``, 0 or 1.

        Half-way between two pixels the later one in the crop is taken, as in Pillow's resize. For this reason a mask of
        IRSTD-1k, resized to half its size for the 256 grid, lies a quarter of a pixel beside its frame. Masks for
        training must have the same shift as masks for testing.
        """
        height, width, start = self._layout(frame)
        later = grid + (matrix @ grid.new_full((2, 1), TIE)).transpose(1, 2)
        y, x = later[..., 0], later[..., 1]  # [N, S*S]
        row = (y + 0.5).floor().clamp_min(0).minimum(height - 1).long()
        column = (x + 0.5).floor().clamp_min(0).minimum(width - 1).long()
        mask = self._frames.mask[start + row * width + column] * self._inside(y, x, height, width)
        return mask.float().view(-1, 1, self._crop, self._crop)

    def _layout(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Height, width and index of the first pixel of each crop's frame, ``[N, 1]`` each."""
        frames = self._frames
        return frames.height[frame].unsqueeze(1), frames.width[frame].unsqueeze(1), frames.start[frame].unsqueeze(1)

    def _inside(self, y: Tensor, x: Tensor, height: Tensor, width: Tensor) -> Tensor | float:
        """1 for a sample inside the frame, 0 outside. If the edge is continued, every sample counts as inside."""
        if self._augmentation.border is Border.EDGE:
            return 1.0
        return ((y > -0.5) & (y < height - 0.5) & (x > -0.5) & (x < width - 0.5)).float()


def _orientation(draws: Draws, symmetry: Symmetry) -> Tensor:
    """One random symmetry of the square per crop, ``[N, 2, 2]`` on (y, x)."""
    signs = 2.0 * (draws.pair() < 0.5) - 1.0
    if symmetry is Symmetry.MIRROR:
        signs = torch.stack([torch.ones_like(signs[:, 0]), signs[:, 1]], 1)
    diagonal = torch.diag_embed(signs)
    turned = draws.chance(0.5 if symmetry is Symmetry.ALL else 0.0)
    return torch.where(turned.view(-1, 1, 1), diagonal.flip(2), diagonal)
