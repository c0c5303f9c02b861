"""Optimisers whose learning rate lives in a tensor, so that a captured CUDA graph can follow a schedule."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.optimizer import Optimizer

from model.recipe import Optimisation, Optimiser


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., JMLR 2011) in four fused operations; PyTorch's own cannot be captured.

    Args:
        parameters: what moves.
        lr: 0-dimensional tensor.
        weight_decay: added to the gradient, as PyTorch's Adagrad does.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: Tensor, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = tuple(parameter.grad for parameter in moved)
            if group["weight_decay"]:
                gradients = torch._foreach_add(gradients, moved, alpha=group["weight_decay"])
            sums = [self._sum_of(parameter) for parameter in moved]
            torch._foreach_addcmul_(sums, gradients, gradients)
            roots = torch._foreach_sqrt(sums)
            torch._foreach_add_(roots, 1e-10)
            updates = torch._foreach_div(gradients, roots)
            torch._foreach_mul_(updates, group["lr"])
            torch._foreach_sub_(moved, updates)

    def _sum_of(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "sum" not in state:
            state["sum"] = torch.zeros_like(parameter)
        total: Tensor = state["sum"]
        return total


def make_optimiser(network: nn.Module, plan: Optimisation, lr: Tensor) -> Optimizer:
    """The recipe's optimiser; ``lr`` is read at every step."""
    if plan.optimiser is Optimiser.ADAGRAD:
        return Adagrad(network.parameters(), lr, plan.weight_decay)
    return AdamW(network.parameters(), lr=lr, weight_decay=plan.weight_decay, fused=True, capturable=True)
