"""Optimisers whose learning rate is a tensor, so that a captured CUDA graph can follow a schedule."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.optimizer import Optimizer

from model.recipe import Optimisation, Optimiser


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


def make_optimiser(network: nn.Module, plan: Optimisation, lr: Tensor) -> Optimizer:
    """The optimiser of a recipe. It reads the learning rate from the tensor ``lr`` at every step."""
    if plan.optimiser is Optimiser.ADAGRAD:
        return Adagrad(network.parameters(), lr, plan.weight_decay)
    return AdamW(network.parameters(), lr=lr, weight_decay=plan.weight_decay, fused=True, capturable=True)
