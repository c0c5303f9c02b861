"""Bodies and parts of bodies: frames' bytes in, the contract's JSON or one mask out."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.detection.description import MaskEncoding, describe_detection, describe_fault, describe_model
from service.detection.detector import Detection, Prepared
from service.detection.masks import encode_png
from service.engine.request import Plan, Tensor
from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, RawLayout, decode, undecodable
from service.observability.timing import Timing

FRAME_FAULTS: Final = (Reason.UNDECODABLE_FRAME, Reason.UNSUPPORTED_MEDIA_TYPE)
TOLD: Final = 5  # faults of many that an answer names


@dataclass(frozen=True, slots=True)
class Part:
    """One body, or one part of a multipart body; ``raw`` describes rows without a header."""

    content: bytes
    media_type: str | None
    name: str | None
    raw: RawLayout | None


@dataclass(frozen=True, slots=True)
class Bad:
    """What stands in place of a frame that cannot be read."""

    name: str | None
    fault: ServiceError


Entry = Prepared | Bad


def read_entries(parts: list[Part], plan: Plan, budget: Budget) -> list[Entry]:
    """Every frame of every part. A fault stands in the place of a frame that cannot be read.

    ``parts`` is emptied on the way, so that nothing keeps the body in memory.

    Raises:
        ServiceError: a limit, which fails the whole.
    """
    entries: list[Entry] = []
    while parts:
        part = parts.pop(0)
        for frame in _decode_part(part, budget):
            if isinstance(frame, ServiceError):
                entries.append(Bad(part.name, frame))
            else:
                entries.append(plan.detector.prepare(frame, plan.options))
    return entries


@dataclass(frozen=True, slots=True)
class FramesWork(ABC):
    """Frames as they came, in the order of the request."""

    plan: Plan
    entries: Sequence[Entry]

    @property
    def ready(self) -> list[Prepared]:
        return [entry for entry in self.entries if isinstance(entry, Prepared)]

    @property
    def unreadable(self) -> int:
        return len(self.entries) - len(self.ready)

    def answer(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], timing: Timing
    ) -> bytes:
        """As ``Work.answer``.

        Raises:
            ServiceError: none of the frames could be read.
        """
        if not probabilities:
            raise _nothing_decoded([entry for entry in self.entries if isinstance(entry, Bad)])
        return self._write(detect(), timing)

    @abstractmethod
    def _write(self, detections: Sequence[Detection], timing: Timing) -> bytes: ...


@dataclass(frozen=True, slots=True)
class JsonWork(FramesWork):
    """Answered with the contract's JSON."""

    mask: MaskEncoding

    def _write(self, detections: Sequence[Detection], timing: Timing) -> bytes:
        found = iter(detections)
        frames: list[dict[str, Any]] = [
            describe_fault(index, entry.name, entry.fault)
            if isinstance(entry, Bad)
            else describe_detection(index, next(found), self.mask)
            for index, entry in enumerate(self.entries)
        ]
        answer = {
            "model": describe_model(self.plan.detector),
            "frames": frames,
            "timing_ms": {stage: round(milliseconds, 3) for stage, milliseconds in timing.finish().items()},
        }
        return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class MaskWork(FramesWork):
    """Answered with the mask of the only frame, PNG."""

    def _write(self, detections: Sequence[Detection], timing: Timing) -> bytes:
        (detection,) = detections
        return encode_png(detection.found.mask)


def read_json_work(parts: list[Part], plan: Plan, mask: MaskEncoding, budget: Budget) -> JsonWork:
    """Frames to be answered with JSON.

    Raises:
        ServiceError: as ``read_entries``.
    """
    return JsonWork(plan, read_entries(parts, plan, budget), mask)


def read_mask_work(parts: list[Part], plan: Plan, budget: Budget) -> MaskWork:
    """A frame to be answered with its mask.

    Raises:
        ServiceError: as ``read_entries``, or ``not_acceptable`` for several frames.
    """
    work = MaskWork(plan, read_entries(parts, plan, budget))
    if len(work.entries) != 1:
        detail = f"image/png carries one mask, the request has {len(work.entries)} frames"
        raise ServiceError(Reason.NOT_ACCEPTABLE, detail)
    return work


def _decode_part(part: Part, budget: Budget) -> list[Frame | ServiceError]:
    try:
        return decode(part.content, part.media_type, budget, name=part.name, raw=part.raw)
    except ServiceError as fault:
        if fault.reason in FRAME_FAULTS:
            return [fault.bare()]
        raise


def _nothing_decoded(faults: Sequence[Bad]) -> ServiceError:
    """What a request is told of which no frame could be read."""
    if len(faults) == 1:
        return faults[0].fault.bare()
    details = "; ".join(f"frame {index}: {bad.fault.detail}" for index, bad in enumerate(faults[:TOLD]))
    return undecodable(f"none of {len(faults)} frames could be read: {details}")
