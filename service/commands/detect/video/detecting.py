"""``rrcanet detect`` on one video, in three steps that run beside each other.

A thread decodes and prepares frames, another runs the network, and the first thread of the process finds targets and
writes results.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

from tqdm import tqdm

from service.commands.detect.sources import Source
from service.commands.detect.video.address import without_password
from service.commands.detect.video.decoder import VideoFault
from service.commands.detect.video.network import Answer, Ready, answers
from service.commands.detect.video.read_ahead import ReadAhead
from service.commands.detect.video.sources import Stream, VideoFile, VideoSource
from service.commands.detect.writers import Result, Writer
from service.commands.progress import progress
from service.detection.detector import Detector
from service.detection.options import Options
from service.errors import ServiceError
from service.tracking.camera import STILL, CameraMotion

StopStream = Callable[[], None]


@dataclass(frozen=True, slots=True)
class VideoRun:
    """How a video is detected.

    Attributes:
        detector: finds the targets.
        options: of the detection.
        track: whether the motion of the camera is needed.
        max_frames: the run ends after so many frames; None reads all.
    """

    detector: Detector
    options: Options
    track: bool = False
    max_frames: int | None = None


def detect_video(run: VideoRun, source: VideoSource, name: str, writer: Writer, stop: StopStream) -> int:
    """Write the result of every frame; returns the number of faults, each of which is named.

    A stream ends with Ctrl-C, which is no fault. A file that cannot be read to its end is one.
    """
    ahead = ReadAhead(_prepare(run, source), "decode", source.is_live, stop)
    answered = ReadAhead(answers(run.detector, ahead, run.max_frames), "network", on_close=ahead.close)
    bad = done = 0
    try:
        for ready, answer in progress(answered, source.total, "detecting", "frame", with_rate=True):
            done += 1
            bad += _write(run, ready, answer, name, writer)
    except VideoFault as fault:
        bad += 1
        tqdm.write(f"{name}: {fault}", file=sys.stderr)
    except KeyboardInterrupt:
        if not source.is_live:
            raise
        tqdm.write(f"{name}: stopped after {done} frames", file=sys.stderr)
    finally:
        answered.close()
        answered.join()  # the process must not end while the network runs
    if ahead.dropped:
        tqdm.write(f"{name}: {ahead.dropped} frames came faster than the device and were dropped", file=sys.stderr)
    return bad


def _prepare(run: VideoRun, source: VideoSource) -> Iterator[Ready]:
    motion, scene = CameraMotion() if run.track else None, STILL
    for frame in source.frames():
        if isinstance(frame.content, ServiceError):
            yield Ready(frame, frame.content)
            continue
        counts = frame.content.counts
        if motion is not None:
            scene = scene.plus(motion.follow(counts))
        try:
            yield Ready(frame, run.detector.prepare(frame.content, run.options), counts, scene)
        except ServiceError as fault:
            yield Ready(frame, fault)


def _write(run: VideoRun, ready: Ready, answer: Answer, name: str, writer: Writer) -> int:
    number = ready.frame.number
    try:
        if isinstance(ready.prepared, ServiceError):
            raise ready.prepared
        if isinstance(answer, ServiceError):
            raise answer
        detection = run.detector.finish(ready.prepared, answer, run.options)
    except ServiceError as fault:
        tqdm.write(f"{name}: frame {number}: {fault.detail}", file=sys.stderr)
        writer.add_fault(name, number, fault)
        return 1
    writer.add(Result(name, number, detection, ready.counts, ready.frame.time_s, is_video=True, scene=ready.scene))
    return 0


def detect_named(run: VideoRun, source: Source, stall_s: float, writer: Writer) -> int:
    """Open a video file or a stream and detect it; returns the number of faults."""
    stop = Event()
    try:
        video = _open(source, stall_s, stop)
    except VideoFault as fault:
        tqdm.write(f"{source.path}: {fault}", file=sys.stderr)
        return 1
    return detect_video(run, video, source.name, writer, stop.set)


def _open(source: Source, stall_s: float, stop: Event) -> VideoSource:
    if source.stream is None:
        return VideoFile(str(source.path), source.name)
    return Stream(source.stream, source.name, without_password(source.stream), stall_s, stop)
