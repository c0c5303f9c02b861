"""The rate of ``rrcanet detect`` on a video, against the network alone.

python -m benchmarks.video --json benchmarks/results/video.json

Without VIDEO, simulated sequences are recorded with several codecs. Each time ``detect`` has done ``--every`` frames,
it is stopped (SIGSTOP), and the network runs alone for some seconds, as ``rrcanet bench`` runs it: one frame in a call,
and as many as there are CPUs. So each part of the video is compared with the network just before and just after it,
because others may use the machine. ``ratio`` is the median over the parts. CPU seconds do not depend on what others do.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import numpy as np

from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.process import cpu_seconds
from benchmarks.video.record import CODECS, decoding_cpu_s, record
from export.bench.cases import Case, Shape, model_case
from export.bench.timing import Clients, Plan, measure, warm_up
from service.commands.detect.video.decoder import open_video
from service.commands.progress import LINES_EVERY
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime
from service.runtime.cpus import available_cpus
from service.runtime.runtime import load_runtime
from service.settings import load_engine_choice

NAME: Final = "python -m benchmarks.video"
DETECT: Final = "from service.cli import main; main()"
HEAD: Final = (
    *("video", "MB", "decoding, CPU ms", "parts", "detect, frames a second", "CPU s"),
    *("frames in a call", "network alone", "network alone, CPU s", "ratio"),
)


class Speed(NamedTuple):
    """Frames a second, and CPU seconds a frame."""

    rate: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a video, and the network alone around it, by frames in a call."""

    detect: Speed
    alone: dict[int, Speed]


@click.command(epilog=f"Example: {NAME} flight.mkv --every 100")
@click.argument("videos", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--frames", default=600, show_default=True, help="Of a recorded video.")
@click.option(
    "--every",
    type=click.IntRange(LINES_EVERY),
    default=100,
    show_default=True,
    help=f"Frames after which the network runs alone; rounded up to the next {LINES_EVERY}, which detect reports.",
)
@click.option("--seconds", default=6.0, show_default=True, help="For which it runs alone, in each case.")
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT)
@json_option
def main(
    videos: tuple[Path, ...], frames: int, every: int, seconds: float, model: Path, json_file: Path | None
) -> None:
    """Measure on VIDEOS, or on recorded ones."""
    runtime, rows, results = load_runtime(model, Device.AUTO, choice=load_engine_choice(Device.AUTO)), [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, video in _named(videos, Path(folder), frames):
            runtime.settle()  # what it does beside its runs must not count as decoding
            decoding = decoding_cpu_s(video)
            parts = list(_parts(model, video, every, _Alone(runtime, video, seconds)))
            if not parts:
                raise click.ClickException(f"{name} has too few frames: it needs at least twice --every {every}")
            size = video.stat().st_size
            rows += [[name, size / 1e6, 1e3 * decoding, *row] for row in _rows(parts)]
            results[name] = {"bytes": size, "decoding_cpu_s": decoding, "parts": [asdict(part) for part in parts]}
            click.echo(f"{name}: {results[name]}", err=True)
    show(HEAD, rows)
    options = {"every": every, "seconds": seconds} | ({} if videos else {"frames": frames})
    keep(json_file, options, {"videos": results})


def _named(videos: Sequence[Path], folder: Path, frames: int) -> Iterator[tuple[str, Path]]:
    """The videos with their names in the table, or recorded ones, which are removed after use."""
    yield from ((video.name, video) for video in videos)
    for codec in CODECS if not videos else ():
        path = folder / f"{codec.encoder}-{codec.pixels}{codec.suffix}"
        record(codec, path, frames)
        yield codec.name, path
        path.unlink()


def _rows(parts: list[Part]) -> list[list[Any]]:
    """A row for each case of the network alone, with medians over the parts."""
    detect = Speed(*np.median([part.detect for part in parts], axis=0))
    return [
        [
            *(len(parts), *detect, batch),
            *np.median([part.alone[batch] for part in parts], axis=0),
            statistics.median(part.detect.rate / part.alone[batch].rate for part in parts),
        ]
        for batch in parts[0].alone
    ]


class _Alone:
    """The network without decoding, in cases of one frame in a call, and of as many as there are CPUs."""

    def __init__(self, runtime: Runtime, video: Path, seconds: float) -> None:
        self._runtime = runtime
        with open_video(str(video)) as container:
            stream = container.streams.video[0]
            size = stream.width, stream.height
        self._cases = [model_case(runtime, Shape(*size, batch)) for batch in sorted({1, available_cpus()})]
        self._plan = Plan(seconds, turns=1)

    def speeds(self) -> dict[int, Speed]:
        """By frames in a call."""
        with Clients() as clients:
            for case in self._cases:
                warm_up(case, clients)
            self._runtime.settle()
            return {case.shape.batch: self._speed(case, clients) for case in self._cases}

    def _speed(self, case: Case, clients: Clients) -> Speed:
        cpu = time.process_time()
        (timing,) = measure([case], self._plan, clients)
        frames = timing.calls * case.shape.batch
        return Speed(timing.frames_per_second, (time.process_time() - cpu) / frames)


def _parts(model: Path, video: Path, every: int, alone: _Alone) -> Iterator[Part]:
    """Run ``rrcanet detect`` and stop it after each part; the part with its start is not measured."""
    before: dict[int, Speed] | None = None
    with tempfile.TemporaryDirectory() as out, _detecting(model, video, out) as process:
        began, cpu, first = 0.0, 0.0, 0
        for done in _progress(process):
            if done < first + every:
                continue
            frames, seconds = done - first, time.monotonic() - began
            os.kill(process.pid, signal.SIGSTOP)  # Popen.send_signal would reap a process that has just ended
            speed = Speed(frames / seconds, (cpu_seconds(process.pid) - cpu) / frames)
            after = alone.speeds()
            if before is not None:
                yield Part(speed, {batch: Speed(*np.mean([before[batch], after[batch]], axis=0)) for batch in after})
            before, first, cpu = after, done, cpu_seconds(process.pid)
            os.kill(process.pid, signal.SIGCONT)
            began = time.monotonic()
    if process.returncode:
        raise click.ClickException(f"detect ended with {process.returncode}")


@contextmanager
def _detecting(model: Path, video: Path, out: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", DETECT, "detect", str(video), "--model", str(model), "--out", out]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()  # a stopped process would never end
            raise


def _progress(process: "subprocess.Popen[str]") -> Iterator[int]:
    """The number of frames that are done, whenever it is printed."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.match(r"(\d+) (of \d+ )?frames", line):
            yield int(match[1])
