"""The folder of model files: which models are served, and which one a request means."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.detector import Detector
from service.errors import Reason, ServiceError
from service.runtime import Device, ModelFault, Runtime


class Repository:
    """Models by name and version.

    Args:
        detectors: at least one; the first is served where a request names none.

    Raises:
        ModelFault: none, or two of the same name and version.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        if not detectors:
            raise ModelFault("no model to serve")
        self._detectors: dict[tuple[str, str], Detector] = {}
        for detector in detectors:
            card = detector.runtime.card
            twin = self._detectors.setdefault((card.name, card.version), detector)
            if twin is not detector:
                raise ModelFault(f"{twin.runtime.path} and {detector.runtime.path} are both {card.name}@{card.version}")

    def __iter__(self) -> Iterator[Detector]:
        return iter(self._detectors.values())

    def find(self, wanted: str | None) -> Detector:
        """The model of ``NAME`` or ``NAME@VERSION``; of several versions the one loaded last.

        Raises:
            ServiceError: ``unknown_model``, with the models there are.
        """
        if wanted is None:
            return next(iter(self))
        name, _, version = wanted.partition("@")
        for detector in reversed(list(self)):
            card = detector.runtime.card
            if card.name == name and version in ("", card.version):
                return detector
        known = ", ".join("@".join(key) for key in self._detectors)
        raise ServiceError(Reason.UNKNOWN_MODEL, f"no model {wanted!r}; there are: {known}")


def load_folder(folder: Path, device: Device) -> Repository:
    """Load every ``.onnx`` file of a folder, in order of file names, and check each one's golden frame.

    Raises:
        ModelFault: a file that cannot be served, or none there.
    """
    paths = sorted(folder.glob("*.onnx"))
    if not paths:
        raise ModelFault(f"{folder} holds no .onnx file")
    return Repository([load_detector(path, device) for path in paths])


def load_detector(path: Path, device: Device) -> Detector:
    """Load one file and check its golden frame, which is its warm-up too.

    Raises:
        ModelFault: it cannot be served.
    """
    runtime = Runtime(path, device)
    runtime.check_golden()
    return Detector(runtime)
