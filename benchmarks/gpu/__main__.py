"""Everything that waits for a GPU, by one command: called again, it goes on where the call before ended.

python3 -m benchmarks.gpu                                               # on the machine; benchmarks/gpu/README.md
python -m benchmarks.gpu --device cpu --quick --root FOLDER --out FOLDER   # here, to see that every step runs
"""

import importlib.util
import os
import time
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.calls import RESULTS
from benchmarks.gpu.marks import mark, outcome_of
from benchmarks.gpu.parcels import MANIFEST, PARTS, is_there, read_manifest, receive
from benchmarks.gpu.results import collect, restore
from benchmarks.gpu.steps import RUNS, Device, Step, plan
from benchmarks.gpu.supervised import Outcome, run

SPARE_S: Final = 25.0  # of a call, to pack what it leaves


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default="/tmp/rrcanet", help="What outlives a call.")
@click.option("--out", type=click.Path(path_type=Path), envvar="OUT", required=True, help="What comes back; $OUT.")
@click.option("--minutes", type=click.FloatRange(0), default=9.5, show_default=True, help="Of this call, in all.")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--quick", is_flag=True, help="Smallest sizes: a rehearsal, whose figures mean nothing.")
@click.option("--run", "runs", multiple=True, default=RUNS, show_default=True, help="RECIPE:SEED to train.")
@click.option("--compile", "fused", is_flag=True, help="Train compiled: a minute a run and call before it pays.")
@click.option("--only", multiple=True, help="Steps by name, also those that are done or have failed.")
def main(
    root: Path,
    out: Path,
    minutes: float,
    device: Device,
    quick: bool,
    runs: tuple[str, ...],
    fused: bool,
    only: tuple[str, ...],
) -> None:
    """Take in what came with this call, then run every step that can be run and is not done, until time is up.

    With --minutes 0 it only takes in.
    """
    until = time.monotonic() + 60 * minutes - SPARE_S
    (root / "results").mkdir(parents=True, exist_ok=True)
    restore(RESULTS, root)
    if MANIFEST.exists():
        for line in receive(read_manifest(), PARTS, root):
            click.echo(line)
    link_cuda(root / "ort")
    for name in [step.name for step in plan(root, device, quick, runs, 0, fused)]:
        left = until - time.monotonic()
        step = next(one for one in plan(root, device, quick, runs, left, fused) if one.name == name)
        log = root / "results" / f"{name}.txt"
        before = written(log)
        click.echo(f"{name}: {advance(step, root, until, only)}")
        if written(log) != before:  # a call that only brings parts need not send everything back
            collect(root, out)


def advance(step: Step, root: Path, until: float, only: tuple[str, ...]) -> str:
    """Run a step if this is the time for it; what became of it."""
    before = outcome_of(step.name, root)
    absent = [name for name in step.needs if MANIFEST.exists() and not is_there(name, root)]
    unfinished = [name for name in step.after if outcome_of(name, root) is None]
    left = until - time.monotonic()
    if only and step.name not in only:
        return "not asked for"
    if before and not only:
        return f"{before} (again with --only {step.name})"
    if absent:
        return f"waits for {', '.join(absent)}"
    if unfinished and not only:
        return f"comes after {', '.join(unfinished)}"
    if left < min(step.least, step.seconds):
        return "waits for the next call"
    outcome = run(step.command, min(step.seconds, left), root / "results" / f"{step.name}.txt", environment(root))
    if outcome is not Outcome.STOPPED and not (step.endless and outcome is Outcome.DONE):
        mark(step.name, root, outcome)
    return outcome.value


def written(file: Path) -> int | None:
    """When, in nanoseconds; None if there is none."""
    return file.stat().st_mtime_ns if file.exists() else None


def environment(root: Path) -> dict[str, str]:
    """What was sent comes before what the machine has."""
    paths = [str(root / "site"), str(root / "ort"), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUNBUFFERED": "1"}


def link_cuda(ort: Path) -> None:
    """Let ONNX Runtime find CUDA's libraries where it looks, beside itself: those that came with PyTorch."""
    found = importlib.util.find_spec("nvidia")
    if ort.exists() and not (ort / "nvidia").exists() and found and found.submodule_search_locations:
        (ort / "nvidia").symlink_to(next(iter(found.submodule_search_locations)))


if __name__ == "__main__":
    main()
