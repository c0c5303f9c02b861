"""``rrcanet card``."""

import os
from pathlib import Path
from typing import Final

import click

from export.commands.options import (
    NAME_HELP,
    model_version_option,
    output_option,
    threshold_option,
    validate_card_field,
    writing,
)
from export.onnx.any_card import write_any_model
from export.onnx.any_network import NetworkFault, channels_of, count_weights, opset_of, read_network, servable
from service.runtime.card import METADATA_KEY

EPILOG: Final = "Example: rrcanet card dnanet.onnx -o models/dnanet.onnx --name dnanet --mean 107 --std 32 --logits"
MEAN_HELP: Final = (
    "The network was trained on (intensity - mean) / std, with intensities 0 to 255. One for each channel. [default: 0]"
)
STD_HELP: Final = "As --mean; 255 for a network that was trained on 0 to 1.  [default: 1]"
STRIDE_HELP: Final = "Sides of frames are multiples of it.  [default: the smallest one with which the network runs]"
TRAINED_HELP: Final = (
    "Dataset that the network was trained on; may be repeated. Calibration refuses its training frames."
)


@click.command("card", epilog=EPILOG)
@click.argument("network", type=click.Path(path_type=Path), metavar="NET.onnx")
@output_option
@click.option("--name", required=True, callback=validate_card_field, help=NAME_HELP)
@model_version_option
@threshold_option
@click.option("--mean", type=float, multiple=True, help=MEAN_HELP)
@click.option("--std", type=click.FloatRange(0, min_open=True), multiple=True, help=STD_HELP)
@click.option("--logits", is_flag=True, help="The output holds logits: add a sigmoid.")
@click.option("--stride", type=click.IntRange(1, 1024), help=STRIDE_HELP)
@click.option(
    "--description", default="a network with a card from rrcanet card", show_default=True, help="One line for people."
)
@click.option("--trained-on", multiple=True, help=TRAINED_HELP)
@click.option("--split", default="train", show_default=True, help="List of the training frames.")
def card_command(
    network: Path,
    output: Path,
    name: str,
    model_version: str,
    threshold: float,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    logits: bool,
    stride: int | None,
    description: str,
    trained_on: tuple[str, ...],
    split: str,
) -> None:
    """Give a network of any origin a card, so that it is served, calibrated, evaluated and benched as any model file.

    NET.onnx needs one float32 input [N, C, H, W] and one float32 output [N, 1, H, W], with free N, H and W. The card
    gets a golden frame with the network's own answer on this machine's CPU.

    Exit code 1: the network has other inputs or outputs, does not run, or its output is no map of probabilities. The
    message says what to do. In these cases nothing is written.
    """
    candidate = output.with_name(f"{output.name}.unverified")  # no .onnx suffix: a server may watch this folder
    try:
        source = read_network(network)
        if any(entry.key == METADATA_KEY for entry in source.metadata_props):
            raise NetworkFault(f"{network} has a card already: it can be served as it is")
        channels = channels_of(source)
        fields = {
            "name": name,
            "version": model_version,
            "description": description,
            "trained_on": trained_on,
            "split": split,
            "recipe": "none",
            "steps": 0,
            "seed": 0,
            "commit": "none",
            "parameters": count_weights(source),
            "in_channels": channels,
            "threshold": threshold,
            "precision": "fp32",
            "opset": opset_of(source),
        }
        with writing(output):
            card = write_any_model(candidate, servable(source, mean or (0.0,), std or (1.0,), logits), fields, stride)
            os.replace(candidate, output)
    except NetworkFault as fault:
        raise click.ClickException(str(fault)) from fault
    finally:
        candidate.unlink(missing_ok=True)
    if card.cuda_gate == "none":
        click.echo(
            "warning: CUDA may not run every node of this network, and then the service refuses it there: "
            "use --device cpu",
            err=True,
        )
    size = output.stat().st_size / 1e6
    click.echo(
        f"wrote {output}: {card.name} {card.version}, {channels} channel(s), stride {card.stride}, {size:.2f} MB"
    )
