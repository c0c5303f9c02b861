"""What is evaluated: a model file or a running service, behind one call."""

import base64
import http.client
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.card import Calibration
from service.cpus import available_cpus
from service.detector import Detection, Detector, Options
from service.errors import ServiceError
from service.frames import Budget, Frame, decode_file
from service.repository import load_detector
from service.runtime import CUDA, Device

TIMEOUT_S: Final = 120.0
MANY: Final = 100_000
MANY_PIXELS: Final = 2**26
FULL: Final = 65535  # of a probability mask


class SourceError(Exception):
    """A frame that was not answered, and why."""


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
    """Finds targets in the bytes of one frame; may be called from several threads."""

    name: str

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """Answer one frame, with the probability of every pixel if wanted.

        Raises:
            SourceError: it was not answered.
        """


class FileSource:
    """A model file, through the very line that serves it.

    Args:
        calibrated: whether targets carry confidences; plain scores otherwise.
    """

    def __init__(self, path: Path, device: Device, calibrated: bool = True) -> None:
        self.detector: Detector = load_detector(path, device)
        card = self.detector.runtime.card
        if not calibrated:
            self.detector.runtime.card = card.model_copy(update={"calibration": Calibration()})
        # of CUDA each thread has graphs of its own; on the CPU a lone run leaves cores idle
        self._device = ThreadPoolExecutor(1 if self.detector.runtime.provider == CUDA else available_cpus(), "device")
        self.name = f"{card.name} {card.version} ({path.name}, {self.detector.runtime.provider})"

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """Decode, infer, group."""
        try:
            decoded, *others = decode_file(frame, Budget(max_pixels=MANY_PIXELS))
            if isinstance(decoded, ServiceError):
                raise decoded
            _only(others)
            detection = self._detect(decoded)
        except ServiceError as fault:
            raise SourceError(str(fault)) from fault
        return self._found(detection, probabilities)

    def _detect(self, frame: Frame) -> Detection:
        options = Options(max_targets=MANY)
        prepared = self.detector.prepare(frame, options)
        return self.detector.finish(prepared, self._device.submit(self.detector.infer, prepared).result(), options)

    def _found(self, detection: Detection, probabilities: bool) -> Found:
        targets = detection.found.targets
        return Found(
            mask=detection.found.mask,
            peaks=tuple((target.peak.x, target.peak.y) for target in targets),
            confidences=tuple(target.confidence for target in targets),
            probabilities=detection.probabilities if probabilities else None,
        )


class HttpSource:
    """A running service, by its URL.

    Args:
        key: an API key, where the service wants one.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        parts = urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._path = parts.netloc, parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/octet-stream"} | ({"X-API-Key": key} if key else {})
        self.name = url

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """One request; with probabilities a second one, in case they alone cannot tell the mask."""
        entry = self._detect(frame, "probability" if probabilities else "png")
        targets = entry["targets"]
        levels = _mask_pixels(entry)
        mask: NDArray[np.bool_] | None = levels > 0
        if probabilities:
            mask = _most_probable(levels, sum(target["area"] for target in targets))
        return Found(
            mask=_mask_pixels(self._detect(frame, "png")) > 0 if mask is None else mask,
            peaks=tuple((target["peak"]["x"], target["peak"]["y"]) for target in targets),
            confidences=tuple(target["confidence"] for target in targets),
            probabilities=(levels / np.float32(FULL)).astype(np.float32) if probabilities else None,
        )

    def _detect(self, frame: bytes, mask: str) -> Any:
        answer = self._post(f"{self._path}/v1/detect?mask={mask}&max_targets={MANY}", frame)
        match answer:
            case {"frames": [entry, *others]}:
                _only(others)
            case _:
                raise SourceError(f"{self.name} answers, but not as POST /v1/detect does")
        return entry

    def _post(self, path: str, body: bytes) -> Any:
        try:
            with closing(self._connect(self._host, timeout=TIMEOUT_S)) as connection:
                connection.request("POST", path, body, self._headers)
                response = connection.getresponse()
                content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self.name} does not answer: {error}") from error
        answer = _parsed(content)
        if response.status != http.client.OK:
            told = answer.get("detail", answer) if isinstance(answer, dict) else response.reason
            raise SourceError(f"{self.name} answers {response.status}: {told}")
        return answer


def _parsed(content: bytes) -> Any:
    """JSON, or None."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def _only(others: list[Any]) -> None:
    if others:
        raise SourceError(f"the file holds {len(others) + 1} frames, its mask is for one")


def _mask_pixels(entry: Any) -> NDArray[np.uint16]:
    with Image.open(io.BytesIO(base64.b64decode(entry["mask"]["data"]))) as image:
        return np.asarray(image).astype(np.uint16)


def _most_probable(levels: NDArray[np.uint16], area: int) -> NDArray[np.bool_] | None:
    """The mask of all targets together: as many of the most probable pixels as their areas say.

    The threshold is the model's own and 16 bits round, so that only the areas tell exactly.

    Returns:
        ``[H, W]``; None where the last pixel inside and the first outside are equal in 16 bits.
    """
    inside = np.count_nonzero(levels > (cut := _cut(levels, area)))
    return levels > cut if inside == area else None


def _cut(levels: NDArray[np.uint16], area: int) -> int:
    """The highest level outside."""
    if area == levels.size:
        return -1
    return int(np.partition(levels, -area - 1, axis=None)[-area - 1])


def open_source(model: str, device: Device, key: str | None = None) -> Source:
    """A URL is asked, with the key, anything else is a file.

    Raises:
        ModelFault: the file cannot be served.
    """
    return HttpSource(model, key) if model.startswith(("http://", "https://")) else FileSource(Path(model), device)
