"""Everything between a request's bytes and its answer, free of HTTP: admitted, decoded, batched, described."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.admission import Admission, Pass
from service.answer import MaskEncoding, describe_detection, describe_fault, describe_model
from service.batching import Done, Queue, Worker
from service.cpus import available_cpus
from service.detector import Detection, Detector, Options, Prepared
from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, RawLayout, decode, undecodable
from service.masks import encode_png
from service.runtime import DeviceLost
from service.settings import Settings
from service.telemetry import Telemetry

FRAME_FAULTS: Final = (Reason.UNDECODABLE_FRAME, Reason.UNSUPPORTED_MEDIA_TYPE)
TOLD: Final = 5  # faults of many that an answer names

T = TypeVar("T")
A = TypeVar("A", covariant=True)
Key = tuple[Detector, tuple[int, ...]]
Tensor = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """One body, or one part of a multipart body; ``raw`` describes rows without a header."""

    content: bytes
    media_type: str | None
    name: str | None
    raw: RawLayout | None


@dataclass(slots=True)
class Timing:
    """Milliseconds of each stage, as the answer tells them."""

    began: float = field(default_factory=time.monotonic)
    stages: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, seconds: float) -> None:
        """Account for a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + 1e3 * seconds

    def finish(self) -> None:
        """The whole so far."""
        self.stages["total"] = 1e3 * (time.monotonic() - self.began)


@dataclass(frozen=True, slots=True)
class Order:
    """What a request wants, besides its frames."""

    detector: Detector
    options: Options
    mask: MaskEncoding
    deadline: float


@dataclass(frozen=True, slots=True)
class Ready:
    """A decoded frame, and what the network takes of it."""

    frame: Frame
    prepared: Prepared


class TensorWork(Protocol[A]):
    """A request whose frames came as tensors, once it is read."""

    @property
    def order(self) -> Order: ...

    @property
    def ready(self) -> Sequence[Ready]: ...

    def answer(self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]]) -> A:
        """What to send, of ``[H, W]`` of each frame; ``detect`` finds targets in them."""


@dataclass(frozen=True, slots=True)
class _Bad:
    """What stands in place of a frame that cannot be read."""

    name: str | None
    fault: ServiceError


class Engine:
    """The stages and the threads they run in: one for the device, one a CPU for all else.

    Args:
        on_device_lost: told why, in the device's thread, when no run will succeed any more.
    """

    def __init__(
        self, settings: Settings, telemetry: Telemetry, on_device_lost: Callable[[str], object] = lambda _: None
    ) -> None:
        self._settings, self._telemetry, self._on_device_lost = settings, telemetry, on_device_lost
        self.admission = Admission(settings.queue_size, time.monotonic)
        self._pool = ThreadPoolExecutor(available_cpus(), "frames")
        queue: Queue[Key, Tensor, Tensor] = Queue(settings.max_batch, lambda key: key[0].runtime.batch_pixels)
        self._worker: Worker[Key, Tensor, Tensor] = Worker(
            self._run, queue, time.monotonic, telemetry.batch_frames.observe
        )

    def close(self) -> None:
        """Finish what was accepted."""
        self._worker.close()
        self._pool.shutdown()

    async def answer_json(self, parts: Sequence[Part], order: Order, places: Pass, timing: Timing) -> bytes:
        """The contract's JSON.

        Raises:
            ServiceError: a limit, the deadline, or no frame can be read.
        """
        entries = await self._read(parts, order, places, timing)
        ready = _readable(entries)
        answers = await self._infer(ready, order, timing)
        began = time.monotonic()

        def finish() -> bytes:
            frames = _describe(entries, self._finish(ready, _join(ready, answers), order), order.mask)
            self._record(timing, "postprocess", time.monotonic() - began)
            return _render(order.detector, frames, timing)

        return await asyncio.get_running_loop().run_in_executor(self._pool, finish)

    async def answer_mask(self, parts: Sequence[Part], order: Order, places: Pass, timing: Timing) -> bytes:
        """The mask of the only frame, PNG.

        Raises:
            ServiceError: as ``answer_json``, or ``not_acceptable`` for several frames.
        """
        entries = await self._read(parts, order, places, timing)
        if len(entries) != 1:
            raise ServiceError(
                Reason.NOT_ACCEPTABLE, f"image/png carries one mask, the request has {len(entries)} frames"
            )
        ready = _readable(entries)
        answers = await self._infer(ready, order, timing)

        def finish() -> bytes:
            return encode_png(self._finish(ready, _join(ready, answers), order)[0].found.mask)

        image = await self._in_pool(timing, "postprocess", finish)
        timing.finish()
        return image

    async def answer_tensors(self, read: Callable[[Budget], TensorWork[T]], places: Pass, timing: Timing) -> T:
        """What an API for tensors makes of its frames; ``read`` runs off the event loop.

        Raises:
            ServiceError: what ``read`` raises, a limit or the deadline.
        """
        work = await self._in_pool(timing, "decode", lambda: read(self._budget()))
        self._telemetry.frames.labels("ok").inc(len(work.ready))
        places.hold(len(work.ready))
        answers = await self._infer(work.ready, work.order, timing)

        def finish() -> T:
            probabilities = _join(work.ready, answers)
            return work.answer(probabilities, lambda: self._finish(work.ready, probabilities, work.order))

        answer = await self._in_pool(timing, "postprocess", finish)
        timing.finish()
        return answer

    async def _read(self, parts: Sequence[Part], order: Order, places: Pass, timing: Timing) -> list[Ready | _Bad]:
        """Entries in the order of the request, at least one of them readable."""
        entries = await self._in_pool(timing, "decode", lambda: _decode(parts, order, self._budget()))
        ready = _readable(entries)
        self._telemetry.frames.labels("ok").inc(len(ready))
        self._telemetry.frames.labels("error").inc(len(entries) - len(ready))
        if not ready:
            raise _nothing_decoded(entries)
        places.hold(len(ready))
        return entries

    async def _infer(self, ready: Sequence[Ready], order: Order, timing: Timing) -> list[list[Tensor]]:
        """Probabilities of each frame's inputs."""
        entered = time.monotonic()
        waiting = [
            asyncio.wrap_future(
                self._worker.submit((order.detector, tensor.shape), tensor, tensor.size, order.deadline)
            )
            for one in ready
            for tensor in one.prepared.inputs
        ]
        done = await _all_by(order.deadline, waiting)
        if done:
            began, ended = min(one.began for one in done), max(one.ended for one in done)
            self._record(timing, "queue", began - entered)
            self._record(timing, "inference", ended - began)
        answers = (one.result for one in done)
        return [list(islice(answers, len(one.prepared.inputs))) for one in ready]

    def _run(self, key: Key, tensors: Sequence[Tensor]) -> Iterable[Tensor]:
        """One batch of one model and one size."""
        stack = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        try:
            return key[0].runtime.probabilities(stack)
        except DeviceLost as lost:
            self._on_device_lost(str(lost))
            raise ServiceError(Reason.NOT_READY, "the device is lost; this process ends", retry_after_s=1) from lost

    def _budget(self) -> Budget:
        return Budget(self._settings.max_frames, self._settings.max_pixels)

    async def _in_pool(self, timing: Timing, stage: str, work: Callable[[], T]) -> T:
        """Run off the event loop; the time counts from now, waiting for a thread included."""
        began = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._record(timing, stage, time.monotonic() - began)

    def _record(self, timing: Timing, stage: str, seconds: float) -> None:
        timing.add(stage, seconds)
        self._telemetry.stages[stage].observe(seconds)

    def _finish(self, ready: Sequence[Ready], probabilities: Sequence[Tensor], order: Order) -> list[Detection]:
        found = [
            order.detector.finish(one.frame, one.prepared, answer, order.options)
            for one, answer in zip(ready, probabilities, strict=True)
        ]
        for target in (target for detection in found for target in detection.found.targets):
            self._telemetry.targets.inc()
            self._telemetry.target_confidence.observe(target.confidence)
        return found


