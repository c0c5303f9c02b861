"""What to run within one session of device time, call by call: what each carries, and how long it may take.

python -m benchmarks.gpu.calls                                                        # the first session
python -m benchmarks.gpu.calls --parcel site --parcel NUAA-SIRST-train --training 9   # one that only trains
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.parcels import MANIFEST, PART_BYTES, PARTS, read_manifest
from model.training.commit import VARIABLE, commit

RESULTS: Final = Path(".gpu/results")
KIND: Final = "nvidia-h100-x1"  # named in every call: figures of two cards are no table
# training goes first: its parcels are small, and it can run while ONNX Runtime is still to come
FIRST_SESSION: Final = ("site", "models", "NUAA-SIRST-train", "ort", "NUAA-SIRST-test")
SESSION_MIN: Final = 15.0
START_MIN: Final = 2.0  # until a machine is there; the next two are estimates too
ROUND_MIN: Final = 1 / 3  # of each call beside its command: what travels to and fro, and the wait for the next
TRAINING_MIN: Final = 4.0  # of the first call
COMMAND_MIN: Final = 9.5  # that one command may take
LEAST_MIN: Final = 2.0  # of the last call, or nothing comes of it
PATHS: Final = 6  # parts of a call: eight paths are carried at most, two are the manifest and the results


@click.command()
@click.option("--parcel", "names", multiple=True, default=FIRST_SESSION, show_default=True, help="In this order.")
@click.option("--minutes", type=click.FloatRange(0), default=SESSION_MIN, show_default=True, help="Left, in all.")
@click.option("--training", type=click.FloatRange(0), default=TRAINING_MIN, show_default=True, help="The first call.")
def main(names: tuple[str, ...], minutes: float, training: float) -> None:
    """Print the calls of a session, from what benchmarks.gpu.pack has packed."""
    manifest = read_manifest()
    unknown = [name for name in names if name not in manifest]
    if unknown:
        raise click.UsageError(f"no parcel {', '.join(unknown)}; packed are {', '.join(manifest)}")
    click.echo("\n".join(session(sizes(manifest, names), carried_results(), minutes, training)))


def session(
    parts: Mapping[str, int], results: int = 0, minutes: float = SESSION_MIN, training: float = TRAINING_MIN
) -> Iterator[str]:
    """A line a call: the first trains, the last has what time is left, those between only bring parts.

    What to repeat while the machine is warm comes after them.

    Args:
        parts: bytes by path, in the order of their sending.
        results: bytes of an earlier session's results, which the first call carries.
        minutes: device time left, the start of the machine included.
        training: minutes of the first call.
    """
    command = f"{VARIABLE}={commit()} python3 -m benchmarks.gpu --minutes"
    loads = list(load(parts, results))
    durations = [training, *(0.0 for _ in loads[2:])] if len(loads) > 1 else []
    spent = START_MIN + ROUND_MIN * len(loads) + sum(durations)
    last = min(minutes - spent, COMMAND_MIN)
    for number, (carried, duration) in enumerate(zip(loads, [*durations, last], strict=True), 1):
        paths = ", ".join((str(MANIFEST), *([str(RESULTS)] if results and number == 1 else []), *carried))
        yield f"call {number}: kind {KIND}: carry {paths}: {command} {max(duration, 0):.1f}"
    if last < LEAST_MIN:
        yield f"too much for {minutes:g} minutes: leave out parcels or training"
    yield f"while time is left: kind {KIND}: carry nothing: {command} {COMMAND_MIN}"
    yield "give the machine back"


def load(parts: Mapping[str, int], results: int) -> Iterator[list[str]]:
    """Which parts travel with each call: as many as fit, in order."""
    carried: list[str] = []
    room = 2 * PART_BYTES - results
    for path, size in parts.items():
        if carried and (size > room or len(carried) == PATHS):
            yield carried
            carried, room = [], 2 * PART_BYTES
        carried.append(path)
        room -= size
    yield carried


def sizes(manifest: Mapping[str, int], names: tuple[str, ...]) -> dict[str, int]:
    """Bytes of every part of some parcels, by path."""
    paths = [PARTS / f"{name}.{index:03d}" for name in names for index in range(manifest[name])]
    return {str(path): path.stat().st_size for path in paths}


def carried_results() -> int:
    """Bytes of what an earlier session left; 0 if there was none."""
    return sum(path.stat().st_size for path in RESULTS.glob("*"))


if __name__ == "__main__":
    main()
