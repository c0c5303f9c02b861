"""Ways to run the network, all from intensities on the host to probabilities on the host."""

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.gpu.pinned import PinnedRuns
from benchmarks.gpu.speeds import CAPTURED, EAGER, OURS, PLAIN
from export.bench.cases import Shape
from export.onnx.graph import INPUT, OUTPUT, Precision, ServedNetwork
from model.network.checkpoint import load_checkpoint
from model.network.normalisation import Normalisation
from service.runtime import CPU, CUDA, Device, ModelFault, Runtime
from service.runtime.cpus import available_cpus
from service.runtime.cuda_runs import CudaRuns
from service.runtime.device import open_on_cuda, settings_for

Frames = NDArray[np.float32]
Answer = Callable[[Frames], object]
VARIANTS: Final = {
    "NHWC preferred": {"prefer_nhwc": "1"},  # the layout that tensor cores read
    "NHWC preferred, biases within convolutions": {"prefer_nhwc": "1", "fuse_conv_bias": "1"},
    "cuDNN's heuristics A": {"cudnn_conv_algo_search": "HEURISTIC"},  # ours are B: finer, and longer to ask
    "no CUDA graph": {"enable_cuda_graph": "0"},
    "TF32": {"use_tf32": "1"},  # ours already where the file is float16
}
WARM_UP: Final = 3  # runs before a capture, so that libraries have chosen their kernels


def contenders(
    checkpoint: Path, model: Path, precision: Precision, device: Device, compile_network: bool
) -> dict[str, Callable[[Shape], Answer]]:
    """By name, what prepares each for frames of one shape. CUDA graphs are for CUDA alone.

    Args:
        model: the checkpoint, exported in this precision.
        compile_network: add PyTorch with fused kernels, which takes a minute a shape.
    """
    cuda = device is Device.CUDA
    found: dict[str, Callable[[Shape], Answer]] = {
        EAGER: lambda _: eager(checkpoint, precision, device),
        PLAIN: lambda _: plain_session(model, CUDA if cuda else CPU),
        OURS: lambda _: Runtime(model, device).probabilities,
    }
    if cuda:
        found[CAPTURED] = lambda shape: captured(checkpoint, precision, shape, False)
    if cuda and compile_network:
        found["PyTorch, compiled, CUDA graph"] = lambda shape: captured(checkpoint, precision, shape, True)
    return found


def variants(model: Path, device: Device) -> dict[str, Callable[[Shape], Answer]]:
    """Our settings on CUDA for a model file with one thing changed, by name."""
    if device is not Device.CUDA:
        return {}
    ours = settings_for(model, model.read_bytes())
    found: dict[str, Callable[[Shape], Answer]] = {
        f"ours, {name}": partial(bound_session, model, ours | changed, CudaRuns)
        for name, changed in VARIANTS.items()
        if ours | changed != ours
    }
    return found | {"ours, page-locked copies": partial(bound_session, model, ours, PinnedRuns)}


class Half(nn.Module):
    """The served network in float16, from float32 intensities to float32 probabilities."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        trained = load_checkpoint(checkpoint)
        self._network = trained.network.half()
        self._normalised = Normalisation(trained.record.mean, trained.record.std, trained.network.in_channels)

    def forward(self, intensities: Tensor) -> Tensor:
        return torch.sigmoid(self._network(self._normalised(intensities).half()).float())


def network(checkpoint: Path, precision: Precision) -> nn.Module:
    """Intensities to probabilities, in evaluation mode."""
    return (Half(checkpoint) if precision == "fp16" else ServedNetwork(load_checkpoint(checkpoint))).eval()


def eager(checkpoint: Path, precision: Precision, device: Device) -> Answer:
    """Operation by operation, NCHW, PyTorch's own settings."""
    served = network(checkpoint, precision).to(device.value)

    @torch.no_grad()
    def answer(intensities: Frames) -> object:
        return served(torch.from_numpy(intensities).to(device.value)).cpu()

    return answer


def captured(checkpoint: Path, precision: Precision, shape: Shape, compile_network: bool) -> Answer:  # pragma: cuda
    """One CUDA graph of the whole network, channels last, with buffers that never move."""
    served = network(checkpoint, precision).cuda()
    served.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its types leave modules out
    run: Callable[[Tensor], Tensor] = torch.compile(served) if compile_network else served
    given = torch.zeros(shape.batch, 1, shape.height, shape.width, device="cuda")
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.no_grad(), torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run(given)
        gc.collect()  # a dead graph that is freed in the middle of a capture ends it
        with torch.cuda.graph(graph, stream=stream):
            found = run(given)
    host = torch.empty(found.shape, pin_memory=True)

    def answer(intensities: Frames) -> object:
        with torch.cuda.stream(stream):
            given.copy_(torch.from_numpy(intensities))
            graph.replay()
            host.copy_(found, non_blocking=True)
            stream.synchronize()
        return host

    return answer


def plain_session(model: Path, provider: str) -> Answer:
    """A session with nothing set, but never on the CPU in CUDA's name, neither now nor when a run fails."""
    session = ort.InferenceSession(str(model), providers=[provider], enable_fallback=0)
    if session.get_providers()[0] != provider:
        raise ModelFault(f"ONNX Runtime has no {provider}")
    return lambda intensities: session.run([OUTPUT], {INPUT: intensities})


def bound_session(model: Path, settings: dict[str, str], runs: type[CudaRuns], _: Shape) -> Answer:  # pragma: cuda
    """As the service runs it, with these settings of the CUDA provider and these copies."""
    session = open_on_cuda(model, model.read_bytes(), available_cpus(), settings)
    return runs(session, INPUT, OUTPUT).run


def release() -> None:
    """Give memory back before the next are prepared."""
    if torch.cuda.is_available():  # pragma: cuda
        with suppress(RuntimeError):  # nothing runs any more, see alive.py
            torch.cuda.empty_cache()


def free_memory(device: Device) -> float:
    """Bytes; the CPU's are not counted."""
    return torch.cuda.mem_get_info()[0] if device is Device.CUDA else inf


def device_name(device: Device) -> str:
    """As the driver has it."""
    return torch.cuda.get_device_name() if device is Device.CUDA else "CPU"


def versions() -> Iterator[str]:
    """What was measured with."""
    yield f"PyTorch {torch.__version__}"
    yield f"ONNX Runtime {ort.__version__}"
