"""DpT-k: Dice, plus Poly-1 cross-entropy over the hardest k percent of pixels (arXiv 2506.02393)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]  # float32 logits, targets 0 to 1 of the same shape -> a scalar


def dptk_loss(logits: Tensor, targets: Tensor, k: float = 10.0, epsilon: float = 3.1) -> Tensor:
    """Dice plus Poly-1 top-k, both over all pixels of the batch at once.

    Args:
        logits: any shape.
        targets: same shape, 0 to 1.
        k: percentage of pixels, the hardest ones, that the second term averages.
        epsilon: weight of the Poly-1 term (Leng et al., PolyLoss, arXiv 2204.12511).

    Returns:
        A scalar.
    """
    logits, targets = logits.float(), targets.float()
    return dice_loss(logits, targets) + poly_topk_loss(logits, targets, k, epsilon)


def dice_loss(logits: Tensor, targets: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - Dice of the probabilities, over the whole batch."""
    probabilities = torch.sigmoid(logits)
    overlap = (probabilities * targets).sum()
    return 1 - (2 * overlap + smooth) / (probabilities.sum() + targets.sum() + smooth)


def poly_topk_loss(logits: Tensor, targets: Tensor, k: float = 10.0, epsilon: float = 3.1) -> Tensor:
    """Mean Poly-1 cross-entropy of the hardest ``k`` percent of pixels."""
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").flatten()
    poly = entropy + epsilon * -torch.expm1(-entropy)  # -expm1(-b) = 1 - p_t, exact for small b
    kept = max(1, int(poly.numel() * k / 100))
    return poly.topk(kept, sorted=False).values.mean()
