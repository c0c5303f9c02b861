"""A folded batch norm is a batch norm."""

import copy

import pytest
import torch
from torch import Tensor, nn

from model.network.folded_norm import FoldedBatchNorm2d, fold_norms

SHAPES = [(4, 8, 16, 16), (2, 1, 8, 24), (3, 4, 8, 8), (2, 8, 7, 5), (2, 24, 8, 8), (2, 64, 4, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=["channels last", "planes"])
def test_outputs_gradients_and_statistics_are_those_of_batch_norm(
    shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    plain, folded = _pair(shape[1])
    x, slope = (tensor.contiguous(memory_format=layout) for tensor in _inputs(shape))
    for wanted, got in zip(
        _results(plain.double(), x.double(), slope.double()), _results(folded, x, slope), strict=True
    ):
        torch.testing.assert_close(got, wanted.float(), rtol=1e-4, atol=1e-4)


def test_bfloat16_loses_nothing_in_the_statistics() -> None:
    plain, folded = _pair(8)
    x, slope = (tensor.bfloat16().contiguous(memory_format=torch.channels_last) for tensor in _inputs((4, 8, 32, 32)))
    exact, got = _results(plain.double(), x.double(), slope.double()), _results(folded, x, slope)
    for wanted, found in zip(exact[:2], got[:2], strict=True):
        torch.testing.assert_close(found.float(), wanted.float(), rtol=2e-2, atol=2e-2)
    for wanted, found in zip(exact[2:], got[2:], strict=True):
        torch.testing.assert_close(found, wanted.float(), rtol=1e-4, atol=1e-3)


def test_evaluation_uses_the_running_statistics() -> None:
    plain, folded = _pair(8)
    x = _inputs((2, 8, 8, 8))[0].contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain.eval()(x), folded.eval()(x))


def test_a_folded_network_keeps_its_state_dict() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8, momentum=None))
    before = list(network.state_dict())
    fold_norms(network)
    assert list(network.state_dict()) == before
    assert isinstance(network[1], FoldedBatchNorm2d)
    assert not isinstance(network[2], FoldedBatchNorm2d)  # a plain average over all batches is not ours to fold


def _pair(channels: int) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(channels)
    nn.init.uniform_(plain.weight, 0.5, 2)
    nn.init.normal_(plain.bias)
    folded = copy.deepcopy(plain)
    fold_norms(folded)
    assert isinstance(folded, FoldedBatchNorm2d)
    return plain, folded


def _inputs(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    offset = torch.randn(1, shape[1], 1, 1, generator=generator)
    return 3 * torch.randn(shape, generator=generator) + 5 * offset, torch.randn(shape, generator=generator)


def _results(norm: nn.BatchNorm2d, x: Tensor, slope: Tensor) -> list[Tensor]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    y = norm.train()(x)
    y.backward(slope)
    found = [y, x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
    return [value.detach() for value in found if value is not None]
