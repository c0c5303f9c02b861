"""What is evaluated, behind one call: a model file here, a running service in ``http_source``."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from intensity import Range
from service.detection.detector import Detection, Detector
from service.detection.options import Options, RangeMode
from service.errors import ServiceError
from service.frames import Budget, Frame, decode_file
from service.models.repository import load_detector
from service.runtime import CUDA, Device
from service.runtime.card import Calibration
from service.runtime.cpus import available_cpus

MANY: Final = 100_000
MANY_PIXELS: Final = 2**26


class SourceError(Exception):
    """A frame that was not answered, and why."""


class BusyError(SourceError):
    """A frame that may be answered when it is asked again, ``retry_after_s`` seconds later."""

    def __init__(self, why: str, retry_after_s: float) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Found:
    """One answer: ``mask [H, W]``, and of each target the peak (x, y) and the confidence.

    ``probabilities [H, W]`` are there where they were asked for.
    """

    mask: NDArray[np.bool_]
    peaks: tuple[tuple[int, int], ...]
    confidences: tuple[float, ...]
    probabilities: NDArray[np.float32] | None = None


class Source(Protocol):
    """Finds targets in the bytes of one frame; may be called from ``at_once`` threads."""

    name: str
    at_once: int

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """Answer one frame, with the probability of every pixel if wanted.

        Raises:
            BusyError: not now.
            SourceError: it was not answered.
        """


class FileSource:
    """A model file, through the very line that serves it.

    Args:
        calibrated: whether targets carry confidences; plain scores otherwise.
        span: how counts map to intensity.
    """

    def __init__(
        self, path: Path, device: Device, calibrated: bool = True, span: RangeMode | Range = RangeMode.AUTO
    ) -> None:
        self._options = Options(max_targets=MANY, range=span)
        self.detector: Detector = load_detector(path, device)
        card = self.detector.runtime.card
        if not calibrated:
            self.detector.runtime.card = card.model_copy(update={"calibration": Calibration()})
        self.at_once = available_cpus()
        # of CUDA each thread has graphs of its own; on the CPU a lone run leaves cores idle
        self._device = ThreadPoolExecutor(1 if self.detector.runtime.provider == CUDA else self.at_once, "device")
        self.name = f"{card.name} {card.version} ({path.name}, {self.detector.runtime.provider})"

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """Decode, infer, group."""
        try:
            decoded, *others = decode_file(frame, Budget(max_pixels=MANY_PIXELS))
            if isinstance(decoded, ServiceError):
                raise decoded
            only(others)
            detection = self._detect(decoded)
        except ServiceError as fault:
            raise SourceError(str(fault)) from fault
        return self._found(detection, probabilities)

    def _detect(self, frame: Frame) -> Detection:
        prepared = self.detector.prepare(frame, self._options)
        probabilities = self._device.submit(self.detector.infer, prepared).result()
        return self.detector.finish(prepared, probabilities, self._options)

    def _found(self, detection: Detection, probabilities: bool) -> Found:
        targets = detection.found.targets
        return Found(
            mask=detection.found.mask,
            peaks=tuple((target.peak.x, target.peak.y) for target in targets),
            confidences=tuple(target.confidence for target in targets),
            probabilities=detection.probabilities if probabilities else None,
        )


def only(others: list[Any]) -> None:
    """Refuse a file that holds others too.

    Raises:
        SourceError: it does.
    """
    if others:
        raise SourceError(f"the file holds {len(others) + 1} frames, its mask is for one")
