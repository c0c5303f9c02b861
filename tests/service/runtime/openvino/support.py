"""What these tests share: whether this CPU has bfloat16, and a wait for networks that are compiled meanwhile."""

from pathlib import Path

from service.runtime import Device, Engine, EngineChoice, Precision, Runtime
from service.runtime.openvino.runs import OpenVinoRuns
from service.runtime.openvino.shapes import Shape
from tests.support.waiting import wait_until

F32 = EngineChoice(Engine.OPENVINO, Precision.F32)


def open_runtime(path: Path, threads: int = 1, choice: EngineChoice = F32) -> Runtime:
    """The model on OpenVINO."""
    return Runtime(path, Device.CPU, threads, choice)


def shapes_of(runtime: Runtime) -> set[Shape]:
    """The shapes with a network of their own."""
    assert isinstance(runtime._runs, OpenVinoRuns)
    return set(runtime._runs._shapes._kept)


def wait_for(runtime: Runtime, shape: Shape) -> None:
    """Wait until the network for a shape is compiled."""
    wait_until(lambda: shape in shapes_of(runtime), f"{shape} is not compiled")
