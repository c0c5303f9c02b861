"""The network against the paper's size and the authors' outputs."""

import pytest
import torch

from model.network.checkpoint import build_network
from model.network.official import from_official
from model.network.rrcanet import RRCANet
from model.recipe import Network
from tests import golden


@pytest.mark.parametrize(("channels", "parameters"), [(1, 202_089), (3, 202_249)])
def test_it_has_the_published_number_of_parameters(channels: int, parameters: int) -> None:
    assert sum(p.numel() for p in RRCANet(channels).parameters()) == parameters


@pytest.mark.parametrize(("passes", "parameters"), [(1, 183_889), (2, 193_113), (4, 211_385)])
def test_a_further_pass_costs_no_3x3_kernel(passes: int, parameters: int) -> None:
    network = RRCANet(3, passes=passes)
    # facts of the authors' code; only the fuse block's width and the per-pass parts depend on the passes
    assert sum(p.numel() for p in network.parameters()) == parameters
    kernels = {p.data_ptr() for p in network.encoders.parameters() if p.ndim == 4 and p.shape[-1] == 3}
    assert len(kernels) == 18


@pytest.mark.parametrize("channels", [1, 3])
def test_it_reproduces_the_authors_logits(channels: int) -> None:
    arrays = golden.load(f"rrcanet_{channels}ch")
    state = {
        key.removeprefix("state_dict/"): torch.from_numpy(value)
        for key, value in arrays.items()
        if key.startswith("state_dict/")
    }
    weights, in_channels = from_official(state)
    network = build_network(Network(in_channels=in_channels))
    network.load_state_dict(weights)
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(arrays["input"]))
    torch.testing.assert_close(logits, torch.from_numpy(arrays["logits"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (40, 16)])
def test_every_multiple_of_the_stride_gives_a_map_of_the_same_size(size: tuple[int, int]) -> None:
    network = RRCANet().eval()
    assert network.stride == 8
    with torch.no_grad():
        assert network(torch.zeros(2, 1, *size)).shape == (2, 1, *size)


def test_gradients_reach_every_parameter() -> None:
    network = RRCANet(passes=2)
    network(torch.randn(2, 1, 32, 32)).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
