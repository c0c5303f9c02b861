"""Muon against PyTorch's own, and what it leaves to AdamW."""

import pytest
import torch
from torch import nn

from model.recipe import Optimisation, Optimiser
from model.training.optimisers import make_optimiser, orthogonalised

PLAN = Optimisation(steps=1, optimiser=Optimiser.MUON, muon_ratio=3.0, weight_decay=0.1)


@pytest.mark.parametrize("shape", [(16, 144), (16, 16), (64, 9)])
def test_the_singular_values_of_an_update_lie_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    assert values.min() > 0.6
    assert values.max() < 1.3


@pytest.mark.parametrize("channels_last", [False, True])
def test_kernels_move_as_matrices_of_pytorch_s_muon_do(channels_last: bool) -> None:
    """PyTorch's rounds to bfloat16, so the updates agree to a few percent."""
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 24, 3, bias=False)
    if channels_last:
        layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    start = layer.weight.detach().clone()
    matrix = nn.Parameter(start.flatten(1).clone())
    ours = make_optimiser(layer, PLAN, torch.tensor(0.01))
    theirs = torch.optim.Muon([matrix], lr=0.03, weight_decay=0.1)
    for _ in range(4):
        gradient = torch.randn_like(matrix)
        matrix.grad, layer.weight.grad = gradient, gradient.view(24, 8, 3, 3).clone()
        ours.step()
        theirs.step()
    moved, expected = layer.weight.flatten(1) - start.flatten(1), matrix - start.flatten(1)
    assert (moved - expected).norm() < 0.03 * expected.norm()
    assert expected.norm() > 0.1


def test_norms_biases_and_kernels_of_one_row_move_as_adamw_moves_them() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(4, 1, 3), nn.BatchNorm2d(1), nn.Conv2d(1, 4, 1))
    theirs = nn.Sequential(nn.Conv2d(4, 1, 3), nn.BatchNorm2d(1), nn.Conv2d(1, 4, 1))
    theirs.load_state_dict(ours.state_dict())
    optimisers = make_optimiser(ours, PLAN, torch.tensor(0.01)), torch.optim.AdamW(theirs.parameters(), 0.01)
    optimisers[1].param_groups[0]["weight_decay"] = 0.1
    for _ in range(3):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_larger_ratio_moves_kernels_further_and_nothing_else() -> None:
    moves = []
    for ratio in (1.0, 4.0):
        torch.manual_seed(0)
        layer = nn.Conv2d(4, 8, 3)
        before = [one.detach().clone() for one in layer.parameters()]
        plan = PLAN.model_copy(update={"muon_ratio": ratio, "weight_decay": 0.0})
        optimiser = make_optimiser(layer, plan, torch.tensor(0.01))
        layer(torch.ones(1, 4, 8, 8)).square().sum().backward()
        optimiser.step()
        moves.append([(one - old).norm().item() for one, old in zip(layer.parameters(), before, strict=True)])
    (kernel, bias), (further, same) = moves
    assert further == pytest.approx(4 * kernel, rel=1e-4)
    assert same == pytest.approx(bias)
