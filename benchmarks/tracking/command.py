"""``python -m benchmarks.tracking``: trackers side by side, and what confirmed tracks do to false alarms."""

import json
import subprocess
import time
from collections.abc import Sequence as Many
from pathlib import Path

import click

from benchmarks.tracking.scoring import Counts, Given, score
from benchmarks.tracking.sequences import Sequence, detect_sequence
from service.models.repository import load_detector
from service.pretrained import DEFAULT
from service.runtime import Device
from service.simulation.scenario import ScenarioName
from service.tracking.tracker import Tracker

LIBRARIES = {"norfair": "norfair", "bytetrack": "trackers", "ocsort": "trackers", "stonesoup": "stonesoup"}
HEADER = (
    "scenario", "tracker", "Pd", "false/frame", "Pd live", "false live", "Pd held", "false held", "Pd not static",
    "false not static", "switches", "ms/frame",
)  # fmt: skip

Tracks = list[list[list[Given]]]  # by sequence, frame and target


@click.command()
@click.option("--seeds", default=8, show_default=True, help="Sequences of each scenario.")
@click.option(
    "--first-seed", default=0, show_default=True, help="Of the first sequence; the tracker was tuned on 0 to 3."
)
@click.option("--frames", default=200, show_default=True, help="Frames of each sequence.")
@click.option(
    "--scenario", "names", multiple=True, type=click.Choice([one.value for one in ScenarioName]), help="All but calm."
)
@click.option("--venvs", type=click.Path(path_type=Path), help="A folder with a virtual environment for each library.")
def tracking_command(seeds: int, first_seed: int, frames: int, names: Many[str], venvs: Path | None) -> None:
    """Print a table: for each scenario and tracker the scores of single frames and of confirmed tracks.

    "live" counts what a stream says at once. "held" is what `rrcanet detect --track` writes, a few frames later.
    """
    detector = load_detector(DEFAULT, Device.CPU)
    click.echo("| " + " | ".join(HEADER) + " |\n" + "| --- " * len(HEADER) + "|")
    for name in [ScenarioName(one) for one in names] or list(ScenarioName)[1:]:
        sequences = [detect_sequence(detector, name, first_seed + place, frames) for place in range(seeds)]
        report(name, "this one", sequences, *own_tracks(sequences))
        for contender, library in LIBRARIES.items() if venvs else ():
            assert venvs is not None
            report(name, contender, sequences, *_run(venvs / library / "bin" / "python", contender, sequences))


def report(name: ScenarioName, tracker: str, sequences: list[Sequence], tracks: Tracks, ms: float) -> None:
    """Print the line of one tracker."""
    total = Counts()
    for sequence, given in zip(sequences, tracks, strict=True):
        total.add(score(sequence, given))
    cells = [name.value, tracker]
    for kind in ("", "_confirmed", "_later", "_moving"):
        cells += [
            f"{100 * getattr(total, f'found{kind}') / total.truths:.1f} %",
            f"{getattr(total, f'false{kind}') / total.frames:.3f}",
        ]
    click.echo("| " + " | ".join([*cells, str(total.switches), f"{ms:.2f}"]) + " |")


def own_tracks(sequences: list[Sequence]) -> tuple[Tracks, float]:
    """The tracks of ``service.tracking``, and its milliseconds a frame."""
    tracks: Tracks = []
    began = time.perf_counter()
    for sequence in sequences:
        tracker = Tracker()
        given = [tracker.update(found, shift) for found, shift in zip(sequence.found, sequence.shifts, strict=True)]
        tracks.append([[Given(t.id, t.confirmed, t.static) for t in frame if t] for frame in given])
    frames = sum(len(sequence.found) for sequence in sequences)
    return tracks, 1000 * (time.perf_counter() - began) / frames


def _run(python: Path, contender: str, sequences: list[Sequence]) -> tuple[Tracks, float]:
    given = [
        [
            [list(shift), [[*target.centroid, *target.bbox, target.confidence] for target in found]]
            for shift, found in zip(sequence.shifts, sequence.found, strict=True)
        ]
        for sequence in sequences
    ]
    script = Path(__file__).with_name("contenders.py")
    ended = subprocess.run(
        [python, script, contender], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    answer = json.loads(ended.stdout)
    # a target without a track has an id of its own, so that nothing vouches for it
    tracks = [
        [
            [Given(-1 - index if one[0] < 0 else one[0], bool(one[1])) for index, one in enumerate(frame)]
            for frame in frames
        ]
        for frames in answer["answers"]
    ]
    return tracks, float(answer["ms"])
