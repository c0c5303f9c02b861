"""Ways to run the network: each takes intensities in host memory and leaves probabilities in host memory."""

import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.gpu.models import Models
from export.bench.cases import Shape
from export.onnx.graph import INPUT, OUTPUT, Precision, ServedNetwork
from model.network.checkpoint import Checkpoint
from model.network.normalisation import Normalisation
from service.runtime import CPU, CUDA, Device, ModelFault, Runtime

Frames = NDArray[np.float32]
Answer = Callable[[Frames], object]
Prepare = Callable[[Shape], Answer]

SERVICE: Final = "the service's runtime"
PLAIN: Final = "ONNX Runtime, no settings"
EAGER: Final = "PyTorch eager"
CAPTURED: Final = "PyTorch, channels last, CUDA graph"
COMPILED: Final = "torch.compile, CUDA graph"
WARM_UP: Final = 3  # runs before a capture, so that libraries have chosen their kernels
COMPILED_SIZE: Final = "256x256"  # compilation takes about a minute a shape


def contenders(models: Models, precision: Precision, device: Device, shape: Shape) -> dict[str, Prepare]:
    """By name, what prepares each way for frames of one shape. CUDA graphs and compiled kernels are for CUDA alone."""
    model, cuda = models.files[precision], device is Device.CUDA
    found: dict[str, Prepare] = {
        SERVICE: lambda _: Runtime(model, device).probabilities,
        PLAIN: lambda _: plain_session(model, CUDA if cuda else CPU),
        EAGER: lambda _: eager(models.load(), precision, device),
    }
    if cuda:
        found[CAPTURED] = lambda shape: captured(network(models.load(), precision), shape)
    if cuda and shape.size == COMPILED_SIZE:
        found[COMPILED] = lambda shape: captured(network(models.load(), precision), shape, compiled=True)
    return found


class Half(nn.Module):
    """The served network in float16, from float32 intensities to float32 probabilities."""

    def __init__(self, trained: Checkpoint) -> None:
        super().__init__()
        self._network = trained.network.half()
        self._normalised = Normalisation(trained.record.mean, trained.record.std, trained.network.in_channels)

    def forward(self, intensities: Tensor) -> Tensor:
        return torch.sigmoid(self._network(self._normalised(intensities).half()).float())


def network(trained: Checkpoint, precision: Precision) -> nn.Module:
    """Intensities to probabilities, in evaluation mode."""
    return (Half(trained) if precision == "fp16" else ServedNetwork(trained)).eval()


def eager(trained: Checkpoint, precision: Precision, device: Device) -> Answer:
    """Operation by operation, NCHW, PyTorch's own settings: as the authors of the paper run it."""
    served = network(trained, precision).to(device.value)

    @torch.no_grad()
    def answer(intensities: Frames) -> object:
        return served(torch.from_numpy(intensities).to(device.value)).cpu()

    return answer


def captured(served: nn.Module, shape: Shape, compiled: bool = False) -> Answer:  # pragma: cuda
    """One CUDA graph of the whole network, channels last, with buffers that stay at their addresses."""
    served.cuda().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its types leave modules out
    run: Callable[[Tensor], Tensor] = torch.compile(served, dynamic=False) if compiled else served
    given = torch.zeros(shape.batch, 1, shape.height, shape.width, device="cuda")
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.no_grad(), torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run(given)
        gc.collect()  # an old graph that is freed during a capture breaks the capture
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
    """A session with nothing set, except that it never runs on the CPU in place of CUDA.

    Raises:
        ModelFault: this build of ONNX Runtime has no such provider.
    """
    session = ort.InferenceSession(str(model), providers=[provider], enable_fallback=0)
    if session.get_providers()[0] != provider:
        raise ModelFault(f"ONNX Runtime has no {provider}")
    return lambda intensities: session.run([OUTPUT], {INPUT: intensities})


def give_memory_back() -> None:
    """Free what no object holds any more, PyTorch's cache of the device's memory included."""
    gc.collect()
    if torch.cuda.is_available():  # pragma: cuda
        with suppress(RuntimeError):  # the device may be lost
            torch.cuda.empty_cache()
