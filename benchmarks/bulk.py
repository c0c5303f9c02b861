"""``python -m benchmarks.bulk``: kills a bulk run half-way, resumes it, counts its rows, and compares its rate.

Rates include the start. The bare loop is one process that reads a file and detects in it with all threads, frame after
frame. On a machine that other work shares, compare CPU time: that of the resumed run has all of its processes.
"""

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

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
from service.settings import load_engine_choice
from service.simulation.dataset import write_dataset
from service.simulation.scene import Scene, make_scene

BULK: Final = "from distributed.command import bulk_command; bulk_command()"
OBJECT_STORE_BYTES: Final = 100 * 2**20  # of each node: rows are small


class Spent(NamedTuple):
    """What some work took, in seconds."""

    wall: float
    cpu: float


@click.command(epilog="Example: python -m benchmarks.bulk work --frames 1000")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--frames", default=1000, show_default=True, help="Simulated frames; those of an earlier run are taken.")
@click.option("--height", default=128, show_default=True)
@click.option("--width", default=160, show_default=True)
@click.option("--loop-frames", default=100, show_default=True, help="Frames of the bare loop.")
@click.option("--part-frames", default=100, show_default=True)
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--address", help="Of a Ray cluster; without it, processes of this machine.")
@click.option("--nodes", type=int, help="Start a Ray cluster of so many nodes with a CPU each on this machine.")
def main(
    folder: Path,
    frames: int,
    height: int,
    width: int,
    loop_frames: int,
    part_frames: int,
    model: Path,
    address: str | None,
    nodes: int | None,
) -> None:
    """Measure in FOLDER."""
    images = folder / f"frames-{frames}-{width}x{height}" / "images"
    if len(list(images.glob("*.png"))) != frames:
        write_dataset(images.parent, _scenes(frames, height, width), 8)
    out = folder / f"out-{time.time_ns()}"
    with _cluster(nodes, address) as where:
        command = [str(images), "--out", str(out), "--model", str(model), "--part-frames", str(part_frames), *where]
        killed, until_killed = _kill_half_way(command, out, frames)
        if killed == frames:
            raise click.ClickException("the run ended before it was killed; take more --frames")
        resumed = _run(command)
    rows = Counter(path for part in _parts(out) for path in _paths(part))
    missing, twice = frames - len(rows), sum(count > 1 for count in rows.values())
    loop = _loop(images, model, loop_frames)
    left = frames - killed
    machine = describe_machine()
    click.echo(f"{machine['cores']} cores of {machine['cpu']}, load {machine['load_average']}, nice {os.nice(0)}")
    click.echo(f"{frames} frames of {width}x{height}, model {model.name}")
    click.echo(f"killed at {killed} rows; after the resumed run {missing} rows are missing, {twice} are twice")
    click.echo(f"first run until the kill, start included: {killed / until_killed:.2f} frames a second")
    click.echo(f"resumed run, start included: {left / resumed.wall:.2f} frames a second")
    click.echo(f"bare loop: {loop_frames / loop.wall:.2f} frames a second")
    if not where:  # the processes of a cluster are not those of the run
        click.echo(f"CPU of a frame: {1e3 * resumed.cpu / left:.2f} ms in the resumed run, start included")
    click.echo(f"CPU of a frame: {1e3 * loop.cpu / loop_frames:.2f} ms in the bare loop")
    sys.exit(missing or twice)


def _scenes(count: int, height: int, width: int) -> Iterator[tuple[str, Scene]]:
    for seed in range(count):
        yield f"scene_{seed:06d}", make_scene(seed, height, width)


@contextmanager
def _cluster(nodes: int | None, address: str | None) -> Iterator[list[str]]:
    """The options of the command for its cluster, if it has one."""
    if nodes is None:
        yield [] if address is None else ["--address", address]
        return
    from ray.cluster_utils import Cluster

    each = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=each | {"include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**each)
        yield ["--address", cluster.address]
    finally:
        cluster.shutdown()


def _kill_half_way(command: list[str], out: Path, frames: int) -> tuple[int, float]:
    """The number of rows that a run had written when it was killed, and the seconds until then."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", BULK, *command])
    while process.poll() is None and _count(out) < frames // 2:
        time.sleep(0.05)
    process.kill()
    process.wait()
    return _count(out), time.monotonic() - began


def _run(command: list[str]) -> Spent:
    began, cpu = time.monotonic(), _cpu_of_children()
    subprocess.run([sys.executable, "-c", BULK, *command], check=True)
    return Spent(time.monotonic() - began, _cpu_of_children() - cpu)


def _cpu_of_children() -> float:
    """CPU time of all processes that have ended and were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _count(out: Path) -> int:
    return sum(pq.read_metadata(part).num_rows for part in _parts(out))


def _parts(out: Path) -> list[Path]:
    return sorted(out.glob("part-*.parquet"))


def _paths(part: Path) -> list[str]:
    return [str(path) for path in pq.read_table(part, columns=["path"])[0].to_pylist()]


def _loop(images: Path, model: Path, frames: int) -> Spent:
    """A plain loop over so many frames, without its start."""
    detector = load_detector(model, Device.CPU, choice=load_engine_choice(Device.CPU))
    began, cpu = time.monotonic(), time.process_time()
    for source in find_sources([images])[:frames]:
        for frame in read_frames(source, None):
            assert isinstance(frame, Frame)
            detector.detect(frame, Options())
    return Spent(time.monotonic() - began, time.process_time() - cpu)


if __name__ == "__main__":
    main()
