"""The frames a second that this device's own limits allow a model file."""

from collections.abc import Sequence
from dataclasses import dataclass

from export.bench.cases import Shape
from export.bench.ceilings import Ceilings, measure_ceilings
from service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Floor:
    """Of one call: the bytes and operations of all groups, and the frames a second that they allow."""

    bytes: int
    operations: int
    frames_per_second: float


def find_floors(runtime: Runtime, shapes: Sequence[Shape]) -> tuple[Ceilings, list[Floor]]:
    """Count the work of the file's graph, measure the device, and divide.

    Raises:
        ModuleNotFoundError: counting needs onnx, measuring CUDA needs torch; the serving install has neither.
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
