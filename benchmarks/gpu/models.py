"""The checkpoint under test as model files in both precisions, and the device that they run on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
import torch

from export.bench.report import describe_machine
from export.onnx.card import make_card, write_model
from export.onnx.graph import PRECISIONS, Precision, export_graph
from model.network.checkpoint import Checkpoint, load_checkpoint
from model.training.commit import commit
from service.runtime import Device

THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Models:
    """One checkpoint: as PyTorch loads it, and exported to ``files`` as ``rrcanet export`` does."""

    checkpoint: Path
    files: Mapping[Precision, Path]

    def load(self) -> Checkpoint:
        """A network of its own for every caller, since callers move it to a device or change its type."""
        return load_checkpoint(self.checkpoint)


def export_models(checkpoint: Path, folder: Path) -> Models:
    """Write ``fp32.onnx`` and ``fp16.onnx`` into ``folder``.

    Raises:
        CheckpointError, FileNotFoundError, HalfOverflow: the checkpoint cannot be read or exported.
    """
    files: dict[Precision, Path] = {}
    for precision in PRECISIONS:
        trained, files[precision] = load_checkpoint(checkpoint), folder / f"{precision}.onnx"
        card = make_card(trained, checkpoint.stem, "1", THRESHOLD, precision)
        write_model(files[precision], export_graph(trained, precision), card)
    return Models(checkpoint, files)


def describe_run(device: Device) -> dict[str, str]:
    """Device, versions, machine and commit that the figures belong to."""
    return {
        "device": torch.cuda.get_device_name() if device is Device.CUDA else "CPU",
        "pytorch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "onnxruntime": ort.__version__,
        "machine": describe_machine(),
        "commit": commit(),
    }
