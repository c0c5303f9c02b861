"""Detects in the files of one task. Files are decoded in threads beside the model; a fault becomes a row."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from distributed.job import Job
from distributed.rows import Row, fault_row, row_of
from distributed.store import File
from service.commands.detect.reading import frames_of
from service.detection.detector import Prepared
from service.frames import Frame
from service.models.repository import load_detector
from service.runtime import DeviceLost


class Read(NamedTuple):
    """A frame of a file, or why it could not be read."""

    path: str
    page: int
    frame: Frame | BaseException


class Ready(NamedTuple):
    """A frame as the network takes it, or what went wrong before."""

    read: Read
    prepared: Prepared | BaseException


class Worker:
    """One loaded model.

    Raises:
        ModelFault: the model cannot be used here.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._detector = load_detector(job.model, job.device, job.threads, job.engine)
        self._decoders = ThreadPoolExecutor(job.decoders, "decode")

    def rows(self, files: Sequence[File]) -> list[Row]:
        """The rows of all frames of these files, in order.

        Raises:
            DeviceLost: no run will succeed any more.
        """
        decoded = self._decoders.map(self._read, files)
        frames = (self._prepare(read) for reads in decoded for read in reads)
        return [row for chunk in self._chunks(frames) for row in self._answer(chunk)]

    def _read(self, file: File) -> list[Read]:
        job = self._job
        try:
            frames: Sequence[Frame | BaseException] = frames_of(
                lambda: job.store.read(file), file.path, job.raw, job.reading
            )
        except Exception as fault:  # a fault of a decoder must not end the job
            frames = [fault]
        return [Read(file.path, page, frame) for page, frame in enumerate(frames)]

    def _prepare(self, read: Read) -> Ready:
        if isinstance(read.frame, BaseException):
            return Ready(read, read.frame)
        try:
            return Ready(read, self._detector.prepare(read.frame, self._job.options))
        except Exception as fault:
            return Ready(read, fault)

    def _chunks(self, frames: Iterable[Ready]) -> Iterator[list[Ready]]:
        """As many frames as run together."""
        chunk: list[Ready] = []
        pixels = 0
        for one in frames:
            chunk.append(one)
            pixels += 0 if isinstance(one.prepared, BaseException) else sum(part.size for part in one.prepared.inputs)
            if pixels >= self._detector.runtime.batch_pixels:
                yield chunk
                chunk, pixels = [], 0
        yield chunk

    def _answer(self, chunk: Sequence[Ready]) -> Iterator[Row]:
        answers = iter(self._infer([one.prepared for one in chunk if isinstance(one.prepared, Prepared)]))
        for read, prepared in chunk:
            yield self._row(read, prepared, prepared if isinstance(prepared, BaseException) else next(answers))

    def _infer(self, frames: Sequence[Prepared]) -> list[NDArray[np.float32] | BaseException]:
        """Run frames together. If that fails, each half runs alone, so that a bad frame fails alone."""
        try:
            return [*self._detector.infer_all(frames)]
        except DeviceLost:
            raise
        except Exception as fault:
            if len(frames) == 1:
                return [fault]
        middle = len(frames) // 2
        return self._infer(frames[:middle]) + self._infer(frames[middle:])

    def _row(self, read: Read, prepared: Prepared | BaseException, answer: NDArray[np.float32] | BaseException) -> Row:
        if isinstance(prepared, BaseException) or isinstance(answer, BaseException):
            fault = prepared if isinstance(prepared, BaseException) else answer
            assert isinstance(fault, BaseException)
            return fault_row(self._job, read.path, read.page, fault)
        try:
            detection = self._detector.finish(prepared, answer, self._job.options)
        except Exception as fault:
            return fault_row(self._job, read.path, read.page, fault)
        return row_of(self._job, read.path, read.page, detection)
