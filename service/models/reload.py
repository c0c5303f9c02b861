"""Loads model files that changed while requests are served. If a new file is bad, the old model stays in service."""

import hashlib
import logging
import time
from pathlib import Path
from typing import Final

from service.detection.detector import Detector
from service.files import FileState, NotRegular, read_file, state_of
from service.models.repository import Repository, load_detector
from service.runtime import REFERENCE, Device, EngineChoice, ModelFault, ModelUnreadable

RETRY_S: Final = 5.0  # a file that could not be read is read again after this time, whether it has changed or not

logger = logging.getLogger(__name__)


class ModelFolder:
    """A folder of model files, and the state of each file when it was read last.

    States are noted before a file is read. A file that changes later has another state then.
    """

    def __init__(self, folder: Path, device: Device, choice: EngineChoice = REFERENCE) -> None:
        self._folder, self._device, self._choice = folder, device, choice
        self._read = self._states()
        self._read_again_at = float("inf")

    def has_changed(self) -> bool:
        """Whether files differ from what was read, or the last reading has to be repeated.

        Raises:
            OSError: the folder cannot be listed.
        """
        return time.monotonic() >= self._read_again_at or self._states() != self._read

    def refresh(self, served: Repository) -> Repository:
        """Load the models that are in the folder now; a file with unchanged content is not loaded again.

        Raises:
            ModelFault: no model can be served, or two files have the same name and version.
            OSError: the folder cannot be listed.
        """
        states = self._states()
        self._read_again_at = float("inf")
        before = {detector.runtime.path: detector for detector in served}
        detectors = [self._take(path, before.get(path)) for path in sorted(states)]
        self._read = states
        return Repository([detector for detector in detectors if detector is not None], served.canary)

    def read_again_soon(self) -> None:
        """The last reading was not completed: what it found has not been seen."""
        self._read_again_at = time.monotonic() + RETRY_S

    def _states(self) -> dict[Path, FileState | None]:
        """The state of each model file; None if it cannot be read, as for a link to itself."""
        return {path: state_of(path) for path in self._folder.glob("*.onnx")}

    def _take(self, path: Path, before: Detector | None) -> Detector | None:
        try:
            if before is not None and hashlib.sha256(read_file(path)[0]).hexdigest() == before.runtime.sha256:
                return before
            return load_detector(path, self._device, choice=self._choice)
        except (ModelFault, OSError) as fault:
            if isinstance(fault, ModelUnreadable | OSError) and not isinstance(fault, NotRegular):
                self.read_again_soon()
            logger.error("%s: %s", "model refused, the old one stays in service" if before else "model refused", fault)
            return before
