"""Hard negatives: places where the network mistook background for a target during training. Later crops revisit them.

This is online hard example mining (Shrivastava et al., arXiv 1604.03540) with a memory. Every crop adds its worst
background pixel to a ring buffer, so no extra pass over the data is needed. The buffer stays on the device.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from model.sampling.draws import Draws

CAPACITY: Final = 2048  # places in the buffer; with 8 crops per step, those of the last 256 steps
CANDIDATES: Final = 4  # places drawn per crop; the one with the highest probability is used
ALARM: Final = 0.3  # background above this probability counts as hard
MARGIN: Final = 4  # crop pixels around a mask that do not count as background, since annotated edges are uncertain


class HardPlaces(NamedTuple):
    """``frame [N]``, ``place [N, 2]`` (y, x in the frame) and ``is_hard [N]``: False if no hard place was drawn."""

    frame: Tensor
    place: Tensor
    is_hard: Tensor


class HardNegatives:
    """A ring buffer of the latest places and their probabilities."""

    def __init__(self, device: torch.device) -> None:
        self._frame = torch.zeros(CAPACITY, dtype=torch.int64, device=device)
        self._place = torch.zeros(CAPACITY, 2, device=device)
        self._probability = torch.zeros(CAPACITY, device=device)
        self._next = torch.zeros((), dtype=torch.int64, device=device)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that a resumed run needs, by name."""
        return {
            "frame": self._frame,
            "place": self._place,
            "probability": self._probability,
            "next": self._next,
        }

    def draw(self, draws: Draws) -> HardPlaces:
        """Draw a place for each crop: the worst of a few random ones."""
        drawn = torch.stack([draws.below(CAPACITY) for _ in range(CANDIDATES)], 1)  # [N, K]
        worst = self._probability[drawn].argmax(1, keepdim=True)
        index = drawn.gather(1, worst).squeeze(1)
        return HardPlaces(self._frame[index], self._place[index], self._probability[index] > ALARM)

    @torch.no_grad()
    def remember(self, logits: Tensor, masks: Tensor, frame: Tensor, centre: Tensor, matrix: Tensor) -> None:
        """Store the worst background pixel of each crop.

        Args:
            logits, masks: ``[N, 1, S, S]``.
            frame, centre, matrix: position of the crops, see ``model.sampling.sampler.Crops``.
        """
        side = logits.shape[-1]
        background = F.max_pool2d(masks, 2 * MARGIN + 1, stride=1, padding=MARGIN) == 0
        probability, pixel = torch.where(background, logits.float().sigmoid(), 0).flatten(1).max(1)
        inside = torch.stack([pixel // side, pixel % side], 1).float() - (side - 1) / 2  # [N, 2]
        place = (matrix @ inside.unsqueeze(2)).squeeze(2) + centre
        slots = (self._next + torch.arange(len(frame), device=frame.device)) % CAPACITY
        self._frame.index_copy_(0, slots, frame)
        self._place.index_copy_(0, slots, place)
        self._probability.index_copy_(0, slots, probability)
        self._next.add_(len(frame)).remainder_(CAPACITY)
