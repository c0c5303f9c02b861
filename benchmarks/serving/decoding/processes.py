"""What it would cost to read frames in worker processes, which can be ended, in place of threads, which cannot.

python -m benchmarks.serving.decoding.processes
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import click

from benchmarks.serving.servers.process import cpu_seconds
from service.frames import Budget, decode
from service.simulation.scene import make_scene
from tests.support import frames

FRAMES, ROUNDS, WARM_UP = 300, 5, 20
BODIES = {
    "8-bit PNG, 256x256": (frames.png(make_scene(0, 256, 256).counts(8)), "image/png"),
    "16-bit PNG, 640x512": (frames.png(make_scene(0, 512, 640).counts(14)), "image/png"),
    "16-bit TIFF, 640x512": (frames.tiff(make_scene(0, 512, 640).counts(14)), "image/tiff"),
}


def read(body: bytes, media_type: str) -> object:
    """What a request does first; the result goes back to the process that asked."""
    return decode(body, media_type, Budget())


def pid() -> int:
    """Of the process that runs this."""
    return os.getpid()


def measure(pool: Executor, process: int, body: bytes, media_type: str) -> tuple[float, float]:
    """CPU of this process and of ``process``, and the median duration: milliseconds a frame."""
    for _ in range(WARM_UP):
        pool.submit(read, body, media_type).result()
    before, durations = _cpu(process), []
    for _ in range(FRAMES):
        began = time.perf_counter()
        pool.submit(read, body, media_type).result()
        durations.append(time.perf_counter() - began)
    return 1e3 * (_cpu(process) - before) / FRAMES, 1e3 * statistics.median(durations)


@click.command()
def main() -> None:
    """Measure both in turns, and print the medians of the rounds."""
    with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        worker = processes.submit(pid).result()
        pools = {"thread": (threads, os.getpid()), "process": (processes, worker)}
        for name, (body, media_type) in BODIES.items():
            rounds = [{kind: measure(*pool, body, media_type) for kind, pool in pools.items()} for _ in range(ROUNDS)]
            for kind in pools:
                cpu, duration = (statistics.median(one[kind][index] for one in rounds) for index in (0, 1))
                click.echo(f"{name}, {kind}: {cpu:.2f} ms CPU, {duration:.2f} ms")
        pages = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
        click.echo(f"memory of the worker process: {pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB")


def _cpu(process: int) -> float:
    """Seconds of CPU of this process, and of another one."""
    if process == os.getpid():
        return time.process_time()
    return time.process_time() + cpu_seconds(process)


if __name__ == "__main__":
    main()
