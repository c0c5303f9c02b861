"""Opens a model file with ONNX Runtime: on CUDA, or on the CPU."""

from pathlib import Path
from typing import Final

import onnxruntime as ort

from service.runtime.card import Card
from service.runtime.choice import Device, Engine
from service.runtime.interface import BATCH_PIXELS_CPU, CUDA, Opened, TensorInfo, check_interface
from service.runtime.onnxruntime.cpu_runs import CpuRuns
from service.runtime.onnxruntime.cuda_runs import CudaRuns
from service.runtime.onnxruntime.session import open_session, read_card

BATCH_PIXELS_CUDA: Final = 2**24


def open_model(path: Path, content: bytes, device: Device, threads: int) -> Opened:
    """Open the file on the device.

    Args:
        path: of the file, for messages.
        content: of the file.
        device: where it may run.
        threads: CPU threads of one inference.

    Raises:
        ModelFault: the file cannot be served, or the device is not there.
    """
    session = open_session(path, content, device, threads)
    card = read_card(path, session)
    names = check_interface(path, _described(session.get_inputs()), _described(session.get_outputs()))
    provider = str(session.get_providers()[0])
    if provider == CUDA:  # pragma: cuda
        return _opened(CudaRuns(session, *names), card, provider, None)
    single = open_session(path, content, Device.CPU, 1) if threads > 1 else session
    return _opened(CpuRuns(session, single, threads, *names), card, provider, threads)


def _opened(runs: CpuRuns | CudaRuns, card: Card, provider: str, at_once: int | None) -> Opened:
    """On CUDA the first runs of a shape choose kernels and capture graphs."""
    on_cuda = isinstance(runs, CudaRuns)
    pixels = BATCH_PIXELS_CUDA if on_cuda else BATCH_PIXELS_CPU
    precision = "f16" if card.precision == "fp16" else "f32"
    return Opened(runs, card, Engine.ONNXRUNTIME, provider, precision, pixels, at_once, needs_warm_up=on_cuda)


def _described(tensors: list[ort.NodeArg]) -> list[TensorInfo]:
    return [TensorInfo(tensor.name, tensor.type, tensor.shape) for tensor in tensors]
