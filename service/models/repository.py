"""Loads a folder of model files, and finds the model for a request."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.detection.detector import Detector
from service.errors import Reason, ServiceError
from service.models.canary import Canary
from service.runtime import REFERENCE, Device, EngineChoice, ModelFault
from service.runtime.runtime import load_runtime


class Repository:
    """The served models by name and version.

    Args:
        detectors: at least one. Requests that name no model get the first one's name.
        canary: the version that answers a share of the requests for its name. While its file is absent, the other
            versions answer all of them. If it is the only version of its name, it answers all of them itself.

    Raises:
        ModelFault: there is no detector, or two have the same name and version.
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

    @property
    def waiting_for(self) -> str | None:
        """``NAME@VERSION`` of the canary if its file is absent."""
        absent = self.canary is not None and self.canary.key not in self._detectors
        return "@".join(self.canary.key) if self.canary is not None and absent else None

    def with_canary(self, canary: Canary | None) -> "Repository":
        """The same models with another canary, or with another share."""
        return Repository(list(self), canary)

    def share(self, detector: Detector) -> float:
        """The share of the requests for this name without a version that this version answers: 0 to 1."""
        name, version = detector.runtime.card.name, detector.runtime.card.version
        canary = self._trial_of(name)
        if canary is not None and canary.version == version:
            return canary.share
        if detector is not self._stable.get(name):
            return 0.0
        return 1.0 if canary is None else round(1 - canary.share, 9)

    def _choose(self, name: str, request_id: str | None) -> Detector | None:
        canary = self._trial_of(name)
        if canary is not None and request_id is not None and canary.takes(request_id):
            return self._detectors[canary.key]
        return self._stable.get(name)

    def _trial_of(self, name: str) -> Canary | None:
        """The canary of this name, if both it and another version are served."""
        canary = self.canary
        if canary is None or canary.name != name or canary.key not in self._detectors:
            return None
        return canary if self._stable[name] is not self._detectors[canary.key] else None

    def _latest_by_name(self) -> dict[str, Detector]:
        """For each name the version that was loaded last; the canary counts only where there is no other."""
        canary = None if self.canary is None else self.canary.key
        latest = {key[0]: detector for key, detector in self._detectors.items() if key == canary}
        return latest | {key[0]: detector for key, detector in self._detectors.items() if key != canary}

    @property
    def _known(self) -> str:
        return ", ".join("@".join(key) for key in self._detectors)


def load_folder(
    folder: Path, device: Device, canary: Canary | None = None, choice: EngineChoice = REFERENCE
) -> Repository:
    """Load every ``.onnx`` file of a folder in the order of file names, and check the golden frame of each.

    Raises:
        ModelFault: there is no file, files cannot be served (all are named).
    """
    paths = sorted(folder.glob("*.onnx"))
    if not paths:
        raise ModelFault(f"the folder {folder} has no .onnx file")
    detectors: list[Detector] = []
    faults: list[str] = []
    for path in paths:
        try:
            detectors.append(load_detector(path, device, choice=choice))
        except ModelFault as fault:
            faults.append(str(fault))
    if faults:
        raise ModelFault("\n".join(dict.fromkeys(faults)))  # a missing device gives the same message for every file
    return Repository(detectors, canary)


def load_detector(path: Path, device: Device, threads: int | None = None, choice: EngineChoice = REFERENCE) -> Detector:
    """Load one file and check its golden frame, which also warms the session up.

    Args:
        path: the model file.
        device: where it runs.
        threads: CPU threads of one inference; all that this process may use by default.
        choice: the engine and its precision.

    Raises:
        ModelFault: the file cannot be served.
    """
    return Detector(load_runtime(path, device, threads, choice))
