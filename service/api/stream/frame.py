"""One frame of a stream: a message's bytes in, the frame's entry out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.api.detect.work import Bad, Entry, Part, describe_entry, read_single
from service.api.stream.query import StreamQuery
from service.detection.description import describe_fault, describe_model
from service.detection.detector import Detection, Prepared
from service.detection.targets import Target
from service.engine.work import Plan, Tensor, Work
from service.errors import ServiceError
from service.frames import RAW_TYPE, Budget
from service.observability.timing import Timing


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """What is found in one frame.

    Attributes:
        entry: as it is sent.
        targets: of the entry, in the same order; None if the frame has a fault.
        counts: ``[H, W]`` of the frame, if tracks need them.
    """

    entry: dict[str, Any]
    targets: Sequence[Target] | None = None
    counts: NDArray[np.generic] | None = None


def read_frame(
    index: int, parts: list[Part], plan: Plan, query: StreamQuery, most_pixels: int, _: Budget
) -> Work[FrameAnswer]:
    """The frame of one message, to be answered with its entry.

    Raises:
        ServiceError: a limit; or ``too_many_frames``, because a message carries one frame.
    """
    entry = read_single(parts, plan, most_pixels, query.reading, query.raw)
    ready = [entry] if isinstance(entry, Prepared) else []
    return Work(plan, ready, 1 - len(ready), partial(_describe, index, entry, plan, query))


def message_part(content: bytes, query: StreamQuery) -> Part:
    """A message as a body without a name. It is raw rows if the query describes them and no file begins like it."""
    return Part(content, RAW_TYPE, None, query.raw)


def describe_unanswered(index: int, fault: ServiceError, timing: Timing) -> FrameAnswer:
    """The answer to a frame that has no targets because of a fault."""
    return FrameAnswer(describe_fault(index, None, fault) | {"timing_ms": describe_timing(timing)})


def describe_timing(timing: Timing) -> dict[str, float]:
    """Milliseconds of the stages; the first call ends the frame."""
    return {stage: round(milliseconds, 3) for stage, milliseconds in timing.finish().items()}


def _describe(
    index: int,
    entry: Entry,
    plan: Plan,
    query: StreamQuery,
    _: Sequence[Tensor],
    detect: Callable[[], Sequence[Detection]],
    timing: Timing,
) -> FrameAnswer:
    if isinstance(entry, Bad):
        raise entry.fault
    (detection,) = detect()
    described = describe_entry(index, entry, detection, query.mask, query.preview)
    described |= {"model": describe_model(plan.detector), "timing_ms": describe_timing(timing)}
    return FrameAnswer(described, detection.found.targets, entry.counts if query.track else None)
