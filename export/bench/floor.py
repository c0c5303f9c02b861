"""The frame rate of a model file that the limits of this device allow at best."""

from collections.abc import Sequence
from dataclasses import dataclass

from export.bench.cases import Shape
from export.bench.ceilings import Ceilings, measure_ceilings
from service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Floor:
    """The work of one call in bytes and operations, and the highest frame rate that it allows."""

    bytes: int
    operations: int
    frames_per_second: float


def find_floors(runtime: Runtime, shapes: Sequence[Shape]) -> tuple[Ceilings, list[Floor]]:
    """Count the work of the file's graph, measure the device and compute the floor of each shape.

    Raises:
        ModuleNotFoundError: counting needs onnx and measuring CUDA needs torch; a serving install has neither.
    """
    import onnx

    from export.bench.roofline import count_work, least_seconds

    model = onnx.load(runtime.path)
    ceilings = measure_ceilings(runtime.provider, runtime.card.precision)
    floors = []
    for shape in shapes:
        groups = count_work(model, shape.batch, shape.height, shape.width)
        floors.append(
            Floor(
                bytes=sum(group.bytes for group in groups),
                operations=sum(group.operations for group in groups),
                frames_per_second=shape.batch / least_seconds(groups, ceilings),
            )
        )
    return ceilings, floors
