"""``python -m benchmarks.bulk``: kills a bulk run half-way, resumes it, counts its rows, and compares its rate.

The rate is that of the resumed run from its first rows on, against a bare loop: one process that reads a file and
detects in it with all threads, frame after frame.
"""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import click
from pyarrow import parquet as pq

from benchmarks.serving.machine import describe_machine
from service.commands.detect.reading import read_frames
from service.commands.detect.sources import find_sources
from service.detection.options import Options
from service.frames import Frame
from service.models.repository import load_detector
from service.pretrained import DEFAULT
from service.runtime import Device
from service.simulation.dataset import still_frames, write_dataset

BULK = "from distributed.command import bulk_command; bulk_command()"


@click.command(epilog="Example: python -m benchmarks.bulk work --frames 1000")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--frames", default=1000, show_default=True, help="Simulated frames; those of an earlier run are taken.")
@click.option("--loop-frames", default=100, show_default=True, help="Frames of the bare loop.")
@click.option("--part-frames", default=100, show_default=True)
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--address", help="Of a Ray cluster; without it, processes of this machine.")
def main(folder: Path, frames: int, loop_frames: int, part_frames: int, model: Path, address: str | None) -> None:
    """Measure in FOLDER."""
    images = folder / "frames" / "images"
    if len(list(images.glob("*.png"))) != frames:
        write_dataset(folder / "frames", still_frames(frames, 0), 8)
    out = folder / f"out-{time.time_ns()}"
    where = [] if address is None else ["--address", address]
    command = [str(images), "--out", str(out), "--model", str(model), "--part-frames", str(part_frames), *where]
    killed = _kill_half_way(command, out, frames)
    seconds = _run(command)
    rows = Counter(_paths(out))
    missing, twice = frames - len(rows), sum(count > 1 for count in rows.values())
    loop = _loop(images, model, loop_frames)
    machine = describe_machine()
    click.echo(f"{machine['cores']} cores of {machine['cpu']}, load {machine['load_average']}")
    click.echo(f"{frames} frames, model {model.name}")
    click.echo(f"killed at {killed} rows; after the resumed run {missing} rows are missing, {twice} are twice")
    click.echo(f"resumed run, start included: {(frames - killed) / seconds:.2f} frames a second")
    click.echo(f"bare loop: {loop:.2f} frames a second")
    sys.exit(missing or twice)


def _kill_half_way(command: list[str], out: Path, frames: int) -> int:
    """The number of rows that a run had written when it was killed."""
    process = subprocess.Popen([sys.executable, "-c", BULK, *command])
    while process.poll() is None and len(_paths(out)) < frames // 2:
        time.sleep(0.5)
    process.kill()
    process.wait()
    return len(_paths(out))


def _run(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", BULK, *command], check=True)
    return time.monotonic() - began


def _paths(out: Path) -> list[str]:
    return [
        path for part in out.glob("part-*.parquet") for path in pq.read_table(part, columns=["path"])[0].to_pylist()
    ]


def _loop(images: Path, model: Path, frames: int) -> float:
    """Frames a second of a plain loop."""
    detector = load_detector(model, Device.CPU)
    began = time.monotonic()
    for source in find_sources([images])[:frames]:
        for frame in read_frames(source, None):
            assert isinstance(frame, Frame)
            detector.detect(frame, Options())
    return frames / (time.monotonic() - began)


if __name__ == "__main__":
    main()
