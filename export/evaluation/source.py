"""The interface of a source of answers, and the source that runs a model file. ``http_source`` has the other one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from intensity import Range
from service.detection.detector import Detection, Detector
from service.detection.options import Options, RangeMode
from service.detection.targets import Found
from service.errors import ServiceError
from service.frames import Budget, Frame, decode_file
from service.models.repository import load_detector
from service.runtime import CUDA, OPENVINO, REFERENCE, Device, EngineChoice
from service.runtime.card import UNCALIBRATED
from service.runtime.cpus import available_cpus

MAX_TARGETS: Final = 100_000
MAX_PIXELS: Final = 2**26


class SourceError(Exception):
    """The source gave no answer for a frame. The message says why."""


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """The answer of a source for one frame.

    Attributes:
        mask: ``[H, W]`` True on predicted targets.
        peaks: (x, y) of each target's most probable pixel.
        confidences: confidence of each target, 0..1.
        probabilities: ``[H, W]``, if they were requested.
    """

    mask: NDArray[np.bool_]
    peaks: tuple[tuple[int, int], ...]
    confidences: tuple[float, ...]
    probabilities: NDArray[np.float32] | None = None


class Source(Protocol):
    """Finds targets in the bytes of one frame. Up to ``concurrency`` threads may call it at the same time."""

    name: str
    concurrency: int

    def find(self, frame: bytes, probabilities: bool = False) -> FrameAnswer:
        """Find the targets of one frame; with ``probabilities``, the answer includes the probability of every pixel.

        Raises:
            SourceError: the source gives no answer.
        """

    def cancel(self) -> None:
        """End all calls that wait."""

    def close(self) -> None:
        """End the use of the source, after the last call has ended."""


class FileSource:
    """A model file, run by the same code that serves it.

    Args:
        path: the model file.
        device: where the model runs.
        calibrated: whether confidences follow the card's calibration; if not, they are peak probabilities.
        span: how counts map to intensity.
        choice: the engine and its precision.
    """

    def __init__(
        self,
        path: Path,
        device: Device,
        calibrated: bool = True,
        span: RangeMode | Range = RangeMode.AUTO,
        choice: EngineChoice = REFERENCE,
    ) -> None:
        self._options = Options(max_targets=MAX_TARGETS, range=span)
        self.detector: Detector = load_detector(path, device, choice=choice)
        card = self.detector.runtime.card
        if not calibrated:
            self.detector.runtime.card = card.model_copy(update={"calibration": UNCALIBRATED})
        self.concurrency = available_cpus()
        # on CUDA one thread is best, since each thread captures its own graphs; on a CPU one run does not use all cores
        runtime = self.detector.runtime
        self._device = ThreadPoolExecutor(1 if runtime.provider == CUDA else self.concurrency, "device")
        precision = f", {runtime.precision}" if runtime.provider == OPENVINO else ""
        self.name = f"{card.name} {card.version} ({path.name}, {runtime.provider}{precision})"

    def find(self, frame: bytes, probabilities: bool = False) -> FrameAnswer:
        """Decode the frame, run the model and find the targets."""
        try:
            decoded, *others = decode_file(frame, Budget(max_pixels=MAX_PIXELS))
            if isinstance(decoded, ServiceError):
                raise decoded
            refuse_several_frames(others)
            detection = self._detect(decoded)
        except ServiceError as fault:
            raise SourceError(str(fault)) from fault
        return answer_of(detection.found, detection.probabilities if probabilities else None)

    def cancel(self) -> None:
        """Nothing: a model makes no call wait for long."""

    def close(self) -> None:
        """Nothing: the model stays loaded."""

    def _detect(self, frame: Frame) -> Detection:
        prepared = self.detector.prepare(frame, self._options)
        probabilities = self._device.submit(self.detector.infer, prepared).result()
        return self.detector.finish(prepared, probabilities, self._options)


def answer_of(found: Found, probabilities: NDArray[np.float32] | None = None) -> FrameAnswer:
    """The answer for a frame in which these targets were found; with ``probabilities [H, W]``, it includes them."""
    return FrameAnswer(
        mask=found.mask,
        peaks=tuple((target.peak.x, target.peak.y) for target in found.targets),
        confidences=tuple(target.confidence for target in found.targets),
        probabilities=probabilities,
    )


def refuse_several_frames(others: list[Any]) -> None:
    """Refuse a file that holds more than one frame; ``others`` are the frames after the first.

    Raises:
        SourceError: ``others`` is not empty.
    """
    if others:
        raise SourceError(f"the file holds {len(others) + 1} frames, but its mask is for one")
