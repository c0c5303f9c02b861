"""``rrcanet precision``."""

from pathlib import Path
from typing import Final

import click

from export.commands.options import require_writable, writing
from export.evaluation.precision import BF16, measure_bf16
from export.evaluation.source import SourceError
from export.onnx.card import record_precision_gate
from export.report.table import Table
from model.data.dataset import DataError, FrameFolder
from service.runtime import Device, ModelFault
from service.runtime.card import PrecisionGate
from service.runtime.choice import why_not

EPILOG: Final = "Example: rrcanet precision models/nuaa.onnx --data datasets/IRSTD-1k --split test"


@click.command("precision", epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), multiple=True, required=True, help="Dataset; may be repeated.")
@click.option("--split", default="train", show_default=True, help="Split that MODEL was not trained on.")
def precision_command(model: Path, data: tuple[Path, ...], split: str) -> None:
    """Measure what bfloat16 changes, and write the result into the card of MODEL.

    All frames are scored in float32 by ONNX Runtime and in bfloat16 by OpenVINO. The gate is passed if IoU differs by
    at most 0.3 points, the number of detected targets by at most one, and Fa by at most one pixel in a million. Then a
    service with PRECISION=auto runs the model in bfloat16 on CPUs that have it.

    Exit code 1: the gate is not passed, which the card then says, or something cannot be read or written.
    """
    if reason := why_not(BF16.engine, BF16.precision, Device.CPU):
        raise click.UsageError(f"rrcanet precision runs MODEL in bf16 with OpenVINO: {reason}")
    if model.is_file():  # a missing file is reported below
        require_writable(model)
    try:
        gate = measure_bf16(model, [FrameFolder(folder, split) for folder in data])
    except (DataError, ModelFault, SourceError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    with writing(model):
        record_precision_gate(model, gate)
    click.echo(f"{_table(gate).markdown()}\n\nmeasured on {gate.measured_on}, {gate.engine}")
    if not gate.passed:
        raise click.ClickException("the gate is not passed: a service with PRECISION=auto runs this model in float32")


def _table(gate: PrecisionGate) -> Table:
    head = ("frames", "targets", "IoU points", "detected targets", "Fa e-6", "gate")
    changes = (f"{100 * gate.iou:+.3f}", f"{gate.detected:+d}", f"{gate.fa:+.3f}")
    return Table(head, ((str(gate.frames), str(gate.targets), *changes, "passed" if gate.passed else "NOT passed"),))
