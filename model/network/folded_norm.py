"""Faster batch norm for feature maps with few channels, for training on a CPU.

PyTorch's kernel vectorises over the channels of a pixel. RRCA-Net's first level has eight channels, which fill a
quarter of a vector register. This module views the same memory as fewer pixels with more channels, so that every lane
is used. Afterwards it merges the statistics of the views of each channel (Chan et al., "Updating formulae and a
pairwise algorithm for computing sample variances", 1979).

Provenance: written for this project.
Licence: Apache-2.0.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

LANES: Final = 64  # channels of the folded view
MIN_FOLDS: Final = 8  # folding is faster if at least this many pixels become one


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` that folds if this is faster: in training, on the CPU, with channels last and few channels.

    Shapes: ``[N, C, H, W] -> [N, C, H, W]``.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and _folds(x) > 1):
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        y, mean, variance = _Fold.apply(x, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        count = x.numel() // x.shape[1]
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum or 0.0)
        normed: Tensor = y
        return normed


def fold_norms(network: nn.Module) -> None:
    """Let every plain batch norm of ``network`` fold. Parameters and their names stay the same."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d and module.track_running_stats and module.momentum is not None:
            module.__class__ = FoldedBatchNorm2d


class _Fold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        folds, folded = _folds(x), _fold(x)
        exact = torch.zeros(LANES), torch.ones(LANES)  # float32 buffers: the statistics take their type
        means, variances = (v.view(folds, -1) for v in torch.ops.aten.batch_norm_update_stats(folded, *exact, 0.0))
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square_().mean(0)
        y = _normed(folded, weight, bias, mean, variance, eps)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps  # type: ignore[attr-defined]
        ctx.mark_non_differentiable(mean, variance)
        return _unfold(y, x), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, dy: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, variance = ctx.saved_tensors  # type: ignore[attr-defined]
        eps: float = ctx.eps  # type: ignore[attr-defined]
        folds, folded, slope = _folds(x), _fold(x), _fold(dy.contiguous(memory_format=torch.channels_last))
        _, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            *(slope, folded, weight.repeat(folds), mean.repeat(folds), variance.repeat(folds), None, None),
            *(False, eps, [False, True, True]),
        )
        d_weight, d_bias = d_weight.view(folds, -1).sum(0), d_bias.view(folds, -1).sum(0)
        count, inverse = x.numel() // x.shape[1], torch.rsqrt(variance + eps)
        # dx = weight * inverse * (dy - mean(dy) - normed * mean(dy * normed)), as of_dy * dy + of_x * x + constant
        of_dy = weight * inverse
        of_x = -of_dy * inverse * d_weight / count
        constant = -of_dy * d_bias / count - of_x * mean
        dx = _normed(slope, of_dy, constant, torch.zeros_like(mean), torch.ones_like(mean), 0.0)
        dx.addcmul_(folded, of_x.to(x.dtype).repeat(folds))
        return _unfold(dx, x), d_weight, d_bias, None


def _folds(x: Tensor) -> int:
    """How many pixels of ``x`` become one; 1 if folding is impossible or not faster."""
    folds = LANES // x.shape[1]
    fits = folds >= MIN_FOLDS and LANES % x.shape[1] == 0 and x.numel() % LANES == 0
    return folds if fits and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last) else 1


def _fold(x: Tensor) -> Tensor:
    """``[N, C, H, W]``, channels last -> ``[N H W / folds, LANES]``, a view of the same memory."""
    return x.permute(0, 2, 3, 1).reshape(-1, LANES)


def _unfold(folded: Tensor, like: Tensor) -> Tensor:
    """``[N H W / folds, LANES]`` -> ``[N, C, H, W]``, channels last, with the shape of ``like``."""
    count, channels, height, width = like.shape
    return folded.view(count, height, width, channels).permute(0, 3, 1, 2)


def _normed(folded: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """``(folded - mean) / sqrt(variance + eps) * weight + bias``; all but ``folded`` are ``[C]``."""
    folds = LANES // len(weight)
    weight, bias, mean, variance = (values.repeat(folds) for values in (weight, bias, mean, variance))
    normed: Tensor = torch.native_batch_norm(folded, weight, bias, mean, variance, False, 0.0, eps)[0]
    return normed
