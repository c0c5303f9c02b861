"""DpT-k: Dice loss plus Poly-1 cross-entropy over the hardest k percent of pixels.

This file needs only PyTorch, so it can be copied into any project.

Papers: Liu et al., "RRCANet", arXiv 2506.02393; Poly-1: Leng et al., "PolyLoss", arXiv 2204.12511.
Provenance: written from the papers.
Licence: Apache-2.0.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]  # (float32 logits, targets 0 to 1 of the same shape) -> scalar


def dptk_loss(logits: Tensor, targets: Tensor, k: float = 10.0, epsilon: float = 3.1) -> Tensor:
    """Dice plus Poly-1 top-k. Both terms are computed over all pixels of the batch together.

    Args:
        logits: logits of any shape.
        targets: true values of the same shape, 0 to 1.
        k: the second term averages over this percentage of the pixels, those with the highest loss.
        epsilon: weight of the Poly-1 term.

    Returns:
        A scalar.
    """
    logits, targets = logits.float(), targets.float()
    return dice_loss(logits, targets) + poly_topk_loss(logits, targets, k, epsilon)


def dice_loss(logits: Tensor, targets: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - Dice coefficient of the probabilities, over all pixels of the batch together; a scalar."""
    probabilities = torch.sigmoid(logits)
    overlap = (probabilities * targets).sum()
    return 1 - (2 * overlap + smooth) / (probabilities.sum() + targets.sum() + smooth)


def poly_topk_loss(logits: Tensor, targets: Tensor, k: float = 10.0, epsilon: float = 3.1) -> Tensor:
    """Mean Poly-1 cross-entropy of the ``k`` percent of pixels with the highest loss; a scalar."""
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").flatten()  # [number of pixels]
    poly = entropy + epsilon * -torch.expm1(-entropy)  # 1 - p_t = -expm1(-entropy), which is exact for small values
    kept = max(1, int(poly.numel() * k / 100))
    return poly.topk(kept, sorted=False).values.mean()
