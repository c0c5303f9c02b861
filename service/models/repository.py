"""Loads a folder of model files, and finds the model for a request."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.detection.detector import Detector
from service.errors import Reason, ServiceError
from service.models.canary import Canary
from service.runtime import Device, ModelFault, Runtime


class Repository:
    """The served models by name and version.

    Args:
        detectors: at least one. Requests that name no model get the first one's name.
        canary: the version that answers a share of the requests for its name.

    Raises:
        ModelFault: there is no detector, two have the same name and version, or the canary is missing or the only
            version of its name.
    """

    def __init__(self, detectors: Sequence[Detector], canary: Canary | None = None) -> None:
        if not detectors:
            raise ModelFault("there is no model to serve")
        self._detectors: dict[tuple[str, str], Detector] = {}
        for detector in detectors:
            card = detector.runtime.card
            twin = self._detectors.setdefault((card.name, card.version), detector)
            if twin is not detector:
                raise ModelFault(f"{twin.runtime.path} and {detector.runtime.path} are both {card.name}@{card.version}")
        self.canary = canary
        self._stable = self._latest_by_name()
        if canary is not None and (canary.key not in self._detectors or canary.name not in self._stable):
            raise ModelFault(
                f"CANARY {'@'.join(canary.key)}: must be a served model with another version beside it; "
                f"the models are: {self._known}"
            )

    def __iter__(self) -> Iterator[Detector]:
        return iter(self._detectors.values())

    def find(self, requested: str | None, request_id: str | None = None) -> Detector:
        """The model ``NAME`` or ``NAME@VERSION``; without a version, ``request_id`` decides whether it is the canary.

        Raises:
            ServiceError: ``unknown_model``; the detail lists the served models.
        """
        if requested is None:
            (requested, _), *_ = self._detectors
        name, _, version = requested.partition("@")
        detector = self._detectors.get((name, version)) if version else self._choose(name, request_id)
        if detector is None:
            raise ServiceError(Reason.UNKNOWN_MODEL, f"there is no model {requested!r}; the models are: {self._known}")
        return detector

    def share(self, detector: Detector) -> float:
        """The share of the requests for this name without a version that this version answers: 0 to 1."""
        name, version = detector.runtime.card.name, detector.runtime.card.version
        canary = self.canary if self.canary is not None and self.canary.name == name else None
        if canary is not None and canary.version == version:
            return canary.share
        if detector is not self._stable.get(name):
            return 0.0
        return 1.0 if canary is None else round(1 - canary.share, 9)

    def _choose(self, name: str, request_id: str | None) -> Detector | None:
        canary = self.canary
        if canary is not None and canary.name == name and request_id is not None and canary.takes(request_id):
            return self._detectors[canary.key]
        return self._stable.get(name)

    def _latest_by_name(self) -> dict[str, Detector]:
        """For each name the version that was loaded last; the canary does not count."""
        canary = None if self.canary is None else self.canary.key
        return {key[0]: detector for key, detector in self._detectors.items() if key != canary}

    @property
    def _known(self) -> str:
        return ", ".join("@".join(key) for key in self._detectors)


def load_folder(folder: Path, device: Device, canary: Canary | None = None) -> Repository:
    """Load every ``.onnx`` file of a folder in the order of file names, and check the golden frame of each.

    Raises:
        ModelFault: there is no file, files cannot be served (all are named), or the canary is missing.
    """
    paths = sorted(folder.glob("*.onnx"))
    if not paths:
        raise ModelFault(f"the folder {folder} has no .onnx file")
    detectors: list[Detector] = []
    faults: list[str] = []
    for path in paths:
        try:
            detectors.append(load_detector(path, device))
        except ModelFault as fault:
            faults.append(str(fault))
    if faults:
        raise ModelFault("\n".join(dict.fromkeys(faults)))  # a missing device gives the same message for every file
    return Repository(detectors, canary)


def load_detector(path: Path, device: Device) -> Detector:
    """Load one file and check its golden frame, which also warms the session up.

    Raises:
        ModelFault: the file cannot be served.
    """
    runtime = Runtime(path, device)
    runtime.check_golden()
    return Detector(runtime)
