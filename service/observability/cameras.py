"""Metrics of what each camera shows. Requests may name their camera; the number of names is bounded."""

import re
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Summary

from service.detection.detector import Detection

HEADER: Final = "X-Camera-Id"
MOST_CAMERAS: Final = 64
UNNAMED: Final = "unnamed"  # all frames of requests that name no camera
OTHER: Final = "other"  # cameras beyond the most, and names that are no names
NAME: Final = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
LABEL: Final = ("camera",)


class Camera:
    """The metrics of one camera."""

    def __init__(self, counters: Sequence[Counter], summaries: Sequence[Summary], name: str) -> None:
        self._frames, self._targets, self._empty = (counter.labels(name) for counter in counters)
        self._confidence, self._scr, self._range, self._low = (summary.labels(name) for summary in summaries)

    def observe(self, detections: Sequence[Detection]) -> None:
        """Count frames and what was found in them."""
        for detection in detections:
            targets = detection.found.targets
            self._frames.inc()
            self._targets.inc(len(targets))
            self._empty.inc(not targets)
            self._range.observe(detection.span.high - detection.span.low)
            self._low.observe(max(0.0, detection.span.low))  # sums that fall look like a restart
            for target in targets:
                self._confidence.observe(target.confidence)
                if target.signal is not None and target.signal.scr is not None:
                    self._scr.observe(target.signal.scr)


class Cameras:
    """The first cameras that are named have series of their own until the process ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = (
            Counter("rrcanet_camera_frames", "Frames of a camera.", LABEL, registry=registry),
            Counter("rrcanet_camera_targets", "Targets in frames of a camera.", LABEL, registry=registry),
            Counter("rrcanet_camera_empty_frames", "Frames of a camera without targets.", LABEL, registry=registry),
        )
        self._summaries = (
            Summary("rrcanet_camera_confidence", "Confidence of targets.", LABEL, registry=registry),
            Summary("rrcanet_camera_contrast", "Signal-to-clutter ratio of targets.", LABEL, registry=registry),
            Summary("rrcanet_camera_range_counts", "Counts between both ends of the range.", LABEL, registry=registry),
            Summary("rrcanet_camera_low_counts", "Lower end of the range.", LABEL, registry=registry),
        )
        self._known = {name: Camera(self._counters, self._summaries, name) for name in (UNNAMED, OTHER)}
        self._most = MOST_CAMERAS + len(self._known)

    def observe(self, name: str, detections: Sequence[Detection]) -> None:
        """Count frames of a camera, in any thread."""
        camera = self._known.get(name)
        if camera is None:
            camera = self._known[OTHER]
            if len(self._known) < self._most and NAME.fullmatch(name):
                camera = self._known[name] = Camera(self._counters, self._summaries, name)
        camera.observe(detections)
