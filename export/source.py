"""What is evaluated: a model file or a running service, behind one call."""

import base64
import http.client
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.card import Calibration
from service.detector import Detector, Options
from service.errors import ServiceError
from service.frames import Budget, decode
from service.repository import load_detector
from service.runtime import Device

TIMEOUT_S: Final = 120.0
MANY: Final = 100_000
MANY_PIXELS: Final = 2**26


class SourceError(Exception):
    """A frame that was not answered, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """One answer: ``mask [H, W]``, and of each target the peak (x, y) and the confidence."""

    mask: NDArray[np.bool_]
    peaks: tuple[tuple[int, int], ...]
    confidences: tuple[float, ...]


class Source(Protocol):
    """Finds targets in the bytes of one frame; may be called from several threads."""

    name: str

    def find(self, frame: bytes) -> Found:
        """Answer one frame.

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
        self.name = f"{card.name} {card.version} ({path.name}, {self.detector.runtime.provider})"

    def find(self, frame: bytes) -> Found:
        """Decode, infer, group."""
        try:
            (decoded,) = decode(frame, None, Budget(max_pixels=MANY_PIXELS))
            if isinstance(decoded, ServiceError):
                raise decoded
            found = self.detector.detect(decoded, Options(max_targets=MANY)).found
        except ServiceError as fault:
            raise SourceError(str(fault)) from fault
        peaks = tuple((target.peak.x, target.peak.y) for target in found.targets)
        return Found(found.mask, peaks, tuple(target.confidence for target in found.targets))


class HttpSource:
    """A running service, by its URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._path = parts.netloc, parts.path.rstrip("/")
        self.name = url

    def find(self, frame: bytes) -> Found:
        """One request."""
        answer = self._post(f"{self._path}/v1/detect?mask=png&max_targets={MANY}", frame)
        (entry,) = answer["frames"]
        with Image.open(io.BytesIO(base64.b64decode(entry["mask"]["data"]))) as image:
            mask = np.asarray(image) > 0
        targets = entry["targets"]
        peaks = tuple((target["peak"]["x"], target["peak"]["y"]) for target in targets)
        return Found(mask, peaks, tuple(target["confidence"] for target in targets))

    def _post(self, path: str, body: bytes) -> Any:
        connection = self._connect(self._host, timeout=TIMEOUT_S)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/octet-stream"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise SourceError(f"{self.name} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise SourceError(f"{self.name} answers {response.status}: {answer.get('detail', answer)}")
        return answer


def open_source(model: str, device: Device) -> Source:
    """A URL is asked, anything else is a file.

    Raises:
        ModelFault: the file cannot be served.
    """
    return HttpSource(model) if model.startswith(("http://", "https://")) else FileSource(Path(model), device)
