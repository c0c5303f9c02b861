"""The steps from a frame to its targets; the API and ``rrcanet detect`` both use them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity import FULL_SCALE, Range, auto_range, to_intensity, without_invalid
from service.detection.options import Options, Polarity, RangeMode, range_text
from service.detection.sensitivity import lowest_confidence, rate_warning
from service.detection.targets import Found, Scene, Selection, find_targets
from service.detection.windows import Window, join, windows_of
from service.errors import Reason, ServiceError
from service.frames import Celsius, Frame, FrameInfo
from service.runtime import Runtime

CLIPPED: Final = 0.001  # share of pixels outside a range that the caller chose
IDENTITY: Final = "identity"  # value of ``fitted_on`` if nothing was fitted
FLAT: Final = (
    "the frame has no contrast, so no target can be found: all its counts are equal, or all but a few outliers; check "
    "the lens cap, the shutter and the export of the frame; if the few outliers are the targets, send range=minmax"
)
MOST_TARGETS: Final = 10_000  # of one request; a million took 2 GB, and JSON of 100,000 kept all threads for 0.3 s


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame as inputs of the network.

    Attributes:
        info: the frame without its pixels.
        windows: the parts of the frame that the network sees; empty for a constant frame.
        inputs: for each window, ``[1, 1, H', W']`` float32 intensities.
        span: the counts that became intensity 0 and 255.
        valid: ``[H, W]``, False where a count is NaN or infinite; None if all counts are finite.
        counts: ``[H, W]`` of the frame, in which targets are measured; None if they are not.
        celsius: what the file of the frame says about temperatures.
    """

    info: FrameInfo
    windows: Sequence[Window]
    inputs: Sequence[NDArray[np.float32]]
    span: Range
    valid: NDArray[np.bool_] | None = None
    counts: NDArray[np.generic] | None = None
    celsius: Celsius | None = None

    def join(self, answers: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Join the probabilities ``[1, H', W']`` of all inputs to ``[H, W]`` of the frame; zeros if it has no input."""
        return join(self.windows, answers, self.info.height, self.info.width)

    def intensities(self) -> NDArray[np.float32]:
        """What the network sees, ``[H, W]``, 0 to 255: after range and polarity, without padding; zeros if constant."""
        return self.join(one[0] for one in self.inputs)


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in one frame; ``probabilities [H, W]`` has one value for each pixel of the frame."""

    info: FrameInfo
    span: Range
    found: Found
    probabilities: NDArray[np.float32]


class Detector:
    """Finds targets in frames with one model. The three steps may run in different threads.

    Attributes:
        key: name and version of the model.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.key = (runtime.card.name, runtime.card.version)

    def detect(self, frame: Frame, options: Options) -> Detection:
        """Run all three steps.

        Raises:
            ServiceError: as ``prepare``, or ``out_of_memory``.
        """
        prepared = self.prepare(frame, options)
        return self.finish(prepared, self.infer(prepared), options)

    def check(self, options: Options) -> None:
        """Refuse options that this model cannot follow, before a frame is read.

        Raises:
            ServiceError: ``bad_parameter``; the model has no curve of false alarms, but the options ask for a rate.
        """
        if options.false_alarms_per_mpx is not None:
            lowest_confidence(self.runtime.card, options)

    def prepare(self, frame: Frame, options: Options) -> Prepared:
        """Map counts to intensities, and pad or cut them to the sizes that the network takes.

        Raises:
            ServiceError: ``bad_parameter``; the ``range`` does not apply to this frame.
        """
        valid = np.isfinite(frame.counts) if frame.invalid_pixels else None
        counts = frame.counts if valid is None else without_invalid(frame.counts, valid)
        span = _span(counts, frame.dtype, options.range)
        intensities = to_intensity(counts, span)
        is_flat = bool(intensities.min() == intensities.max())
        info = replace(frame.info, warnings=(*frame.warnings, *self._warnings(counts, span, options, is_flat)))
        if is_flat:
            return Prepared(info, (), (), span)
        if options.polarity is Polarity.BLACK_HOT:
            intensities = FULL_SCALE - intensities
        windows = windows_of(info.height, info.width, self.runtime.card.stride)
        inputs = [window.cut(intensities) for window in windows]
        return Prepared(info, windows, inputs, span, valid, frame.counts, frame.celsius)

    def _warnings(self, counts: NDArray[Any], span: Range, options: Options, is_flat: bool) -> Iterable[str]:
        """What a person should know about the range of a frame, and about the confidence and the rate of this model."""
        clipped = _clipped(counts, span) if isinstance(options.range, Range) else None
        if clipped:
            yield clipped
        elif is_flat:
            yield FLAT
        calibration = self.runtime.card.calibration
        if calibration.fitted_on == IDENTITY:
            which = "highest" if calibration.score == "peak" else "mean"
            yield f"this model has no calibration: a confidence is the {which} probability of the pixels of a target"
        if uncertain := rate_warning(self.runtime.card, options):
            yield uncertain

    def infer(self, prepared: Prepared) -> NDArray[np.float32]:
        """Run the network: probabilities ``[H, W]`` of the frame's pixels, all zero for a constant frame."""
        return prepared.join(self.runtime.probabilities(one)[0] for one in prepared.inputs)

    def infer_all(self, frames: Sequence[Prepared]) -> list[NDArray[np.float32]]:
        """As ``infer``, of many frames: inputs of the same shape run together, ``batch_pixels`` at most in a run."""
        answers: dict[int, NDArray[np.float32]] = {}
        for batch in self._batches([one for frame in frames for one in frame.inputs]):
            together = self.runtime.probabilities(np.concatenate(batch))
            answers |= {id(one): answer for one, answer in zip(batch, together, strict=True)}
        return [frame.join(answers[id(one)] for one in frame.inputs) for frame in frames]

    def _batches(self, inputs: Iterable[NDArray[np.float32]]) -> Iterator[list[NDArray[np.float32]]]:
        for _, alike in groupby(sorted(inputs, key=np.shape), key=np.shape):
            batch: list[NDArray[np.float32]] = []
            for one in alike:
                if batch and (len(batch) + 1) * one.size > self.runtime.batch_pixels:
                    yield batch
                    batch = []
                batch.append(one)
            yield batch

    def finish(self, prepared: Prepared, probabilities: NDArray[np.float32], options: Options) -> Detection:
        """Find targets in probabilities ``[H, W]``; a pixel that is NaN or infinite never belongs to a target."""
        card = self.runtime.card
        if prepared.valid is not None:
            probabilities = np.where(prepared.valid, probabilities, np.float32(0))
        threshold = card.threshold if options.threshold is None else options.threshold
        is_plain = options.false_alarms_per_mpx is None
        confidence = options.min_confidence if is_plain else lowest_confidence(card, options)
        selection = Selection(threshold, confidence, options.min_area, options.max_targets)
        found = find_targets(probabilities, card.calibration, selection, _scene(prepared, options))
        return Detection(prepared.info, prepared.span, found, probabilities)

    def finish_all(
        self, frames: Iterable[tuple[Prepared, NDArray[np.float32]]], options: Options, deadline: float
    ) -> list[Detection]:
        """Find targets in many frames, at most ``MOST_TARGETS`` in all; stop after the deadline."""
        detections: list[Detection] = []
        left = MOST_TARGETS
        for frame, probabilities in frames:
            if time.monotonic() > deadline:
                raise ServiceError(Reason.DEADLINE_EXCEEDED, "the deadline passed before every frame was answered")
            most = min(options.max_targets, left)
            detections.append(self.finish(frame, probabilities, replace(options, max_targets=most)))
            left -= len(detections[-1].found.targets)
        return detections


def _clipped(counts: NDArray[Any], span: Range) -> str | None:
    """The warning about a range that clips many pixels: how many at which end, and what to do."""
    below, above = (np.count_nonzero(outside) / counts.size for outside in (counts < span.low, counts > span.high))
    if below + above <= CLIPPED:
        return None
    ends = [f"{_percent(share)} {side} it" for share, side in ((below, "below"), (above, "above")) if share]
    return (
        f"the range {range_text(span)} clips pixels: {' and '.join(ends)}; the counts reach from {counts.min():g} to "
        f"{counts.max():g}, so send a range that holds them, or range=auto"
    )


def _percent(share: float) -> str:
    """With two digits, never as a power of ten."""
    return f"{np.format_float_positional(100 * share, 2, fractional=False, trim='-')} %"


def _scene(prepared: Prepared, options: Options) -> Scene | None:
    if prepared.counts is None:
        return None
    celsius = prepared.celsius if options.radiometry is None else options.radiometry.celsius
    return Scene(prepared.counts, options.polarity is Polarity.BLACK_HOT, celsius)


def _span(counts: NDArray[np.generic], dtype: str, requested: RangeMode | Range) -> Range:
    if isinstance(requested, Range):
        return requested
    if requested is RangeMode.AUTO:
        return auto_range(counts)
    if requested is RangeMode.MINMAX:
        return Range(float(counts.min()), float(counts.max()))
    if not np.issubdtype(np.dtype(dtype), np.integer):
        detail = f"range=dtype needs integer counts, but this frame is {dtype}; use auto, minmax or LO:HI"
        raise ServiceError(Reason.BAD_PARAMETER, detail)
    limits = np.iinfo(np.dtype(dtype))
    return Range(float(limits.min), float(limits.max))
