"""What bfloat16 changes: a model file is scored in float32 and in bfloat16 on the same frames."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource
from model.data.dataset import FrameFolder
from model.scoring.metrics import Counts, score
from service.commands.progress import progress
from service.runtime import REFERENCE, Device, Engine, EngineChoice, Precision
from service.runtime.card import PrecisionGate

BF16: Final = EngineChoice(Engine.OPENVINO, Precision.BF16)
IOU: Final = 0.003  # largest change that the gate allows
DETECTED: Final = 1  # targets
FA: Final = 1.0  # false pixels in a million


def measure_bf16(model: Path, folders: Sequence[FrameFolder]) -> PrecisionGate:
    """Score a model file in both precisions on all frames of all folders together.

    Raises:
        DataError, SourceError, ModelFault: a frame cannot be read or answered, or the file cannot be used.
        ValueError: the frames have no target.
    """
    reference, reduced = (_counts(model, folders, choice) for choice in (REFERENCE, BF16))
    if not reference.targets:
        raise ValueError("the frames have no target: what bfloat16 changes needs frames with targets")
    return gate_of(reference, reduced, ", ".join(f"{one.root.resolve().name} {one.split}" for one in folders))


def gate_of(reference: Counts, reduced: Counts, names: str) -> PrecisionGate:
    """The gate of counts in float32 and in bfloat16; ``names`` are those of the frames."""
    before, after = score([reference]), score([reduced])
    iou, fa = after.iou - before.iou, after.fa_identity - before.fa_identity
    detected = reduced.detected - reference.detected
    return PrecisionGate(
        passed=abs(iou) <= IOU and abs(detected) <= DETECTED and abs(fa) <= FA,
        iou=iou,
        detected=detected,
        fa=fa,
        frames=reference.frames,
        targets=reference.targets,
        measured_on=names,
        engine=f"openvino {version('openvino')}",
    )


def _counts(model: Path, folders: Sequence[FrameFolder], choice: EngineChoice) -> Counts:
    source, total = FileSource(model, Device.CPU, choice=choice), Counts()
    for folder in folders:
        title = f"{choice.precision} on {folder.root.name}"
        for result in progress(evaluate(source, folder, Grid.NATIVE), len(folder), title, "frame"):
            total += result.counts
    return total
