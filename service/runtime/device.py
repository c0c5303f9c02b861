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

from service.runtime.driver import why_no_cuda, why_no_libraries
from service.runtime.fault import ModelFault
from service.runtime.interface import read_card

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
FALLS_BACK: Final = "fallback to CPU EP has been explicitly disabled"
CUDA_SETTINGS: Final = {
    "enable_cuda_graph": "1",
    "cudnn_conv_algo_search": "EXHAUSTIVE",  # with cuDNN 9 a word for its finer heuristics, mode B: nothing is timed
}
Providers = list[str | tuple[str, dict[str, str]]]

logger = logging.getLogger(__name__)


class Device(StrEnum):
    """Where a model may run."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


def open_session(path: Path, content: bytes, device: Device, threads: int) -> ort.InferenceSession:
    """A session that runs where ``device`` says.

    Raises:
        ModelFault: the file cannot be loaded, or the device is not there; says why and what to do.
    """
    reason = None if device is Device.CPU else missing_for_cuda()
    if device is Device.CPU or (reason and device is Device.AUTO):
        if reason:
            logger.warning("device auto: running on the CPU (%s); device=cuda refuses instead", reason)
        return _create(path, content, _options(threads), [CPU])
    if reason:
        raise ModelFault(f"device cuda: {reason}")
    settings = settings_for(path, content)  # pragma: cuda
    return open_on_cuda(path, content, threads, settings, strict=device is Device.CUDA)  # pragma: cuda


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


def open_on_cuda(
    path: Path, content: bytes, threads: int, settings: dict[str, str], strict: bool = True
) -> ort.InferenceSession:
    """A session on CUDA. Strict: every node there, or a refusal. Else what there is, said loudly.

    Args:
        settings: of the CUDA provider.

    Raises:
        ModelFault: why CUDA does not run this file.
    """
    options = _options(threads)
    providers: Providers = [(CUDA, settings), *([] if strict else [CPU])]
    if strict:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        # ONNX Runtime's own second try, on the CPU, would hide why the first one failed
        session = _create(path, content, options, providers, second_try=not strict)
    except ModelFault as fault:
        if FALLS_BACK not in str(fault):
            raise ModelFault(f"device cuda: ONNX Runtime cannot open {path} there: {fault.__cause__}") from fault
        raise ModelFault(
            f"device cuda: ONNX Runtime would run {path} on the CPU, in part or whole: a node has no CUDA kernel, or "
            "a library of CUDA does not load; its log says which"
        ) from fault
    if session.get_providers()[0] != CUDA:
        if strict:
            raise ModelFault("device cuda: ONNX Runtime fell back to the CPU; its log names the library it misses")
        logger.warning("device auto: ONNX Runtime fell back to the CPU, its log says why; device=cuda refuses instead")
    return session


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan for every size seen doubles the peak of large frames
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares these cores
    options.log_severity_level = 3
    return options


def _create(
    path: Path, content: bytes, options: ort.SessionOptions, providers: Providers, second_try: bool = False
) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(content, options, providers=providers, enable_fallback=int(second_try))
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
