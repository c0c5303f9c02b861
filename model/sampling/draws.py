"""The random numbers of one training step, drawn on the host and used on the device.

Each step uses a generator seeded by the run's seed and the step, so a resumed run draws the same numbers. They are
copied to the device into buffers that never move, so a captured CUDA graph reads new numbers at every replay.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

COLUMNS: Final = 32  # uniform numbers per crop; the sampler needs fewer, and drawing more would raise IndexError


@dataclass(frozen=True, slots=True)
class RandomNumbers:
    """``uniforms [N, COLUMNS]`` and, if the recipe adds noise, ``normals [N, 1, S, S]``."""

    uniforms: Tensor
    normals: Tensor | None

    @staticmethod
    def empty(batch: int, crop: int, noise: bool, device: torch.device) -> "RandomNumbers":
        """Buffers for ``batch`` crops of side ``crop``, to be filled by ``fill``."""
        normals = torch.empty(batch, 1, crop, crop, device=device) if noise else None
        return RandomNumbers(torch.empty(batch, COLUMNS, device=device), normals)

    def fill(self, seed: int, step: int) -> None:
        """Draw the numbers of a step. Uniforms are the same on every device; normals use the device's own generator."""
        drawn = torch.rand(self.uniforms.shape, generator=torch.Generator().manual_seed(mixed_seed(seed, step, 0)))
        self.uniforms.copy_(drawn, non_blocking=True)
        if self.normals is not None:
            generator = torch.Generator(self.normals.device).manual_seed(mixed_seed(seed, step, 1))
            self.normals.normal_(generator=generator)


def mixed_seed(*words: int) -> int:
    """One seed of 32 bits made from several numbers: PyTorch's CPU generator uses the lowest 32 bits only."""
    return int(np.random.SeedSequence(words).generate_state(1)[0])


class Draws:
    """Draws of one step. Each call uses the next columns of the uniform numbers; N is the number of crops.

    Args:
        numbers: the numbers of the step.
        first: the column to begin with.
    """

    def __init__(self, numbers: RandomNumbers, first: int = 0) -> None:
        self._numbers, self._next = numbers, first

    def uniform(self) -> Tensor:
        """``[N]`` in [0, 1)."""
        self._next += 1
        return self._numbers.uniforms[:, self._next - 1]

    def pair(self) -> Tensor:
        """``[N, 2]`` in [0, 1)."""
        return torch.stack([self.uniform(), self.uniform()], 1)

    def between(self, low: float, high: float) -> Tensor:
        """``[N]`` in [low, high)."""
        return low + (high - low) * self.uniform()

    def log_between(self, low: float, high: float) -> Tensor:
        """``[N]`` in [low, high), with evenly drawn logarithms."""
        return torch.exp(self.between(math.log(low), math.log(high)))

    def chance(self, share: float) -> Tensor:
        """``[N]`` bool, True with probability ``share``."""
        return self.uniform() < share

    def below(self, count: int) -> Tensor:
        """``[N]`` int64 in 0..count-1."""
        return (self.uniform() * count).long().clamp_max(count - 1)

    def normal(self) -> Tensor:
        """``[N, 1, S, S]`` from the standard normal distribution."""
        assert self._numbers.normals is not None
        return self._numbers.normals
