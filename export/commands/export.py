"""``rrcanet export``."""

import os
from pathlib import Path

import click

from export.commands.options import (
    NAME_HELP,
    model_version_option,
    output_option,
    threshold_option,
    validate_card_field,
    writing,
)
from export.commands.verify import print_comparisons
from export.onnx.card import make_card, record_cuda_check, write_model
from export.onnx.cuda_check import CudaCheckFault, check_cuda
from export.onnx.graph import PRECISIONS, Precision, export_graph
from export.onnx.half import HalfOverflow
from export.onnx.verify import agree, verify
from model.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from service.runtime import Device, ModelFault, Runtime
from service.runtime.card import CudaGate

EPILOG = "Example: rrcanet export runs/nuaa/weights.safetensors -o models/nuaa.onnx --name nuaa --model-version 1"
CUDA_CHECKS: dict[CudaGate, str] = {
    "graph": "no CUDA on this machine; by opset, operators and control flow, CUDA can run the whole graph",
    "session": "every node runs on CUDA, and the result for the golden frame is right",
}
PRECISION_HELP = (
    "Precision of weights and arithmetic; input and output stay float32. fp16 is for GPUs: a CPU only emulates it."
)


@click.command("export", epilog=EPILOG)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@output_option
@click.option("--name", default="rrcanet", show_default=True, callback=validate_card_field, help=NAME_HELP)
@model_version_option
@threshold_option
@click.option("--precision", type=click.Choice(PRECISIONS), default="fp32", show_default=True, help=PRECISION_HELP)
def export_command(
    checkpoint: Path, output: Path, name: str, model_version: str, threshold: float, precision: Precision
) -> None:
    """Export CHECKPOINT to one self-describing ONNX file and verify it.

    CHECKPOINT is a file written by rrcanet train, or a checkpoint of the paper's authors.

    Exit code 1: the checkpoint does not fit, the exported file does not agree with PyTorch, or CUDA cannot run one of
    its nodes. In these cases nothing is written, and an existing OUTPUT stays as it is.
    """
    try:
        trained = load_checkpoint(checkpoint)
        graph = export_graph(trained, precision)
    except (CheckpointError, FileNotFoundError, HalfOverflow) as error:
        raise click.ClickException(str(error)) from error
    card = make_card(trained, name, model_version, threshold, precision)
    candidate = output.with_name(f"{output.name}.unverified")  # no .onnx suffix: a server may watch this folder
    try:
        with writing(output):
            write_model(candidate, graph, card)
            cuda_check = _check_candidate(candidate, trained, precision)
            record_cuda_check(candidate, cuda_check)
            os.replace(candidate, output)
    finally:
        candidate.unlink(missing_ok=True)
    click.echo(f"CUDA: {CUDA_CHECKS[cuda_check]}")
    click.echo(f"wrote {output}: {card.name} {card.version}, {precision}, {output.stat().st_size / 1e6:.2f} MB")


def _check_candidate(candidate: Path, trained: Checkpoint, precision: Precision) -> CudaGate:
    """Run every check that a file must pass before it gets its final name."""
    try:
        runtime = Runtime(candidate, Device.CPU)
        runtime.check_golden()
        comparisons = verify(runtime, trained)
        cuda_check = check_cuda(candidate)
    except (ModelFault, CudaCheckFault) as error:
        raise click.ClickException(str(error)) from error
    print_comparisons(comparisons, precision)
    if not agree(comparisons, precision):
        raise click.ClickException(f"{candidate} does not agree with PyTorch")
    return cuda_check
