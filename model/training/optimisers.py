"""Optimisers whose learning rate is a tensor, so that a captured CUDA graph can follow a schedule."""

import math
from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.optimizer import Optimizer

from model.recipe import Optimisation, Optimiser

MOMENTUM: Final = 0.95  # of Muon
NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)  # coefficients of Muon's authors: small singular values grow fastest
ROUNDS: Final = 5


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., JMLR 2011) in fused operations. PyTorch's own cannot be captured as a CUDA graph.

    Args:
        parameters: the parameters to train.
        lr: learning rate, a 0-dimensional tensor.
        weight_decay: factor of the weights that is added to the gradient, as in PyTorch's Adagrad.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: Tensor, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = tuple(parameter.grad for parameter in trained)
            if group["weight_decay"]:
                gradients = torch._foreach_add(gradients, trained, alpha=group["weight_decay"])
            sums = [self._sum_of(parameter) for parameter in trained]
            torch._foreach_addcmul_(sums, gradients, gradients)
            roots = torch._foreach_sqrt(sums)
            torch._foreach_add_(roots, 1e-10)
            updates = torch._foreach_div(gradients, roots)
            torch._foreach_mul_(updates, group["lr"])
            torch._foreach_sub_(trained, updates)

    def _sum_of(self, parameter: Tensor) -> Tensor:
        """Sum of the parameter's squared gradients so far."""
        state = self.state[parameter]
        if "sum" not in state:
            state["sum"] = torch.zeros_like(parameter)
        total: Tensor = state["sum"]
        return total


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for kernels, AdamW for norms, biases and kernels of one row or one column.

    A kernel ``[out, in, k, k]`` is a matrix ``[out, in*k*k]``. Its update is the momentum of the gradient, made nearly
    orthogonal. ``torch.optim.Muon`` reads its learning rate on the host and so cannot be captured as a CUDA graph.

    Args:
        parameters: the parameters to train.
        lr: learning rate of AdamW, a 0-dimensional tensor.
        weight_decay: decoupled weight decay, as in AdamW.
        ratio: learning rate of Muon, divided by ``lr``.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: Tensor, weight_decay: float, ratio: float) -> None:
        every = list(parameters)
        kernels = [one for one in every if _is_matrix(one)]
        others = [one for one in every if not _is_matrix(one)]
        defaults = {"lr": lr, "weight_decay": weight_decay, "ratio": ratio}
        super().__init__([{"params": kernels}, {"params": others}], defaults)
        self._adamw = AdamW([{"params": others}], lr=lr, weight_decay=weight_decay, fused=True, capturable=True)
        self._adamw.state = self.state  # one place for the state of all parameters, which a resumed run restores

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        kernels = self.param_groups[0]
        rate = kernels["lr"] * kernels["ratio"]
        for kernel in kernels["params"]:
            if kernel.grad is None:
                continue
            momentum = self._momentum_of(kernel)
            momentum.lerp_(kernel.grad, 1 - MOMENTUM)
            ahead = kernel.grad.lerp(momentum, MOMENTUM).flatten(1)  # [out, in*k*k], Nesterov's momentum
            update = orthogonalised(ahead).view(kernel.shape)
            rows, columns = ahead.shape
            kernel.mul_(1 - rate * kernels["weight_decay"])
            kernel.sub_(update * (rate * math.sqrt(max(1, rows / columns))))
        self._adamw.step()

    def _momentum_of(self, kernel: Tensor) -> Tensor:
        state = self.state[kernel]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(kernel)
        momentum: Tensor = state["momentum"]
        return momentum


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim > 1 and parameter.shape[0] > 1 and parameter[0].numel() > 1


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix with the singular vectors of ``matrix [R, C]`` and singular values near 1, by Newton-Schulz rounds."""
    a, b, c = NEWTON_SCHULZ
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix  # the products below are small
    wide = wide / wide.norm().clamp_min(1e-7)
    for _ in range(ROUNDS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    made: Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return made


def make_optimiser(network: nn.Module, plan: Optimisation, lr: Tensor) -> Optimizer:
    """The optimiser of a recipe. It reads the learning rate from the tensor ``lr`` at every step."""
    if plan.optimiser is Optimiser.ADAGRAD:
        return Adagrad(network.parameters(), lr, plan.weight_decay)
    if plan.optimiser is Optimiser.MUON:
        return Muon(network.parameters(), lr, plan.weight_decay, plan.muon_ratio)
    return AdamW(network.parameters(), lr=lr, weight_decay=plan.weight_decay, fused=True, capturable=True)
