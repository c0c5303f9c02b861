"""The network against the paper's size and the authors' outputs."""

import numpy as np
import pytest
import torch

from model.network.blocks import ChannelAttention, pooled_around_cells
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


def windowed(window: int) -> tuple[RRCANet, RRCANet]:
    """A network that pools over windows, and the published one with the same weights."""
    torch.manual_seed(0)
    local, published = RRCANet(passes=1, pool_window=window).eval(), RRCANet(passes=1).eval()
    published.load_state_dict(local.state_dict())
    return local, published


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (40, 64)])
def test_on_frames_up_to_the_window_it_is_the_published_network(size: tuple[int, int]) -> None:
    local, published = windowed(64)
    frame = torch.randn(2, 1, *size)
    with torch.no_grad():
        torch.testing.assert_close(local(frame), published(frame), rtol=0, atol=0)


def test_on_larger_frames_what_lies_far_away_does_not_change_the_attention() -> None:
    local, published = windowed(64)
    frame = torch.randn(1, 1, 64, 320)
    hot = frame.clone()
    hot[..., 288:] += 50
    changes = []
    with torch.no_grad():
        for network in (local, published):
            changes.append((network(hot) - network(frame))[..., :64].abs().max().item())
    assert changes[0] == 0
    assert changes[1] > 1e-3


@pytest.mark.parametrize("size", [(48, 104), (130, 33)])
def test_windows_at_the_edge_count_each_pixel_once(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x, cell = torch.randn(2, 3, *size), 32
    mean, peak = pooled_around_cells(x, cell)
    for row, column in np.ndindex(*mean.shape[2:]):
        around = x[..., max(row - 1, 0) * cell : (row + 2) * cell, max(column - 1, 0) * cell : (column + 2) * cell]
        torch.testing.assert_close(mean[..., row, column], around.mean((2, 3)))
        torch.testing.assert_close(peak[..., row, column], around.amax((2, 3)))


@pytest.mark.parametrize("size", [(64, 64), (24, 48)])
def test_the_graph_for_exporters_agrees_with_the_shorter_one(size: tuple[int, int]) -> None:
    """An exporter sees one graph for all sizes. It must be right on frames inside the window, too."""
    attention = ChannelAttention(8, window=64)
    x = torch.randn(2, 8, *size)
    with torch.no_grad():
        short = attention(x)
        mean, peak = pooled_around_cells(x, 32)
        torch.testing.assert_close(attention._weights(mean, peak), short.expand(*mean.shape))
