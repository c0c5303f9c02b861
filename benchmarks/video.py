"""``python -m benchmarks.video VIDEO...``: the rate of ``rrcanet detect`` on a video, against the network alone.

Each time ``detect`` has done ``--every`` frames, it is stopped (SIGSTOP), and the network runs alone for some seconds,
as ``rrcanet bench`` runs it: one frame in a call, and as many as there are CPUs. So each part of the video is compared
with the network just before and just after it, because others may use the machine. ``ratio`` is the median over the
parts. CPU seconds do not depend on what others do.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from benchmarks.serving.report import json_option, keep, show
from export.bench.cases import Case, Shape, model_case
from export.bench.timing import Clients, Plan, measure, warm_up
from service.commands.detect.video.decoder import open_video
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime
from service.runtime.cpus import available_cpus
from service.runtime.runtime import load_runtime
from service.settings import load_engine_choice

DETECT = "from service.cli import main; main()"


class Speed(NamedTuple):
    """Frames a second, and CPU seconds a frame."""

    rate: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a video, and the network alone around it, by frames in a call."""

    detect: Speed
    alone: dict[int, Speed]


@click.command(epilog="Example: python -m benchmarks.video flight.mkv --every 100")
@click.argument("videos", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--every", default=100, show_default=True, help="Frames after which the network runs alone.")
@click.option("--seconds", default=6.0, show_default=True, help="For which it runs alone, in each case.")
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT)
@json_option
def main(videos: tuple[Path, ...], every: int, seconds: float, model: Path, json_file: Path | None) -> None:
    """Measure on VIDEOS."""
    runtime, rows, results = load_runtime(model, Device.AUTO, choice=load_engine_choice(Device.AUTO)), [], {}
    for video in videos:
        parts = list(_parts(video, every, _Alone(runtime, video, seconds)))
        rows += _rows(video, parts)
        results[video.name] = [asdict(part) for part in parts]
    show(("video", "parts", "detect", "CPU s", "frames in a call", "network alone", "CPU s", "ratio"), rows)
    keep(json_file, {"every": every, "seconds": seconds}, {"parts": results})


def _rows(video: Path, parts: list[Part]) -> list[list[Any]]:
    """A row for each case of the network alone, with medians over the parts."""
    detect = Speed(*np.median([part.detect for part in parts], axis=0))
    return [
        [
            *(video.name, len(parts), *detect, batch),
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


def _parts(video: Path, every: int, alone: _Alone) -> Iterator[Part]:
    """Run ``rrcanet detect`` and stop it after each part; the part with its start is not measured."""
    before: dict[int, Speed] | None = None
    with tempfile.TemporaryDirectory() as out, _detecting(video, out) as process:
        began, cpu, first = 0.0, 0.0, 0
        for done in _progress(process):
            if done % every:
                continue
            frames, seconds = done - first, time.monotonic() - began
            process.send_signal(signal.SIGSTOP)
            speed = Speed(frames / seconds, (cpu_seconds(process.pid) - cpu) / frames)
            after = alone.speeds()
            if before is not None:
                yield Part(speed, {batch: Speed(*np.mean([before[batch], after[batch]], axis=0)) for batch in after})
            before, first, cpu = after, done, cpu_seconds(process.pid)
            process.send_signal(signal.SIGCONT)
            began = time.monotonic()
    if process.returncode:
        raise click.ClickException(f"detect ended with {process.returncode}")


def _detecting(video: Path, out: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", DETECT, "detect", str(video), "--out", out]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)


def _progress(process: "subprocess.Popen[str]") -> Iterator[int]:
    """The number of frames that are done, whenever it is printed."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.match(r"(\d+) (of \d+ )?frames", line):
            yield int(match[1])


def cpu_seconds(process: int) -> float:
    """What a process has used so far (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
