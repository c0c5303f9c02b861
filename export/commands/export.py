"""``rrcanet export``."""

import os
from pathlib import Path
from typing import Any, Final

import click
from pydantic import ConfigDict, TypeAdapter, ValidationError

from export.commands.options import OutputFile, writing
from export.commands.verify import print_comparisons
from export.onnx.card import describe, record_cuda_check, write_model
from export.onnx.cuda_check import CudaCheckFault, check_cuda
from export.onnx.graph import PRECISIONS, Precision, export_graph
from export.onnx.half import HalfOverflow
from export.onnx.verify import agree, verify
from model.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from service.runtime import Device, ModelFault, Runtime
from service.runtime.card import CudaGate, Name, Unit, Version

EPILOG = "Example: rrcanet export runs/nuaa/weights.safetensors -o models/nuaa.onnx --name nuaa --model-version 1"
GATES: dict[CudaGate, str] = {
    "graph": "none here; by its opset, operators and lack of control flow the graph can run there whole",
    "session": "every node runs there, and the golden frame is answered right",
}
NAME_HELP = "Name of the model in answers and metrics."
PRECISION_HELP = (
    "Of weights and arithmetic; frames and probabilities are float32. fp16 is for GPUs: a CPU only emulates it."
)
FIELDS: Final[dict[str, Any]] = {"name": Name, "model_version": Version, "threshold": Unit}  # of the card


def _as_in_card(_context: click.Context, option: click.Parameter, value: str | float) -> str | float:
    """What no card can hold is said before the work, not after."""
    try:
        TypeAdapter(FIELDS[str(option.name)], config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(f"{value!r}: {error.errors()[0]['msg']}") from error
    return value


@click.command("export", epilog=EPILOG)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(), required=True, help="The .onnx file to write.")
@click.option("--name", default="rrcanet", show_default=True, callback=_as_in_card, help=NAME_HELP)
@click.option("--model-version", default="1", show_default=True, callback=_as_in_card)
@click.option(
    "--threshold", type=float, default=0.5, show_default=True, callback=_as_in_card, help="On pixels, 0 to 1."
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="fp32", show_default=True, help=PRECISION_HELP)
def export_command(
    checkpoint: Path, output: Path, name: str, model_version: str, threshold: float, precision: Precision
) -> None:
    """Turn CHECKPOINT (ours or the authors') into one self-describing ONNX file, and verify it.

    Exit code 1: the checkpoint does not fit; or the file does not answer as PyTorch does, or has a node that CUDA
    cannot run, and is not kept; a file that was there stays.
    """
    try:
        trained = load_checkpoint(checkpoint)
        graph = export_graph(trained, precision)
    except (CheckpointError, FileNotFoundError, HalfOverflow) as error:
        raise click.ClickException(str(error)) from error
    card = describe(trained, name, model_version, threshold, precision)
    candidate = output.with_name(f"{output.name}.unverified")  # beside it: a server may watch the folder for .onnx
    try:
        with writing(output):
            write_model(candidate, graph, card)
            gate = _hold_against(candidate, trained, precision)
            record_cuda_check(candidate, gate)
            os.replace(candidate, output)
    finally:
        candidate.unlink(missing_ok=True)
    click.echo(f"CUDA: {GATES[gate]}")
    click.echo(f"wrote {output}: {card.name} {card.version}, {precision}, {output.stat().st_size / 1e6:.2f} MB")


def _hold_against(candidate: Path, trained: Checkpoint, precision: Precision) -> CudaGate:
    """Everything that a file must pass before it takes its name."""
    try:
        runtime = Runtime(candidate, Device.CPU)
        runtime.check_golden()
        comparisons = verify(runtime, trained)
        gate = check_cuda(candidate)
    except (ModelFault, CudaCheckFault) as error:
        raise click.ClickException(str(error)) from error
    print_comparisons(comparisons, precision)
    if not agree(comparisons, precision):
        raise click.ClickException(f"{candidate} does not answer as PyTorch does")
    return gate
