"""Metrics of what each camera shows. Requests may name their camera; the number of names is bounded."""

import re
from collections.abc import Iterable, Sequence
from operator import add
from threading import Lock
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from service.detection.detector import Detection

HEADER: Final = "X-Camera-Id"
MOST_CAMERAS: Final = 64
UNNAMED: Final = "unnamed"  # frames of requests that name no camera, and of routes that take no name
OTHER: Final = "other"  # cameras after the first MOST_CAMERAS, and names that are not valid
NAME: Final = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
LABEL: Final = ("camera",)
# kind, name, text, and the fields of Seen: the value of a counter, or count and sum of a summary
FAMILIES: Final = (
    (CounterMetricFamily, "frames", "Frames of a camera.", ("frames",)),
    (CounterMetricFamily, "targets", "Targets in frames of a camera.", ("targets",)),
    (CounterMetricFamily, "empty_frames", "Frames of a camera without targets.", ("empty",)),
    (SummaryMetricFamily, "confidence", "Confidence of targets.", ("targets", "confidence")),
    (SummaryMetricFamily, "contrast", "Signal-to-clutter ratio of targets.", ("contrasts", "contrast")),
    (SummaryMetricFamily, "range_counts", "Counts between both ends of the range.", ("frames", "width")),
    (SummaryMetricFamily, "low_counts", "Lower end of the range.", ("frames", "low")),
)


class Seen(NamedTuple):
    """What some frames of a camera show, added up.

    Attributes:
        confidence: of all targets.
        contrast: the signal-to-clutter ratios of the targets that have one.
        contrasts: how many have one.
        width, low: width and lower end of the ranges, in counts.
    """

    frames: int = 0
    empty: int = 0
    targets: int = 0
    confidence: float = 0.0
    contrasts: int = 0
    contrast: float = 0.0
    width: float = 0.0
    low: float = 0.0

    def plus(self, other: "Seen") -> "Seen":
        """The sums of both."""
        return Seen(*map(add, self, other))


def add_up(detections: Sequence[Detection]) -> Seen:
    """What these frames show."""
    targets = [target for detection in detections for target in detection.found.targets]
    signals = [target.signal for target in targets if target.signal is not None]
    contrasts = [signal.scr for signal in signals if signal.scr is not None]
    spans = [detection.span for detection in detections]
    return Seen(
        frames=len(detections),
        empty=sum(not detection.found.targets for detection in detections),
        targets=len(targets),
        confidence=sum(target.confidence for target in targets),
        contrasts=len(contrasts),
        contrast=sum(contrasts),
        width=sum(span.high - span.low for span in spans),
        low=sum(max(0.0, span.low) for span in spans),  # sums that fall look like a restart
    )


class Cameras(Collector):
    """The first cameras that are named have series of their own until the process ends.

    A ``Summary`` of prometheus_client takes one value at a time, so the sums of many targets are kept here.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seen = {UNNAMED: Seen(), OTHER: Seen()}
        self._most = MOST_CAMERAS + len(self._seen)
        self._lock = Lock()
        registry.register(self)

    def observe(self, name: str, detections: Sequence[Detection]) -> None:
        """Count frames of a camera, in any thread."""
        seen = add_up(detections)
        with self._lock:
            camera = self._label(name)
            self._seen[camera] = self._seen.get(camera, Seen()).plus(seen)

    def _label(self, name: str) -> str:
        if name in self._seen or (len(self._seen) < self._most and NAME.fullmatch(name)):
            return name
        return OTHER

    def collect(self) -> Iterable[Metric]:
        """The sums at the moment of the scrape."""
        with self._lock:
            seen = self._seen.copy()
        for kind, name, text, fields in FAMILIES:
            family = kind(f"rrcanet_camera_{name}", text, labels=LABEL)
            for camera, one in seen.items():
                family.add_metric([camera], *(getattr(one, field) for field in fields))
            yield family
