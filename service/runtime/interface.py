"""What every engine gives for a model file, and the checks of the file: a card, one input and one output of frames."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from service.runtime.card import FORMAT, METADATA_KEY, Card
from service.runtime.choice import Engine

CPU: Final = "CPUExecutionProvider"  # as ONNX Runtime names the devices
CUDA: Final = "CUDAExecutionProvider"
OPENVINO: Final = "OpenVINO"  # on the CPU
FLOAT: Final = "tensor(float)"
LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
LARGE: Final = 2**20  # pixels; after a larger run on a CPU its memory is freed, since it would keep gigabytes
BATCH_PIXELS_CPU: Final = 2**20  # a pixel takes half a kilobyte while it runs


class ModelFault(Exception):
    """A model file or a device that cannot be used; the message says why and what to do."""


class ModelUnreadable(ModelFault):
    """The file was not read, so what is in it is not known."""


class Runs(Protocol):
    """Runs of one model."""

    def run(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Intensities ``[N, 1, H, W]`` -> probabilities ``[N, 1, H, W]``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A model file that an engine has opened.

    Attributes:
        runs: what runs it.
        card: of the file.
        engine: which engine it is.
        provider: the device, as the engine names it.
        precision: of the arithmetic: ``f32``, ``bf16`` or ``f16``.
        batch_pixels: most pixels of one run.
        at_once: frames that run at the same time; further ones of a run only wait for each other. None: all of them.
        needs_warm_up: the first runs of each shape are slow.
        settle: returns when networks that are being compiled are there.
    """

    runs: Runs
    card: Card
    engine: Engine
    provider: str
    precision: str
    batch_pixels: int
    at_once: int | None
    needs_warm_up: bool = False
    settle: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a model file; a free side of ``shape`` is no int."""

    name: str
    kind: str
    shape: Sequence[object]

    @property
    def is_frame_stack(self) -> bool:
        """Whether it is float32 ``[N, 1, H, W]`` with free N, H and W."""
        free = len(self.shape) == 4 and self.shape[1] == 1
        return self.kind == FLOAT and free and not any(isinstance(self.shape[axis], int) for axis in (0, 2, 3))

    def __str__(self) -> str:
        return f"{self.name} {self.kind} {self.shape}"


def parse_card(path: Path, text: str | None) -> Card:
    """The card of a model file; ``text`` is what its metadata hold under ``METADATA_KEY``.

    Raises:
        ModelFault: the file has no card, its format is newer than this server, or it cannot be read.
    """
    if text is None:
        raise ModelFault(
            f"{path} has no model card ({METADATA_KEY!r} in its metadata); make the file with rrcanet export"
        )
    try:
        fields: Any = json.loads(text)
        if isinstance(fields, dict) and isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
            raise ModelFault(
                f"the model card of {path} has format {fields['format']}, but this server reads format {FORMAT}; "
                "update rrcanet-serve"
            )
        return Card.model_validate(fields)
    except (ValueError, RecursionError) as error:  # not JSON, not a card, or nested too deeply
        raise ModelFault(f"the model card of {path} cannot be read: {error}") from error


def check_interface(path: Path, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> tuple[str, str]:
    """The names of the model's input and output.

    Raises:
        ModelFault: there is not exactly one of each, or one is not a stack of frames.
    """
    for what, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1 or not tensors[0].is_frame_stack:
            found = ", ".join(map(str, tensors))
            raise ModelFault(
                f"{path}: the {what} must be one float32 tensor [N, 1, H, W] with free N, H and W; it is {found}"
            )
    return inputs[0].name, outputs[0].name


def hint(content: bytes, message: str) -> str:
    """What to do about two kinds of incomplete files; empty for other faults."""
    if content.startswith(LFS_POINTER):
        return "the file is a pointer of Git LFS and not the model itself; run: git lfs pull. "
    if "external" in message.lower():
        return "its weights lie in another file (external data); save the model as one file. "
    return ""
