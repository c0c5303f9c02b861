"""``rrcanet verify``."""

from collections.abc import Iterable
from pathlib import Path

import click

from export.verify import TOLERANCE, Comparison, verify
from model.checkpoint import CheckpointError, load_checkpoint
from service.runtime import Device, ModelFault, Runtime

EPILOG = "Example: rrcanet verify models/nuaa.onnx runs/nuaa/weights.safetensors"


@click.command("verify", epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--device", type=click.Choice([one.value for one in Device]), default=Device.CPU.value, show_default=True)
def verify_command(model: Path, checkpoint: Path, device: Device) -> None:
    """Compare MODEL, as it is served, with CHECKPOINT in PyTorch.

    Exit code 1 when a probability differs by more than 1e-4, when a target differs, or when a file is not readable.
    """
    try:
        comparisons = verify(Runtime(model, Device(device)), load_checkpoint(checkpoint))
    except (ModelFault, CheckpointError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from error
    print_comparisons(comparisons)
    if not all(comparison.passed for comparison in comparisons):
        raise click.ClickException(f"{model} does not answer as {checkpoint} does")


def print_comparisons(comparisons: Iterable[Comparison]) -> None:
    """A line a batch."""
    for c in comparisons:
        verdict = "ok" if c.passed else "DIFFERS"
        same = "the same" if c.targets_agree else "other ones served"
        click.echo(
            f"{verdict:8}{c.batch} x {c.height:3d} x {c.width:3d}: probabilities within {c.difference:.1e} "
            f"(allowed {TOLERANCE:.0e}), {c.targets} targets, {same}"
        )
