"""What an operator asks for: the device, the engine that runs models there, and its precision."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from service.extras import how_to_install
from service.runtime.cpus import has_bf16


class Device(StrEnum):
    """Where a model may run."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


class Engine(StrEnum):
    """The library that runs models. CUDA is always run by ONNX Runtime."""

    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


class Precision(StrEnum):
    """The precision of the arithmetic on a CPU. ``auto`` is bf16 where the CPU has it and the card allows it."""

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and its precision; ``cache`` is a folder for compiled models, None for no cache."""

    engine: Engine = Engine.ONNXRUNTIME
    precision: Precision = Precision.F32
    cache: Path | None = None

    def candidates(self, device: Device) -> Iterator["EngineChoice"]:
        """What to try, in this order, until a model answers its golden frame; always one at least."""
        only_openvino = self.engine is Engine.OPENVINO or self.precision is Precision.BF16
        if only_openvino or (self.engine is Engine.AUTO and device is not Device.CUDA and installed()):
            yield replace(self, engine=Engine.OPENVINO)
            if self.precision is Precision.AUTO:
                yield replace(self, engine=Engine.OPENVINO, precision=Precision.F32)
        if not only_openvino:
            yield replace(self, engine=Engine.ONNXRUNTIME, precision=Precision.F32)


REFERENCE: Final = EngineChoice()  # what others are compared with


def installed() -> bool:
    """Whether OpenVINO is installed; it is not imported."""
    return find_spec("openvino") is not None


def why_not(engine: Engine, precision: Precision, device: Device) -> str | None:
    """Why a choice cannot be had on this machine, and what to do; None if it can."""
    needs_openvino = engine is Engine.OPENVINO or precision is Precision.BF16
    if not needs_openvino:
        return None
    if engine is Engine.ONNXRUNTIME:
        return "bf16 needs the engine openvino: ONNX Runtime computes in float32 on a CPU"
    if device is Device.CUDA:
        return "the engine openvino and bf16 are for CPUs: use the device cpu, or leave both at auto"
    if not installed():
        return f"needs the package openvino, which the extra openvino brings: {how_to_install('openvino')}"
    if precision is Precision.BF16 and not has_bf16():
        return "bf16 needs a CPU with AVX512_BF16 or AMX, and this one has neither: use f32, or auto"
    return None
