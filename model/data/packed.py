"""A dataset packed into one buffer on the training device. Frames of any size lie end to end."""

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
    """Frames of any size in one buffer, as intensities mapped by the service's ``auto`` range.

    Intensities are rounded to 8 bits to save memory. The service does not round: it passes float32 to the network.

    Attributes:
        pixels, mask: ``[P]`` uint8, the pixels of all frames.
        start, height, width: ``[F]`` int64, first pixel and size of each frame.
        targets: ``[T, 2]`` float32, centroids (y, x) of the targets of all frames.
        first_target: ``[F + 1]`` int64; frame f has the targets ``first_target[f]`` to ``first_target[f + 1] - 1``.
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
        """SHA-256 of pixels, masks and sizes. It identifies the training data."""
        digest = hashlib.sha256()
        for values in (self.pixels, self.mask, self.height, self.width):
            digest.update(values.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "PackedFrames":
        """A copy on ``device``."""
        return PackedFrames(*(getattr(self, field.name).to(device) for field in fields(self)))


def pack(samples: Iterable[Sample]) -> PackedFrames:
    """Pack frames into one buffer.

    Raises:
        DataError: a frame has no finite pixel.
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
