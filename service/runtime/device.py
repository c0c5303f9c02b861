"""The device policy: a session is where the operator wants it, or there is none."""

import logging
import os
from contextlib import redirect_stdout
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Final

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # its own builds report to Microsoft unless told not to
import onnxruntime as ort

from service.runtime.cuda_runs import CUDA_LOCK
from service.runtime.driver import why_no_cuda, why_no_libraries
from service.runtime.interface import ModelFault, read_card

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
FALLS_BACK: Final = "fallback to CPU EP has been explicitly disabled"
CUDA_SETTINGS: Final = {
    "enable_cuda_graph": "1",
    "cudnn_conv_algo_search": "EXHAUSTIVE",  # with cuDNN 9 a word for its finer heuristics, mode B: nothing is timed
}
Providers = list[str | tuple[str, dict[str, str]]]

logger = logging.getLogger(__name__)


class NoCudaError(ModelFault):
    """CUDA does not run a file, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"device cuda: {reason}")
        self.reason = reason


class Device(StrEnum):
    """Where a model may run."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


def open_session(path: Path, content: bytes, device: Device, threads: int) -> ort.InferenceSession:
    """A session that runs where ``device`` says; with ``auto`` on the CPU where CUDA cannot be had, and says so.

    Raises:
        ModelFault: the file cannot be loaded, or the device is not there; says why and what to do.
    """
    if device is not Device.CPU:
        try:
            return _open_where_cuda_is(path, content, threads)
        except NoCudaError as fault:
            if device is Device.CUDA:
                raise
            logger.warning("device auto: running on the CPU (%s); device=cuda refuses instead", fault.reason)
    return _create(path, content, _options(threads), [CPU])


def _open_where_cuda_is(path: Path, content: bytes, threads: int) -> ort.InferenceSession:
    reason = missing_for_cuda()
    if reason:
        raise NoCudaError(reason)
    return open_on_cuda(path, content, threads, settings_for(path, content))  # pragma: cuda


def settings_for(path: Path, content: bytes) -> dict[str, str]:
    """Settings of the CUDA provider for a model file.

    A float32 file has to answer as it did on the CPU: TF32 rounds as float16 does. A float16 file has no float32
    convolution to round, but without TF32 ONNX Runtime keeps convolutions of any type off the tensor cores.

    Raises:
        ModelFault: the file cannot be loaded, or has no card that tells its precision.
    """
    options = _options(threads=1)
    # the file is only read: a tenth of a second
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    card = read_card(path, _create(path, content, options, [CPU]))
    return CUDA_SETTINGS | {"use_tf32": "1" if card.precision == "fp16" else "0"}


def open_on_cuda(path: Path, content: bytes, threads: int, settings: dict[str, str]) -> ort.InferenceSession:
    """A session on CUDA with every node there, or a refusal.

    Args:
        settings: of the CUDA provider.

    Raises:
        NoCudaError: why CUDA does not run this file.
    """
    options = _options(threads)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        with CUDA_LOCK:
            session = _create(path, content, options, [(CUDA, settings)])
    except ModelFault as fault:
        if FALLS_BACK not in str(fault):
            raise NoCudaError(f"ONNX Runtime cannot open {path} there: {fault.__cause__}") from fault
        raise NoCudaError(
            f"ONNX Runtime would run {path} on the CPU, in part or whole: a node has no CUDA kernel, or a library of "
            "CUDA does not load; its log says which"
        ) from fault
    if session.get_providers()[0] != CUDA:
        raise NoCudaError("ONNX Runtime fell back to the CPU; its log names the library it misses")
    return session


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan for every size seen doubles the peak of large frames
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares these cores
    options.log_severity_level = 3
    return options


def _create(path: Path, content: bytes, options: ort.SessionOptions, providers: Providers) -> ort.InferenceSession:
    try:
        # without ONNX Runtime's own second try on the CPU, which would hide why the first one failed
        return ort.InferenceSession(content, options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime has an exception type for every status code
        raise ModelFault(f"{path} is no model that ONNX Runtime can load: {error}") from error


def missing_for_cuda() -> str | None:
    """What is missing, None if nothing is.

    ``get_available_providers`` only tells what the build could do, and ``get_ep_devices`` overlooks GPUs in containers
    and virtual machines (microsoft/onnxruntime#27806): the driver is asked.
    """
    missing = why_no_cuda(built=CUDA in ort.get_available_providers())
    return missing or why_no_libraries(_load_libraries())


def _load_libraries() -> str:
    """Load CUDA's libraries from where pip puts them; what ONNX Runtime prints of it, which is no output of ours."""
    with redirect_stdout(StringIO()) as said:
        ort.preload_dlls(directory="")
    return said.getvalue()
