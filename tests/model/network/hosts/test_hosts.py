"""One tester for every network that RuCB and DIAAM plug into, and for RRCA-Net with an idea taken out."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from model.network.ablations import ABLATIONS
from model.network.blocks import RuCB
from model.network.hosts import HOSTS, Host
from model.network.hosts.acm import ACMRuCB
from model.network.hosts.amfunet import AMFUNetRuCB
from model.network.hosts.dnanet import DNANetRuCB
from model.network.hosts.host import ReusableConv
from model.network.hosts.resunet import ResUNetRuCB, ResUNetRuCBDIAAM
from model.network.hosts.uiunet import UIUNet
from model.network.rrcanet import RRCANet
from model.training.losses import dptk_loss

NETWORKS: dict[str, Callable[[int], nn.Module]] = {**HOSTS, **ABLATIONS}
# 3 channels; the first four and RRCA-Net's are published, ACM and UIU-Net agree with the 0.398 M and 50.54 M in print
PARAMETERS = {
    "resunet": 914_057,
    "resunet-rucb": 979_249,
    "amfunet": 472_969,
    "dnanet": 4_696_888,
    "resunet-rucb-diaam": 785_449,
    "amfunet-rucb": 498_649,
    "dnanet-rucb": 5_006_808,
    "acm": 397_971,
    "acm-rucb": 414_315,
    "uiunet": 50_541_461,
    "uiunet-rucb": 50_569_621,
    "rrcanet": 202_249,
    "passes-1": 183_889,
    "passes-2": 193_113,
    "passes-4": 211_385,
    "without-diaam": 197_041,
    "shared-norm": 194_217,
}
PLUGGED: dict[str, Callable[[int], nn.Module]] = {  # by passes
    "resunet-rucb": lambda passes: ResUNetRuCB(1, passes),
    "resunet-rucb-diaam": lambda passes: ResUNetRuCBDIAAM(1, passes),
    "amfunet-rucb": lambda passes: AMFUNetRuCB(1, passes),
    "dnanet-rucb": lambda passes: DNANetRuCB(1, passes),
    "acm-rucb": lambda passes: ACMRuCB(1, passes),
    "uiunet-rucb": lambda passes: UIUNet(1, passes),
}
CHANNELS = 1


# tracing takes seconds: every network's parts once, so the plain ones that run the same code are left out
EXPORTED: dict[str, Callable[[], nn.Module]] = {
    "acm": lambda: HOSTS["acm"](1),
    "acm-rucb": lambda: ACMRuCB(1, passes=2),
    "resunet-rucb": lambda: ResUNetRuCB(1, passes=1),
    "amfunet-rucb": lambda: AMFUNetRuCB(1, passes=1),
    "dnanet-rucb": lambda: DNANetRuCB(1, passes=1),
    "uiunet": lambda: HOSTS["uiunet"](1),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Maps of a few pixels: threads that wait for each other cost more than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# RRCA-Net with fewer or more passes has its own tests
@pytest.fixture(scope="module", params=[*HOSTS, "without-diaam", "shared-norm"])
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[request.param](CHANNELS)


def stride_of(network: nn.Module) -> int:
    assert isinstance(network, Host | RRCANet)
    return network.stride


def noise(network: nn.Module, rows: int = 1, columns: int = 2) -> Tensor:
    """Frames of so many strides."""
    stride = stride_of(network)
    return torch.randn(2, CHANNELS, rows * stride, columns * stride, generator=torch.Generator().manual_seed(1))


def maps_of(network: nn.Module, frames: Tensor) -> tuple[Tensor, ...]:
    return network.forward_all(frames) if isinstance(network, Host) else (network(frames),)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_as_many_parameters_as_published_or_as_documented(name: str) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in NETWORKS[name](3).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", HOSTS)
def test_colour_frames_give_one_map(name: str) -> None:
    network = NETWORKS[name](3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 1, 32, 32)


def test_odd_multiples_of_the_stride_give_maps_of_the_same_size(network: nn.Module) -> None:
    frames = noise(network, 1, 3)[:1]
    with torch.no_grad():
        assert {logits.shape for logits in maps_of(network.eval(), frames)} == {frames.shape}


def test_gradients_reach_every_parameter(network: nn.Module) -> None:
    network.train().zero_grad()
    frames = noise(network)
    targets = (frames > 2).float()
    torch.stack([dptk_loss(logits, targets) for logits in maps_of(network, frames)]).mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if parameter.ndim == 4 and parameter.shape[-1] == 3:
            assert parameter.grad.any(), name


def test_a_frame_in_evaluation_gives_the_same_answer_twice_and_alone(network: nn.Module) -> None:
    frames = noise(network)
    with torch.no_grad():
        prediction, last, alone = network.eval()(frames), maps_of(network, frames)[-1], network(frames[:1])
    assert torch.equal(prediction, last)
    torch.testing.assert_close(alone, prediction[:1], rtol=1e-4, atol=1e-4)


def test_its_state_makes_another_network_answer_alike(network: nn.Module, request: pytest.FixtureRequest) -> None:
    frames, state = noise(network, 1, 1)[:1], network.state_dict()
    storages = Counter(tensor.untyped_storage().data_ptr() for tensor in state.values())
    assert max(storages.values()) == 1, "safetensors refuses tensors that share memory"
    other = NETWORKS[request.node.callspec.params["network"]](CHANNELS)
    with torch.no_grad():
        before = other.eval()(frames)
        other.load_state_dict(state)
        expected = network.eval()(frames)
        assert not torch.equal(before, expected)
        assert torch.equal(other(frames), expected)


@pytest.mark.parametrize("name", EXPORTED)
def test_it_can_be_exported(name: str) -> None:
    network = EXPORTED[name]().eval()
    frames = noise(network)
    with torch.no_grad():
        exported = torch.export.export(network, (frames,)).module()
        torch.testing.assert_close(exported(frames), network(frames), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PLUGGED)
def test_a_further_pass_costs_no_3x3_kernel(name: str) -> None:
    with torch.device("meta"):
        two, four = PLUGGED[name](2), PLUGGED[name](4)
    kernels = [
        {key: tuple(p.shape) for key, p in network.named_parameters() if p.shape[2:] == (3, 3) and "fuse" not in key}
        for network in (two, four)
    ]
    assert kernels[0] == kernels[1]
    assert len(list(four.parameters())) > len(list(two.parameters()))


@pytest.mark.parametrize("name", PLUGGED)
def test_every_shared_kernel_runs_once_a_pass_and_every_norm_once(name: str) -> None:
    network, passes = PLUGGED[name](3).eval(), 3
    blocks = [m for m in network.modules() if isinstance(m, RuCB | ReusableConv) and len(m.norms) == passes]
    inside = {module for block in blocks for module in block.modules()}
    kernels = {module for module in inside if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)}
    norms = {module for module in inside if isinstance(module, nn.BatchNorm2d)}
    runs: Counter[nn.Module] = Counter()
    for module in kernels | norms:
        module.register_forward_hook(lambda module, inputs, output: runs.update([module]))
    with torch.no_grad():
        network(noise(network, 1, 1))
    assert kernels
    assert {runs[kernel] for kernel in kernels} == {passes}
    assert {runs[norm] for norm in norms} == {1}


def test_batch_norm_shared_learns_from_all_passes() -> None:
    network = ABLATIONS["shared-norm"](CHANNELS).train()
    network(noise(network))
    norms = [m for m in network.encoders.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {int(norm.num_batches_tracked or 0) for norm in norms} == {3}
