"""Model files that change are taken up while requests are served; a bad one is refused and the old one serves on."""

import hashlib
import logging
from pathlib import Path

from service.detection.detector import Detector
from service.models.repository import Repository, load_detector
from service.runtime import Device, ModelFault

Signature = dict[Path, tuple[int, int, int]]

logger = logging.getLogger(__name__)


def signature(folder: Path) -> Signature:
    """What tells that a model file has changed: time, size, inode."""
    known: Signature = {}
    for path in folder.glob("*.onnx"):
        try:
            state = path.stat()
        except OSError:  # it went while we looked, or is a link to itself
            continue
        known[path] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return known


def refresh(folder: Path, device: Device, served: Repository) -> Repository:
    """The models of the folder as it is now; those whose content is the same stay loaded.

    Raises:
        ModelFault: nothing that can be served is left, two files are one version, or the canary is gone.
    """
    before = {detector.runtime.path: detector for detector in served}
    detectors = [_take(path, device, before.get(path)) for path in sorted(folder.glob("*.onnx"))]
    return Repository([detector for detector in detectors if detector is not None], served.canary)


def _take(path: Path, device: Device, before: Detector | None) -> Detector | None:
    try:
        if before is not None and hashlib.sha256(path.read_bytes()).hexdigest() == before.runtime.sha256:
            return before
        return load_detector(path, device)
    except (ModelFault, OSError) as fault:
        logger.error("%s: %s", "refused, the old file serves on" if before else "refused", fault)
        return before
