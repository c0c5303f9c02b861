"""``rrcanet simulate``: frames with known targets, as a dataset."""

from pathlib import Path
from typing import Final

import click

from service.commands.interruption import termination_interrupts
from service.commands.progress import progress
from service.simulation.dataset import BITS, FEWEST, Split, sequence_frames, still_frames, write_dataset
from service.simulation.scenario import ScenarioName

EPILOG: Final = "Example: rrcanet simulate scenes --count 20 --bits 14"


@click.command("simulate", epilog=EPILOG)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(FEWEST), default=20, show_default=True, help="Number of frames.")
@click.option(
    "--bits",
    type=click.Choice([str(bits) for bits in BITS]),
    default=str(BITS[0]),
    show_default=True,
    help="Bits per pixel; 14 bits are stored in a 16-bit PNG. The scenes are the same for all.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed writes the same files."
)
@click.option("--sequence", is_flag=True, help="Write one sequence: targets that move across one background.")
@click.option(
    "--scenario",
    type=click.Choice([one.value for one in ScenarioName]),
    default=ScenarioName.CALM.value,
    show_default=True,
    help="What makes the sequence hard; needs --sequence.",
)
def simulate_command(out: Path, count: int, bits: str, seed: int, sequence: bool, scenario: str) -> None:
    """Write simulated infrared frames and their true targets to the folder OUT.

    OUT is a dataset that rrcanet train and rrcanet evaluate read: images/, masks/, train.txt and test.txt.
    targets.json has the sub-pixel centre of every target. OUT must be new or empty.
    """
    chosen = ScenarioName(scenario)
    if chosen is not ScenarioName.CALM and not sequence:
        raise click.UsageError("--scenario needs --sequence")
    frames = sequence_frames(count, seed, chosen) if sequence else still_frames(count, seed)
    split = Split.HALVES if sequence else Split.ALTERNATE
    try:
        _refuse_content(out)
        with termination_interrupts():
            write_dataset(out, progress(frames, count, "simulating", "frame"), int(bits), split)
    except KeyboardInterrupt as interrupt:
        raise click.ClickException(f"interrupted; {out} is not complete") from interrupt
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from error
    click.echo(f"{count} frames of {bits} bits in {out}")


def _refuse_content(out: Path) -> None:
    """Check that ``out`` is missing or an empty folder, so that no file of another dataset stays among the new ones."""
    if out.exists() and not out.is_dir():
        raise click.ClickException(f"{out} is a file; choose a folder")
    if out.is_dir() and any(out.iterdir()):
        raise click.ClickException(f"{out} is not empty; choose a new folder")
