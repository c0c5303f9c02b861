"""The folder of model files: which models are served, and which one a request means."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.detection.detector import Detector
from service.errors import Reason, ServiceError
from service.models.canary import Canary
from service.runtime import Device, ModelFault, Runtime


class Repository:
    """Models by name and version.

    Args:
        detectors: at least one; the name of the first is served where a request names none.
        canary: must be one of several versions.

    Raises:
        ModelFault: no detector, two of the same name and version, or a canary that is not there or has no other
            version to share with.
    """

    def __init__(self, detectors: Sequence[Detector], canary: Canary | None = None) -> None:
        if not detectors:
            raise ModelFault("no model to serve")
        self._detectors: dict[tuple[str, str], Detector] = {}
        for detector in detectors:
            card = detector.runtime.card
            twin = self._detectors.setdefault((card.name, card.version), detector)
            if twin is not detector:
                raise ModelFault(f"{twin.runtime.path} and {detector.runtime.path} are both {card.name}@{card.version}")
        self.canary = canary
        if canary is not None and (canary.key not in self._detectors or self._stable(canary.name) is None):
            raise ModelFault(
                f"CANARY {'@'.join(canary.key)}: must be one of several versions; there are: {self._known}"
            )

    def __iter__(self) -> Iterator[Detector]:
        return iter(self._detectors.values())

    def find(self, wanted: str | None, request_id: str | None = None) -> Detector:
        """The model of ``NAME`` or ``NAME@VERSION``; without a version the canary's share goes by ``request_id``.

        Raises:
            ServiceError: ``unknown_model``, with the models there are.
        """
        if wanted is None:
            (wanted, _), *_ = self._detectors
        name, _, version = wanted.partition("@")
        detector = self._detectors.get((name, version)) if version else self._choose(name, request_id)
        if detector is None:
            raise ServiceError(Reason.UNKNOWN_MODEL, f"no model {wanted!r}; there are: {self._known}")
        return detector

    def share(self, detector: Detector) -> float:
        """Of the requests for this model that name no version, how many this version answers: 0 to 1."""
        name, version = detector.runtime.card.name, detector.runtime.card.version
        canary = self.canary if self.canary is not None and self.canary.name == name else None
        if canary is not None and canary.version == version:
            return canary.share
        if detector is not self._stable(name):
            return 0.0
        return 1.0 if canary is None else round(1 - canary.share, 9)

    def _choose(self, name: str, request_id: str | None) -> Detector | None:
        canary = self.canary
        if canary is not None and canary.name == name and request_id is not None and canary.takes(request_id):
            return self._detectors[canary.key]
        return self._stable(name)

    def _stable(self, name: str) -> Detector | None:
        """Of several versions the one loaded last, the canary left out."""
        canary = None if self.canary is None else self.canary.key
        versions = [detector for key, detector in self._detectors.items() if key[0] == name and key != canary]
        return versions[-1] if versions else None

    @property
    def _known(self) -> str:
        return ", ".join("@".join(key) for key in self._detectors)


def load_folder(folder: Path, device: Device, canary: Canary | None = None) -> Repository:
    """Load every ``.onnx`` file of a folder, in order of file names, and check each one's golden frame.

    Raises:
        ModelFault: files that cannot be served, each of them named; none there, or not the canary.
    """
    paths = sorted(folder.glob("*.onnx"))
    if not paths:
        raise ModelFault(f"{folder} holds no .onnx file")
    detectors: list[Detector] = []
    faults: list[str] = []
    for path in paths:
        try:
            detectors.append(load_detector(path, device))
        except ModelFault as fault:
            faults.append(str(fault))
    if faults:
        raise ModelFault("\n".join(dict.fromkeys(faults)))  # a device that is missing is so for all
    return Repository(detectors, canary)


def load_detector(path: Path, device: Device) -> Detector:
    """Load one file and check its golden frame, which is its warm-up too.

    Raises:
        ModelFault: it cannot be served.
    """
    runtime = Runtime(path, device)
    runtime.check_golden()
    return Detector(runtime)
