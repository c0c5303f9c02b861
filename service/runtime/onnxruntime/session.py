"""Opens a session on the device that the operator asked for, or refuses."""

from pathlib import Path
from typing import Final

import onnxruntime as ort

from service.runtime.card import METADATA_KEY, Card
from service.runtime.choice import Device
from service.runtime.interface import CPU, CUDA, ModelFault, hint, parse_card
from service.runtime.onnxruntime.cuda_runs import CUDA_LOCK
from service.runtime.onnxruntime.driver import missing_for_cuda, warn_of_cpu

FALLS_BACK: Final = "fallback to CPU EP has been explicitly disabled"
CUDA_SETTINGS: Final = {
    "enable_cuda_graph": "1",
    "cudnn_conv_algo_search": "EXHAUSTIVE",  # with cuDNN 9 this selects heuristic mode B and times nothing
}
Providers = list[str | tuple[str, dict[str, str]]]


class NoCudaError(ModelFault):
    """CUDA cannot run a model file; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"device cuda: {reason}")
        self.reason = reason


def open_session(path: Path, content: bytes, device: Device, threads: int) -> ort.InferenceSession:
    """Open a session on ``device``. With ``auto``, the CPU is used if CUDA cannot be, and a warning is logged.

    Raises:
        ModelFault: the file cannot be loaded, or the device is missing; the message says why and what to do.
    """
    if device is not Device.CPU:
        try:
            return _open_where_cuda_is(path, content, threads)
        except NoCudaError as fault:
            if device is Device.CUDA:
                raise
            warn_of_cpu(fault.reason)
    return _create(path, content, _options(threads), [CPU])


def _open_where_cuda_is(path: Path, content: bytes, threads: int) -> ort.InferenceSession:
    reason = missing_for_cuda()
    if reason:
        raise NoCudaError(reason)
    return open_on_cuda(path, content, threads, settings_for(path, content))  # pragma: cuda


def read_card(path: Path, session: ort.InferenceSession) -> Card:
    """The card in the metadata of a model file.

    Raises:
        ModelFault: as ``parse_card``.
    """
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except UnicodeDecodeError as error:
        raise ModelFault(f"the model card of {path} cannot be read: {error}") from error
    return parse_card(path, text)


def settings_for(path: Path, content: bytes) -> dict[str, str]:
    """Settings of the CUDA provider for a model file.

    A float32 file must give the same answers as on the CPU, so TF32 is off: it rounds like float16. A float16 file has
    no float32 convolutions, but ONNX Runtime uses the tensor cores for convolutions only if TF32 is on.

    Raises:
        ModelFault: the file cannot be loaded, or it has no card that names its precision.
    """
    options = _options(threads=1)
    # only the card is read, so the graph is not optimised; this takes a tenth of a second
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    card = read_card(path, _create(path, content, options, [CPU]))
    return CUDA_SETTINGS | {"use_tf32": "1" if card.precision == "fp16" else "0"}


def open_on_cuda(path: Path, content: bytes, threads: int, settings: dict[str, str]) -> ort.InferenceSession:
    """Open a session that runs every node on CUDA.

    Args:
        path: of the file, for messages.
        content: of the file.
        threads: CPU threads of the session.
        settings: of the CUDA provider.

    Raises:
        NoCudaError: CUDA cannot run this file, or not every node of it.
    """
    options = _options(threads)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        with CUDA_LOCK:
            session = _create(path, content, options, [(CUDA, settings)])
    except ModelFault as fault:
        if FALLS_BACK not in str(fault):
            raise NoCudaError(f"ONNX Runtime cannot open {path} on CUDA: {fault.__cause__}") from fault
        raise NoCudaError(
            f"ONNX Runtime would run {path} partly or fully on the CPU: a node has no CUDA kernel, or a CUDA library "
            "does not load; the log of ONNX Runtime says which"
        ) from fault
    if session.get_providers()[0] != CUDA:
        raise NoCudaError("ONNX Runtime uses the CPU instead; its log names the missing library")
    return session


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a memory plan for each size would double the peak memory of large frames
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding needs the same cores
    options.log_severity_level = 3
    return options


def _create(path: Path, content: bytes, options: ort.SessionOptions, providers: Providers) -> ort.InferenceSession:
    try:
        # no fallback: ONNX Runtime would try again on the CPU and hide why the first attempt failed
        return ort.InferenceSession(content, options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime has an exception type for every status code
        raise ModelFault(f"ONNX Runtime cannot load {path}: {hint(content, str(error))}{error}") from error
