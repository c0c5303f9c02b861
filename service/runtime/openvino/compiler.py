"""Compiles a network for the CPU with OpenVINO: for any shape, or for one."""

import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

import openvino as ov

from service.runtime.card import METADATA_KEY
from service.runtime.interface import FLOAT, ModelFault, TensorInfo, hint
from service.runtime.openvino.compiled import Compiled

KINDS: Final = {"f32": FLOAT, "f64": "tensor(double)", "f16": "tensor(float16)"}  # as ONNX Runtime names them

logger = logging.getLogger(__name__)


class Compiler:
    """One network.

    Args:
        path: of the file, for messages.
        content: of the file.
        threads: of one run.

    Raises:
        ModelFault: OpenVINO cannot read the file.
    """

    def __init__(self, path: Path, content: bytes, threads: int) -> None:
        self._threads = threads
        try:
            self._model = _core().read_model(content, b"")
        except Exception as error:  # OpenVINO raises RuntimeError for every fault
            raise ModelFault(f"OpenVINO cannot load {path}: {hint(content, str(error))}{error}") from error

    @property
    def card_text(self) -> str | None:
        """What the metadata of the file hold as the card."""
        place = ["framework", METADATA_KEY]
        return str(self._model.get_rt_info(place).value) if self._model.has_rt_info(place) else None

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs of the network."""
        return [_describe(port) for port in self._model.inputs]

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs of the network."""
        return [_describe(port) for port in self._model.outputs]

    def compile(self, precision: str, cache: Path | None, shape: tuple[int, int] | None, streams: int = 1) -> Compiled:
        """The network for frames of any shape, or of ``shape`` (height and width).

        Args:
            precision: ``f32`` or ``bf16``.
            cache: folder where OpenVINO keeps what it compiles; None for no folder.
            shape: None for any.
            streams: frames that run side by side; each uses its share of the threads.

        Raises:
            RuntimeError: OpenVINO cannot compile it.
        """
        model = self._model
        if shape is not None:
            model = model.clone()
            model.reshape({0: [1, 1, *shape]})
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # two services on one host would share the first core
        }
        if cache is not None:
            try:
                return Compiled(_core().compile_model(model, "CPU", settings | {"CACHE_DIR": str(cache)}))
            except RuntimeError as error:  # a damaged file, or no place for another
                logger.warning("%s cannot be used, so it compiles again: %s", cache, error)
        return Compiled(_core().compile_model(model, "CPU", settings))


@cache
def _core() -> ov.Core:
    return ov.Core()


def _describe(port: Any) -> TensorInfo:
    sides = port.get_partial_shape()
    shape = [side.get_length() if side.is_static else "?" for side in sides] if sides.rank.is_static else ["?"]
    kind = port.get_element_type().get_type_name()
    return TensorInfo(port.get_any_name() if port.get_names() else "?", KINDS.get(kind, f"tensor({kind})"), shape)
