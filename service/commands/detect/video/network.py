"""Runs the network on the frames of a video that wait, as many together as there are CPUs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.commands.detect.video.decoder import VideoFrame
from service.commands.detect.video.read_ahead import AHEAD, ReadAhead
from service.detection.detector import Detector, Prepared
from service.errors import ServiceError
from service.runtime.cpus import available_cpus
from service.tracking.camera import Shift

TOGETHER: Final = min(AHEAD, available_cpus())  # frames; with one thread a frame, threads do not wait for each other

Answer = NDArray[np.float32] | ServiceError


@dataclass(frozen=True, slots=True)
class Ready:
    """A frame that is ready for the network, or the fault that takes its place."""

    frame: VideoFrame
    prepared: Prepared | ServiceError
    counts: NDArray[Any] | None = None
    scene: Shift | None = None


def answers(detector: Detector, ahead: ReadAhead[Ready], most: int | None) -> Iterator[tuple[Ready, Answer]]:
    """Each frame with its probabilities ``[H, W]`` or its fault, in order.

    Args:
        detector: runs the network.
        ahead: the frames.
        most: the number of frames after which it ends; None reads all.
    """
    left = inf if most is None else most
    while left > 0 and (frames := ahead.take(int(min(TOGETHER, left)))):
        yield from zip(frames, _run(detector, [frame.prepared for frame in frames]), strict=True)
        left -= len(frames)


def _run(detector: Detector, frames: Sequence[Prepared | ServiceError]) -> Iterator[Answer]:
    good = [frame for frame in frames if isinstance(frame, Prepared)]
    found = iter(_infer(detector, good))
    return (next(found) if isinstance(frame, Prepared) else frame for frame in frames)


def _infer(detector: Detector, frames: Sequence[Prepared]) -> list[Answer]:
    """Run frames together; if that fails, each alone, so that a fault belongs to one frame."""
    try:
        return [*detector.infer_all(frames)]
    except ServiceError as fault:
        return [fault] if len(frames) == 1 else [answer for frame in frames for answer in _infer(detector, [frame])]
