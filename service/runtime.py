"""The ONNX Runtime session: which device it is really on, and whether it answers as PyTorch did."""

import base64
import hashlib
import io
import json
import logging
import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # its own builds report to Microsoft unless told not to
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from service.card import FORMAT, METADATA_KEY, Card
from service.cpus import available_cpus
from service.errors import Reason, ServiceError

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
OUT_OF_MEMORY: Final = ("Failed to allocate memory", "bad_alloc", "out of memory")

LARGE: Final = 2**20  # pixels of a run after which the arena is given back: it would keep gigabytes
SHRINK: Final = ort.RunOptions()
SHRINK.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

logger = logging.getLogger(__name__)


class Device(StrEnum):
    """Where a model may run."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


class ModelFault(Exception):
    """A model file or a device that cannot be served from, and what to do about it."""


class Runtime:
    """One model file, loaded.

    Args:
        path: an ``.onnx`` file with a card.
        device: ``cuda`` refuses to run anywhere else; ``auto`` takes CUDA where it works and says which it took.
        threads: CPU threads of one inference; all that this process may use by default.

    Raises:
        ModelFault: no such file, not ONNX, no card or one of a newer format, or the device is not there.
    """

    def __init__(self, path: Path, device: Device = Device.AUTO, threads: int | None = None) -> None:
        if not path.is_file():
            raise ModelFault(f"no model file {path}")
        content = path.read_bytes()
        self.path = path
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._session = _open(path, content, device, threads or available_cpus())
        self.card = _read_card(path, self._session)
        self.provider = str(self._session.get_providers()[0])
        self._input, self._output = _check_interface(path, self._session)
        logger.info("model %s (%s) runs on %s", self.card.name, path.name, self.provider)

    def probabilities(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[N, 1, H, W]`` intensities 0..255, sides multiples of the stride -> ``[N, 1, H, W]`` in 0..1."""
        try:
            answer: NDArray[np.float32] = self._session.run(
                [self._output], {self._input: intensities}, SHRINK if intensities.size > LARGE else None
            )[0]
        except Exception as error:  # ONNX Runtime has an exception type for every status code
            if not any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise
            detail = f"no memory for frames of {intensities.shape[3]}x{intensities.shape[2]} pixels"
            raise ServiceError(Reason.OUT_OF_MEMORY, detail, retry_after_s=1) from error
        return answer

    def check_golden(self) -> None:
        """Run the card's own frame and compare with what PyTorch answered.

        Raises:
            ModelFault: by how much the answers differ.
        """
        golden = self.card.golden
        try:
            frame = _decode_png(golden.frame).astype(np.float32)
            expected = _decode_png(golden.probabilities).astype(np.float32) / 65535
            answer = self.probabilities(frame[None, None])[0, 0]
        except Exception as error:  # a damaged picture, or whatever the graph makes of its size
            raise ModelFault(f"{self.path} cannot answer its golden frame: {error}") from error
        difference = float(np.abs(answer - expected).max()) if answer.shape == expected.shape else np.inf
        if not difference <= golden.tolerance:  # NaN is a difference too
            raise ModelFault(
                f"{self.path} on {self.provider} answers its golden frame differently: by {difference:.2g}, "
                f"allowed are {golden.tolerance:.2g}"
            )


def _open(path: Path, content: bytes, device: Device, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan for every size seen doubles the peak of large frames
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares these cores
    options.log_severity_level = 3
    if device is not Device.CPU and _cuda_is_there():  # pragma: cuda
        return _create(path, content, options, [CUDA, CPU], strict=device is Device.CUDA)
    if device is Device.CUDA:
        raise ModelFault(
            "device cuda: ONNX Runtime sees no CUDA device; needed are an NVIDIA driver for CUDA 13, the GPU build "
            "(pip install 'rrcanet-serve[gpu]', without the extra cpu beside it) and, in Docker, --gpus all"
        )
    session = _create(path, content, options, [CPU], strict=False)
    if device is Device.AUTO:
        logger.warning("device auto: no CUDA device, running on the CPU; device=cuda refuses instead")
    return session


def _create(
    path: Path, content: bytes, options: ort.SessionOptions, providers: list[str], strict: bool
) -> ort.InferenceSession:
    try:
        session = ort.InferenceSession(content, options, providers=providers)
    except Exception as error:  # ONNX Runtime has an exception type for every status code
        raise ModelFault(f"{path} is no model that ONNX Runtime can load: {error}") from error
    if strict and session.get_providers()[0] != CUDA:  # pragma: cuda
        raise ModelFault("device cuda: ONNX Runtime fell back to the CPU; its log names the library it misses")
    return session


def _cuda_is_there() -> bool:
    """The truth about devices; ``get_available_providers`` only tells what the build could do."""
    if CUDA not in ort.get_available_providers():
        return False
    ort.preload_dlls(directory="")  # pragma: cuda
    return any(device.ep_name == CUDA for device in ort.get_ep_devices())  # pragma: cuda


def _read_card(path: Path, session: ort.InferenceSession) -> Card:
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelFault(f"{path} has no card ({METADATA_KEY!r} in its metadata); make it with: rrcanet export")
        fields: Any = json.loads(text)
        if isinstance(fields, dict) and isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
            raise ModelFault(
                f"{path} has a card of format {fields['format']}, this server reads {FORMAT}; update rrcanet-serve"
            )
        return Card.model_validate(fields)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not a card, or nested without end
        raise ModelFault(f"{path} has a card that cannot be read: {error}") from error


def _check_interface(path: Path, session: ort.InferenceSession) -> tuple[str, str]:
    """Names of input and output."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    for what, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1 or tensors[0].type != "tensor(float)" or not _is_frame_stack(tensors[0].shape):
            found = ", ".join(f"{t.name} {t.type} {t.shape}" for t in tensors)
            raise ModelFault(f"{path}: {what} must be one float32 [N, 1, H, W], any N, H and W; it is {found}")
    return inputs[0].name, outputs[0].name


def _is_frame_stack(shape: list[Any]) -> bool:
    return len(shape) == 4 and shape[1] == 1 and not any(isinstance(shape[axis], int) for axis in (0, 2, 3))


def _decode_png(encoded: str) -> NDArray[np.generic]:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        return np.asarray(image)
