"""Crops with augmentation, drawn for a whole batch at once on the device that trains.

A crop is a gather through an affine map, so scale, flips and transposition cost nothing extra, on the CPU as on a GPU.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from model.data.packed import PackedFrames
from model.recipe import Augmentation, Border, Placement, Symmetry
from model.sampling.draws import Draws, RandomNumbers
from model.sampling.hard_negatives import HardNegatives
from model.sampling.photometry import photometry

SQUARE: Final = 256  # side of the grid to which the field's usual protocol resizes every frame
SPREAD: Final = math.sqrt(3 / 16)  # of the four samples: at half size 1, 3, 3, 1 pixels, as Pillow weighs them
TIE: Final = 1e-3  # crop pixels: more than rounding, less than any other distance from half-way


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
        outside: intensity of what lies outside a frame, where its edge is not continued.
    """

    def __init__(
        self,
        frames: PackedFrames,
        augmentation: Augmentation,
        crop: int,
        hard: HardNegatives | None = None,
        outside: float = 0.0,
    ) -> None:
        self._frames, self._augmentation, self._crop, self._outside = frames, augmentation, crop, outside
        self._hard = hard
        self._with_targets = torch.nonzero(frames.first_target.diff() > 0).squeeze(1)

    def draw(self, numbers: RandomNumbers) -> Crops:
        """A batch of crops."""
        draws = Draws(numbers)
        frame, near, anywhere = self._choose(draws)
        scale, aligned = self._scale(frame, draws)  # [N, 2] (y, x), [N]
        centre = self._place(frame, near, anywhere, scale, draws)
        on_pixels = ((centre + 0.5) * scale).round() / scale - 0.5
        centre = torch.where(aligned.unsqueeze(1), on_pixels, centre)
        matrix = _orientation(draws, self._augmentation.symmetry) / scale.unsqueeze(2)  # crop pixels -> frame pixels
        where = self._grid(centre, matrix)
        pixels, mask = self._pixels(frame, where, scale), self._mask(frame, where, matrix)
        return Crops(photometry(pixels, self._augmentation, draws), mask, frame, centre, matrix)

    def _choose(self, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Frame of each crop ``[N]``, a place to be near ``[N, 2]``, and which crops lie anywhere instead ``[N]``."""
        frame, target = self._choose_target(draws)
        targets = self._frames.targets
        near = targets[target.clamp_min(0)] if len(targets) else targets.new_zeros(len(frame), 2)
        anywhere = target < 0
        if self._hard is not None:
            wanted, (hard_frame, place, known) = draws.chance(self._augmentation.hard_share), self._hard.draw(draws)
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
        """Magnification ``[N, 2]`` (y, x), and which crops lie on the pixels of their frame or square ``[N]``."""
        change = self._augmentation
        aligned, squared = draws.chance(change.native_share), draws.chance(change.square_share)
        size = self._size(frame)
        if change.long_side is None:
            factor = torch.exp(draws.between(math.log(change.scale[0]), math.log(change.scale[1])))
        else:
            factor = draws.between(*map(float, change.long_side)) / size.amax(1)
        factor = torch.where(aligned, 1.0, factor).unsqueeze(1)
        return torch.where(squared.unsqueeze(1), SQUARE / size, 1.0) * factor, aligned

    def _place(self, frame: Tensor, near: Tensor, anywhere: Tensor, scale: Tensor, draws: Draws) -> Tensor:
        """Crop centre ``[N, 2]``, near a place or anywhere, inside the frame if it fits."""
        window, size = self._crop / scale, self._size(frame)  # [N, 2] in frame pixels
        half = torch.minimum(window, size) / 2
        first = half if self._augmentation.placement is Placement.CORNER else torch.zeros_like(half)
        centre, jitter = first + draws.pair() * (size - 2 * first), (draws.pair() - 0.5) * 0.9 * window
        centre = torch.where(anywhere.unsqueeze(1), centre, near + jitter)
        return torch.minimum(torch.maximum(centre, half), size - half) - 0.5

    def _size(self, frame: Tensor) -> Tensor:
        """``[N, 2]`` height and width."""
        return torch.stack([self._frames.height[frame], self._frames.width[frame]], 1).float()

    def _grid(self, centre: Tensor, matrix: Tensor) -> Tensor:
        """``[N, S*S, 2]``, where in the frame (y, x) the pixels of the crop lie."""
        axis = torch.arange(self._crop, device=centre.device) - (self._crop - 1) / 2
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(1, -1, 2)
        return grid @ matrix.transpose(1, 2) + centre.unsqueeze(1)

    def _pixels(self, frame: Tensor, where: Tensor, scale: Tensor) -> Tensor:
        """Bilinear samples ``[N, 1, S, S]``; shrinking averages four of them, as Pillow's resize does."""
        height, width, start = self._layout(frame)
        spread = SPREAD * (scale**-2 - 1).clamp_min(0).sqrt()  # [N, 2]
        pixels = torch.zeros(where.shape[:2], device=where.device)
        for dy, dx in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            y, x = where[..., 0] + dy * spread[:, :1], where[..., 1] + dx * spread[:, 1:]  # [N, S*S]
            inside = self._inside(y, x, height, width)
            pixels += 0.25 * (1 - inside) * self._outside
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

    def _mask(self, frame: Tensor, where: Tensor, matrix: Tensor) -> Tensor:
        """Nearest pixel of the mask ``[N, 1, S, S]``, 0 or 1.

        Half-way between two it is the later one in the crop, as Pillow does it when it resizes a mask: an IRSTD-1k mask
        on the 256 grid, half its size, lies a quarter of a pixel off its frame, and so must those that are learnt from.
        """
        height, width, start = self._layout(frame)
        later = where + (matrix @ where.new_full((2, 1), TIE)).transpose(1, 2)
        y, x = later[..., 0], later[..., 1]  # [N, S*S]
        row = (y + 0.5).floor().clamp_min(0).minimum(height - 1).long()
        column = (x + 0.5).floor().clamp_min(0).minimum(width - 1).long()
        mask = self._frames.mask[start + row * width + column] * self._inside(y, x, height, width)
        return mask.float().view(-1, 1, self._crop, self._crop)

    def _layout(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Height, width and first pixel of each crop's frame, ``[N, 1]`` each."""
        frames = self._frames
        return frames.height[frame].unsqueeze(1), frames.width[frame].unsqueeze(1), frames.start[frame].unsqueeze(1)

    def _inside(self, y: Tensor, x: Tensor, height: Tensor, width: Tensor) -> Tensor | float:
        """1 for a sample of the frame, 0 for one outside; with its edge continued, none is outside."""
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
