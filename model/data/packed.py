"""A data set as one buffer on the device that trains: its frames end to end, whatever their sizes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from model.data.dataset import Sample


@dataclass(frozen=True)
class PackedFrames:
    """Frames of any size in one buffer, as intensities after the service's ``auto`` range.

    They are rounded to 8 bits, a quarter of the memory; the service hands the network float32 as it is mapped.

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

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is trained on: pixels, masks and sizes, in their order."""
        known = hashlib.sha256()
        for part in (self.pixels, self.mask, self.height, self.width):
            known.update(part.cpu().numpy().tobytes())
        return known.hexdigest()

    def to(self, device: torch.device) -> "PackedFrames":
        """A copy on ``device``."""
        return PackedFrames(*(getattr(self, field.name).to(device) for field in fields(self)))


def pack(samples: Iterable[Sample]) -> PackedFrames:
    """Lay frames end to end.

    Raises:
        DataError: a frame without a finite pixel.
    """
    pixels, masks, sizes, targets, counts = [], [], [], [], []
    for sample in samples:
        pixels.append(np.rint(sample.intensities()).astype(np.uint8).ravel())
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