def _readable(entries: Sequence[Ready | _Bad]) -> list[Ready]:
    return [entry for entry in entries if isinstance(entry, Ready)]


def _join(ready: Sequence[Ready], answers: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Probabilities ``[H, W]`` of each frame."""
    return [one.prepared.join(parts, one.frame) for one, parts in zip(ready, answers, strict=True)]


def _decode(parts: Sequence[Part], order: Order, budget: Budget) -> list[Ready | _Bad]:
    """Every frame of every part. What cannot be read stands in its place; a limit fails the whole."""
    entries: list[Ready | _Bad] = []
    for part in parts:
        for frame in _decode_part(part, budget):
            if isinstance(frame, ServiceError):
                entries.append(_Bad(part.name, frame))
            else:
                entries.append(Ready(frame, order.detector.prepare(frame, order.options)))
    return entries


def _decode_part(part: Part, budget: Budget) -> list[Frame | ServiceError]:
    try:
        return decode(part.content, part.media_type, budget, name=part.name, raw=part.raw)
    except ServiceError as fault:
        if fault.reason in FRAME_FAULTS:
            return [fault]
        raise


def _nothing_decoded(entries: Sequence[Ready | _Bad]) -> ServiceError:
    """What a request is told of which no frame could be read."""
    faults = [entry for entry in entries if isinstance(entry, _Bad)]
    if len(faults) == 1:
        return faults[0].fault
    details = "; ".join(f"frame {index}: {bad.fault.detail}" for index, bad in enumerate(faults[:TOLD]))
    return undecodable(f"none of {len(faults)} frames could be read: {details}")


async def _all_by(deadline: float, waiting: Sequence[asyncio.Future[Done[Tensor]]]) -> list[Done[Tensor]]:
    """All results; what still waits at the deadline, or when one fails, is cancelled and frees its place."""
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await asyncio.gather(*waiting)
    except TimeoutError as error:
        raise ServiceError(Reason.DEADLINE_EXCEEDED, "the deadline passed before every frame was answered") from error
    finally:
        for future in waiting:
            future.cancel()


def _describe(entries: Sequence[Ready | _Bad], found: Iterable[Detection], mask: MaskEncoding) -> list[dict[str, Any]]:
    """The ``frames`` of the answer, in the order of the request."""
    detections = iter(found)
    return [
        describe_fault(index, entry.name, entry.fault)
        if isinstance(entry, _Bad)
        else describe_detection(index, next(detections), mask)
        for index, entry in enumerate(entries)
    ]


def _render(detector: Detector, frames: list[dict[str, Any]], timing: Timing) -> bytes:
    timing.finish()
    answer = {
        "model": describe_model(detector),
        "frames": frames,
        "timing_ms": {stage: round(milliseconds, 3) for stage, milliseconds in timing.stages.items()},
    }
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
