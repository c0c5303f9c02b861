"""The card of a network that was trained elsewhere: stride and golden frame are measured by running it."""

import base64
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image

from export.onnx.any_network import FREE_AXES, NetworkFault
from export.onnx.card import write_model
from export.onnx.cuda_check import CudaCheckFault, check_cuda
from export.onnx.golden import TOLERANCES, golden_frame
from service.runtime import Device, ModelFault, Runtime
from service.runtime.card import UNCALIBRATED, Card, CudaGate, GoldenCheck

STRIDES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
SIZES: Final = ((2, 1, 3), (1, 3, 2))  # frames; rows and columns in strides
BLACK: Final = Image.new("L", (1, 1))


def write_any_model(path: Path, network: onnx.ModelProto, fields: dict[str, Any], stride: int | None) -> Card:
    """Write a servable network with its card into one file.

    Args:
        path: the file to write.
        network: takes intensities and gives probabilities, see ``any_network.servable``.
        fields: the fields of the card but ``calibration``, ``stride``, ``golden`` and ``cuda_gate``.
        stride: sides of frames are multiples of it. By default, the smallest one with which the network runs.

    Raises:
        NetworkFault: the network does not run, or its output is no map of probabilities.
    """
    provisional = GoldenCheck(frame=_png(BLACK), probabilities=_png(BLACK), tolerance=0)
    card = Card(**fields, calibration=UNCALIBRATED, stride=stride or 1, golden=provisional)
    write_model(path, network, card)
    try:
        runtime = Runtime(path, Device.CPU)
        found = _stride(runtime, [stride] if stride else list(STRIDES))
        card = card.model_copy(update={"stride": found, "golden": _golden(runtime, found)})
        write_model(path, network, card)
        Runtime(path, Device.CPU).check_golden()
    except ModelFault as fault:
        raise NetworkFault(str(fault)) from fault
    card = card.model_copy(update={"cuda_gate": _cuda_gate(path)})
    write_model(path, network, card)
    return card


def _stride(runtime: Runtime, candidates: list[int]) -> int:
    """The first stride with which frames of two sizes give maps of their size."""
    reason = ""
    for stride in candidates:
        try:
            for frames, rows, columns in SIZES:
                shape = (frames, 1, rows * stride, columns * stride)
                answer = runtime.probabilities(np.full(shape, 90, np.float32))
                if answer.shape != shape:
                    raise NetworkFault(f"frames {list(shape)} give maps {list(answer.shape)}")
        except Exception as error:  # ONNX Runtime has an exception type for every status code
            reason = str(error)
        else:
            return stride
    tried = ", ".join(map(str, candidates))
    raise NetworkFault(
        f"the network gives no map of the size of its input for sides that are multiples of {tried} ({reason}); "
        f"{FREE_AXES}, and let the network enlarge its map to the size of the frame"
    )


def _golden(runtime: Runtime, stride: int) -> GoldenCheck:
    frame = golden_frame(stride)
    answer = runtime.probabilities(frame.astype(np.float32)[None, None])[0, 0]
    if not np.isfinite(answer).all():
        raise NetworkFault("the network answers NaN or infinity: check --mean and --std")
    if answer.min() < 0 or answer.max() > 1:
        raise NetworkFault(
            f"the output lies between {answer.min():.3g} and {answer.max():.3g}, but probabilities are 0 to 1: if they "
            "are logits, add --logits"
        )
    levels = np.rint(answer * 65535).astype(np.uint16)
    return GoldenCheck(frame=_png(frame), probabilities=_png(levels), tolerance=TOLERANCES["fp32"])


def _cuda_gate(path: Path) -> CudaGate:
    """The check that the file has passed. A network that CUDA may not run whole is served all the same."""
    try:
        return check_cuda(path)
    except CudaCheckFault:
        return "none"


def _png(pixels: NDArray[np.generic] | Image.Image) -> str:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
