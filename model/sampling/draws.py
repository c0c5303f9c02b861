"""The random numbers of one training step, drawn on the host, used on the device.

A step draws from a generator seeded by run and step, so a resumed run repeats it; the numbers reach the device
through buffers that never move, so a captured CUDA graph reads new ones at every replay.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

COLUMNS: Final = 32  # uniforms a crop; what the sampler uses is far less, and an overrun raises


@dataclass(frozen=True, slots=True)
class RandomNumbers:
    """``uniforms [N, COLUMNS]`` and, where noise is wanted, ``normals [N, 1, S, S]``."""

    uniforms: Tensor
    normals: Tensor | None

    @staticmethod
    def empty(batch: int, crop: int, noise: bool, device: torch.device) -> "RandomNumbers":
        """Buffers to be filled."""
        normals = torch.empty(batch, 1, crop, crop, device=device) if noise else None
        return RandomNumbers(torch.empty(batch, COLUMNS, device=device), normals)

    def fill(self, seed: int, step: int) -> None:
        """The numbers of this step: uniforms alike on every device, normals from the device's own generator."""
        drawn = torch.rand(self.uniforms.shape, generator=torch.Generator().manual_seed(mixed_seed(seed, step, 0)))
        self.uniforms.copy_(drawn, non_blocking=True)
        if self.normals is not None:
            generator = torch.Generator(self.normals.device).manual_seed(mixed_seed(seed, step, 1))
            self.normals.normal_(generator=generator)


def mixed_seed(*words: int) -> int:
    """One seed of several: PyTorch's CPU generator looks at the lowest 32 bits alone."""
    return int(np.random.SeedSequence(words).generate_state(1)[0])


class Draws:
    """Hands out the uniforms column by column."""

    def __init__(self, numbers: RandomNumbers) -> None:
        self._numbers, self._next = numbers, 0

    def uniform(self) -> Tensor:
        """``[N]`` in [0, 1)."""
        self._next += 1
        return self._numbers.uniforms[:, self._next - 1]

    def pair(self) -> Tensor:
        """``[N, 2]`` in [0, 1)."""
        return torch.stack([self.uniform(), self.uniform()], 1)

    def between(self, low: float, high: float) -> Tensor:
        """``[N]``."""
        return low + (high - low) * self.uniform()

    def chance(self, share: float) -> Tensor:
        """``[N]`` bool, True in this share of crops."""
        return self.uniform() < share

    def below(self, count: int) -> Tensor:
        """``[N]`` int64 in 0..count-1."""
        return (self.uniform() * count).long().clamp_max(count - 1)

    def normal(self) -> Tensor:
        """``[N, 1, S, S]``."""
        assert self._numbers.normals is not None
        return self._numbers.normals
