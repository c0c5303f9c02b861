"""Loads model files that changed while requests are served. If a new file is bad, the old model stays in service."""

import hashlib
import logging
from pathlib import Path

from service.detection.detector import Detector
from service.models.repository import Repository, load_detector
from service.runtime import Device, ModelFault

Signature = dict[Path, tuple[int, int, int]]

logger = logging.getLogger(__name__)


def signature(folder: Path) -> Signature:
    """Modification time, size and inode of each model file; a difference means that a file has changed."""
    known: Signature = {}
    for path in folder.glob("*.onnx"):
        try:
            state = path.stat()
        except OSError:  # the file is already deleted, or is a link to itself
            continue
        known[path] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return known


def refresh(folder: Path, device: Device, served: Repository) -> Repository:
    """Load the models that are in the folder now; a file with unchanged content is not loaded again.

    Raises:
        ModelFault: no model can be served, two files have the same name and version, or the canary is missing.
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
        logger.error("%s: %s", "model refused, the old one stays in service" if before else "model refused", fault)
        return before
