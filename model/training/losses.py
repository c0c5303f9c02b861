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


def dptk_loss(
    logits: Tensor,
    targets: Tensor,
    k: float = 10.0,
    epsilon: float = 3.1,
    dice_per_crop: bool = False,
    pixels_per_crop: int | None = None,
) -> Tensor:
    """Dice plus Poly-1 top-k. Both terms are computed over all pixels of the batch together.

    Args:
        logits: logits of any shape; with ``dice_per_crop`` or ``pixels_per_crop``, the first dimension counts the
            crops.
        targets: true values of the same shape, 0 to 1.
        k: the second term averages over this percentage of the pixels, those with the highest loss. 100 and an
            ``epsilon`` of 0 make it plain cross-entropy.
        epsilon: weight of the Poly-1 term.
        dice_per_crop: average the Dice loss over the crops, so that a crop with a small target counts as much as one
            with many targets.
        pixels_per_crop: in place of ``k``, the number of pixels that the second term averages over, for each crop of
            the batch. A percentage of a large crop is many times as large as a target.

    Returns:
        A scalar.
    """
    logits, targets = logits.float(), targets.float()
    dice = dice_loss(logits, targets, per_crop=dice_per_crop)
    return dice + poly_topk_loss(logits, targets, k, epsilon, pixels_per_crop)


def dice_loss(logits: Tensor, targets: Tensor, smooth: float = 1.0, per_crop: bool = False) -> Tensor:
    """1 - Dice coefficient of the probabilities, of all pixels together or averaged over crops; a scalar."""
    probabilities, dims = torch.sigmoid(logits), tuple(range(1 if per_crop else 0, logits.ndim))
    overlap = (probabilities * targets).sum(dims)
    return (1 - (2 * overlap + smooth) / (probabilities.sum(dims) + targets.sum(dims) + smooth)).mean()


def poly_topk_loss(
    logits: Tensor, targets: Tensor, k: float = 10.0, epsilon: float = 3.1, pixels_per_crop: int | None = None
) -> Tensor:
    """Mean Poly-1 cross-entropy of the pixels with the highest loss, ``k`` percent or a number a crop; a scalar."""
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").flatten()  # [number of pixels]
    poly = entropy + epsilon * -torch.expm1(-entropy)  # 1 - p_t = -expm1(-entropy), which is exact for small values
    return _mean_of_largest(poly, k, None if pixels_per_crop is None else pixels_per_crop * len(logits))


def distillation_loss(logits: Tensor, teacher: Tensor, k: float = 10.0, pixels_per_crop: int | None = None) -> Tensor:
    """How far the probabilities are from those of a teacher: mean of the pixels where they differ most; a scalar.

    The difference of a pixel is the Kullback-Leibler divergence of the two probabilities, 0 where they are equal.

    Args:
        logits: logits of the student, of any shape; with ``pixels_per_crop``, the first dimension counts the crops.
        teacher: logits of the teacher, of the same shape.
        k, pixels_per_crop: the number of pixels, as in ``poly_topk_loss``.
    """
    logits, teacher = logits.float(), teacher.float()
    target = F.logsigmoid(teacher).exp() * (F.logsigmoid(teacher) - F.logsigmoid(logits))
    background = F.logsigmoid(-teacher).exp() * (F.logsigmoid(-teacher) - F.logsigmoid(-logits))
    kept = None if pixels_per_crop is None else pixels_per_crop * len(logits)
    return _mean_of_largest((target + background).flatten(), k, kept)


def _mean_of_largest(values: Tensor, k: float, kept: int | None) -> Tensor:
    """Mean of the ``kept`` largest of ``values [P]``, or of the largest ``k`` percent."""
    kept = int(values.numel() * k / 100) if kept is None else kept
    return values.topk(max(1, kept), sorted=False).values.mean()
