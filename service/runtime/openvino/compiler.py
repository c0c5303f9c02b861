"""Compiles a network for the CPU with OpenVINO: for any shape, or for one."""

import io
import logging
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import openvino as ov

from service.runtime.card import METADATA_KEY
from service.runtime.cpus import has_avx512, instructions
from service.runtime.interface import FLOAT, ModelFault, TensorInfo, check_interface, hint
from service.runtime.openvino.compiled import Compiled
from service.runtime.openvino.shapes import in_background
from service.runtime.openvino.store import Store

KINDS: Final = {"f32": FLOAT, "f64": "tensor(double)", "f16": "tensor(float16)"}  # as ONNX Runtime names them

logger = logging.getLogger(__name__)


class Compiler:
    """One network.

    Args:
        path: of the file, for messages.
        content: of the file.
        threads: of one run.
        pairs: whether layers with few channels run on pairs of pixels; None: if the CPU's vectors hold a pair.
    """

    def __init__(self, path: Path, content: bytes, threads: int, *, pairs: bool | None = None) -> None:
        self._path, self._content, self._threads = path, content, threads
        self._pairs = has_avx512() if pairs is None else pairs

    @cached_property
    def _model(self) -> ov.Model:
        """The network as the file has it. It is not read if all that is needed was stored: it takes 15 MB."""
        try:
            model = _core().read_model(self._content, b"")
        except Exception as error:  # OpenVINO raises RuntimeError for every fault
            fault = f"{hint(self._content, str(error))}{error}"
            raise ModelFault(f"OpenVINO cannot load {self._path}: {fault}") from error
        check_interface(self._path, *([_describe(port) for port in ports] for ports in (model.inputs, model.outputs)))
        return model

    @property
    def card_text(self) -> str | None:
        """What the metadata of the file hold as the card.

        Raises:
            ModelFault: OpenVINO cannot read the file, or the network is none of frames.
        """
        place = ["framework", METADATA_KEY]
        return str(self._model.get_rt_info(place).value) if self._model.has_rt_info(place) else None

    def compile(self, precision: str, store: Store | None, shape: tuple[int, int] | None, streams: int = 1) -> Compiled:
        """The network for frames of any shape, or of ``shape`` (height and width).

        Args:
            precision: ``f32`` or ``bf16``.
            store: where networks are kept; None to keep none.
            shape: None for any.
            streams: frames that run side by side; each uses its share of the threads.

        Raises:
            ModelFault: OpenVINO cannot read the file, or the network is none of frames.
            RuntimeError: OpenVINO cannot compile it.
        """
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # two services on one host would share the first core
        }
        key = f"{shape} {settings} {self._pairs}"
        if store is not None and (network := _load(store, key, settings)) is not None:
            return Compiled(network)
        network = self._compiled(shape, settings)
        compiled = Compiled(network)
        if store is not None:
            in_background(lambda: None if compiled.failed else _keep(store, key, network))
        return compiled

    def _compiled(self, shape: tuple[int, int] | None, settings: Mapping[str, Any]) -> ov.CompiledModel:
        if shape is None:
            return _core().compile_model(self._model, "CPU", settings)
        from service.runtime.openvino.pairs.rewrite import in_pairs, transposes  # a start compiles no shape

        model = self._model.clone()
        model.reshape({0: [1, 1, *shape]})
        paired = in_pairs(model) if self._pairs else model
        network = _core().compile_model(paired, "CPU", settings)
        if paired is not model and transposes(network):
            network = _core().compile_model(model, "CPU", settings)
        return network


def open_store(folder: Path, content: bytes) -> Store:
    """The store in this folder for the networks of a model file. They fit this kind of CPU and version of OpenVINO."""
    name = _core().get_property("CPU", "FULL_DEVICE_NAME")  # on virtual machines, CPUs of several kinds share one
    return Store(folder, content, f"{ov.get_version()} {name} {instructions()}")


def _load(store: Store, key: str, settings: dict[str, Any]) -> ov.CompiledModel | None:
    stored = store.find(key)
    if stored is None:
        return None
    try:
        return _core().import_model(stored, "CPU", settings)
    except RuntimeError as error:
        logger.warning("a network in ENGINE_CACHE cannot be used, so it is compiled again: %s", error)
        return None


def _keep(store: Store, key: str, network: ov.CompiledModel) -> None:
    exported = io.BytesIO()
    try:
        network.export_model(exported)
    except RuntimeError as error:
        logger.warning("a network cannot be kept in ENGINE_CACHE: %s", error)
    else:
        store.keep(key, exported.getvalue())


@cache
def _core() -> ov.Core:
    return ov.Core()


def _describe(port: Any) -> TensorInfo:
    sides = port.get_partial_shape()
    shape = [side.get_length() if side.is_static else "?" for side in sides] if sides.rank.is_static else ["?"]
    kind = port.get_element_type().get_type_name()
    return TensorInfo(port.get_any_name() if port.get_names() else "?", KINDS.get(kind, f"tensor({kind})"), shape)
