"""Bodies and parts of bodies: frames' bytes in, the contract's JSON or one mask out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from service.api.detect.query import DetectQuery, MediaType
from service.detection.description import (
    MaskEncoding,
    PreviewEncoding,
    describe_detection,
    describe_fault,
    describe_model,
    describe_preview,
    encode_png,
)
from service.detection.detector import Detection, Prepared
from service.engine.work import Plan, Tensor, Work
from service.errors import Reason, ServiceError
from service.frames import AS_STORED, RAW_TYPE, Budget, Frame, RawLayout, Reading, decode, undecodable
from service.observability.timing import Timing

FRAME_FAULTS: Final = (Reason.UNDECODABLE_FRAME, Reason.UNSUPPORTED_MEDIA_TYPE)
RAW_HINT: Final = f"width, height and dtype are given: raw rows also need the header Content-Type: {RAW_TYPE}"
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


def read_entries(
    parts: list[Part], plan: Plan, budget: Budget, reading: Reading = AS_STORED, raw: RawLayout | None = None
) -> list[Entry]:
    """Every frame of every part. A fault stands in the place of a frame that cannot be read.

    ``parts`` is emptied on the way, so that nothing keeps the body in memory. ``raw`` is the layout that the query
    gives, whether or not a part has the media type of raw rows.

    Raises:
        ServiceError: a limit, which fails the whole.
    """
    entries: list[Entry] = []
    while parts:
        part = parts.pop(0)
        for frame in _decode_part(part, budget, reading, raw):
            if isinstance(frame, ServiceError):
                entries.append(Bad(part.name, frame))
            else:
                entries.append(plan.detector.prepare(frame, plan.options))
    return entries


def read_single(
    parts: list[Part], plan: Plan, most_pixels: int, reading: Reading, raw: RawLayout | None = None
) -> Entry:
    """The only frame of a body.

    Raises:
        ServiceError: a limit; or ``too_many_frames``.
    """
    try:
        (entry,) = read_entries(parts, plan, Budget(1, most_pixels), reading, raw)
    except ServiceError as fault:
        if fault.reason is not Reason.TOO_MANY_FRAMES:
            raise
        raise ServiceError(fault.reason, "more than one frame is given where one is expected") from None
    return entry


def read_work(parts: list[Part], plan: Plan, media_type: MediaType, query: DetectQuery, budget: Budget) -> Work[bytes]:
    """The frames of a request, to be answered with JSON or with the mask of the only frame.

    Raises:
        ServiceError: as ``read_entries``, or ``not_acceptable`` if several frames should be answered with one mask.
    """
    entries = read_entries(parts, plan, budget, query.reading, query.raw)
    if media_type is MediaType.MASK and len(entries) != 1:
        detail = f"image/png carries one mask, the request has {len(entries)} frames"
        raise ServiceError(Reason.NOT_ACCEPTABLE, detail)
    ready = [entry for entry in entries if isinstance(entry, Prepared)]
    encoding = None if media_type is MediaType.MASK else query.mask
    return Work(plan, ready, len(entries) - len(ready), partial(write_answer, plan, entries, encoding, query.preview))


def write_answer(
    plan: Plan,
    entries: Sequence[Entry],
    encoding: MaskEncoding | None,
    preview: PreviewEncoding,
    probabilities: Sequence[Tensor],
    detect: Callable[[], Sequence[Detection]],
    timing: Timing,
) -> bytes:
    """The contract's JSON with masks of this encoding, or, for None, the PNG mask of the only frame.

    Each frame of the JSON also has what the network saw, if ``preview`` names an encoding.

    Raises:
        ServiceError: none of the frames could be read.
    """
    if not probabilities:
        raise nothing_decoded([entry for entry in entries if isinstance(entry, Bad)])
    detections = iter(detect())
    if encoding is None:
        return encode_png(next(detections).found.mask)
    frames = [
        describe_entry(index, entry, None if isinstance(entry, Bad) else next(detections), encoding, preview)
        for index, entry in enumerate(entries)
    ]
    answer = {
        "model": describe_model(plan.detector),
        "frames": frames,
        "timing_ms": {stage: round(milliseconds, 3) for stage, milliseconds in timing.finish().items()},
    }
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def describe_entry(
    index: int, entry: Entry, detection: Detection | None, mask: MaskEncoding, preview: PreviewEncoding
) -> dict[str, Any]:
    """What an answer says of one frame; ``detection`` is None for a frame that could not be read."""
    if isinstance(entry, Bad):
        return describe_fault(index, entry.name, entry.fault)
    assert detection is not None
    described = describe_detection(index, detection, mask)
    if preview is not PreviewEncoding.NONE:
        described["preview"] = describe_preview(entry)
    return described


def _decode_part(part: Part, budget: Budget, reading: Reading, raw: RawLayout | None) -> list[Frame | ServiceError]:
    try:
        return decode(part.content, part.media_type, budget, name=part.name, raw=part.raw, reading=reading)
    except ServiceError as fault:
        if fault.reason is Reason.UNSUPPORTED_MEDIA_TYPE and raw is not None:
            return [ServiceError(fault.reason, f"{fault.detail}; {RAW_HINT}")]
        if fault.reason in FRAME_FAULTS:
            return [fault.bare()]
        raise


def nothing_decoded(faults: Sequence[Bad]) -> ServiceError:
    """The error of a request of which no frame could be read."""
    if len(faults) == 1:
        return faults[0].fault.bare()
    details = "; ".join(f"frame {index}: {bad.fault.detail}" for index, bad in enumerate(faults[:TOLD]))
    return undecodable(f"none of {len(faults)} frames could be read: {details}")
