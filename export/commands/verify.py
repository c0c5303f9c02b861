"""``rrcanet verify``."""

from collections.abc import Sequence
from pathlib import Path

import click

from export.onnx.graph import Precision
from export.onnx.verify import MAX_FA, MIN_IOU, MIN_PD, TOLERANCE, Comparison, agree, agreement, verify
from model.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from service.runtime import Device, ModelFault, Runtime

EPILOG = "Example: rrcanet verify models/nuaa.onnx runs/nuaa/weights.safetensors"


@click.command("verify", epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--device", type=click.Choice([one.value for one in Device]), default=Device.CPU.value, show_default=True)
def verify_command(model: Path, checkpoint: Path, device: Device) -> None:
    """Compare MODEL, run as the service runs it, with CHECKPOINT in PyTorch.

    An fp32 model must find the same targets, and no probability may differ by more than 1e-4. The masks of an fp16
    model must reach IoU 0.99, Pd 0.99 and at most Fa 10e-6 against PyTorch's masks.

    Exit code 1: a file cannot be read, or the two do not agree.
    """
    try:
        runtime = Runtime(model, Device(device))
        trained = load_checkpoint(checkpoint)
        _refuse_other_depth(runtime, trained, model, checkpoint)
        comparisons = verify(runtime, trained)
    except (ModelFault, CheckpointError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from error
    print_comparisons(comparisons, runtime.card.precision)
    if not agree(comparisons, runtime.card.precision):
        raise click.ClickException(f"{model} does not agree with {checkpoint}")


def _refuse_other_depth(runtime: Runtime, trained: Checkpoint, model: Path, checkpoint: Path) -> None:
    ours, theirs = runtime.card.stride, trained.network.stride
    if ours != theirs:
        raise click.ClickException(f"{model} has the stride {ours}, {checkpoint} the stride {theirs}: another network")


def print_comparisons(comparisons: Sequence[Comparison], precision: Precision) -> None:
    """Print one line per batch and, for fp16, the scores that decide."""
    for c in comparisons:
        verdict = "ok" if c.passed(precision) else "DIFFERS"
        allowed = f" (allowed {TOLERANCE:.0e})" if precision == "fp32" else ""
        same = "the same" if c.targets_agree else "not the same"
        click.echo(
            f"{verdict:8}{c.batch} x {c.height:3d} x {c.width:3d}: probabilities within {c.difference:.1e}{allowed}, "
            f"{c.targets} targets, {same}"
        )
    if precision == "fp16":
        scores = agreement(comparisons)
        click.echo(
            f"{'ok' if agree(comparisons, precision) else 'DIFFERS':8}against PyTorch's masks: IoU {scores.iou:.4f} "
            f"(at least {MIN_IOU}), Pd {scores.pd:.4f} (at least {MIN_PD}), "
            f"Fa {scores.fa_identity:.1f}e-6 (at most {MAX_FA:.0f}e-6)"
        )
