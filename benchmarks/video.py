"""``python -m benchmarks.video VIDEO...``: the rate of ``rrcanet detect`` on a video, against the network alone.

Each time ``detect`` has done ``--every`` frames, it is stopped (SIGSTOP), and the network runs alone for some seconds,
as ``rrcanet bench`` runs it: one frame in a call, and as many as there are CPUs. So each part of the video is compared
with the network just before and just after it, because others may use the machine. ``ratio`` is the median over the
parts.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.serving.report import json_option, keep, show
from export.bench.cases import Shape, model_case
from export.bench.timing import Clients, Plan, measure, warm_up
from service.commands.detect.video.decoder import open_video
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime
from service.runtime.cpus import available_cpus

DETECT = "from service.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Part:
    """Frames a second in a part of a video, and of the network alone around it, by frames in a call."""

    detect: float
    alone: dict[int, float]


@click.command(epilog="Example: python -m benchmarks.video flight.mkv --every 100")
@click.argument("videos", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--every", default=100, show_default=True, help="Frames after which the network runs alone.")
@click.option("--seconds", default=6.0, show_default=True, help="For which it runs alone, in each case.")
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT)
@json_option
def main(videos: tuple[Path, ...], every: int, seconds: float, model: Path, json_file: Path | None) -> None:
    """Measure on VIDEOS."""
    runtime, rows, results = Runtime(model, Device.AUTO), [], {}
    for video in videos:
        parts = list(_parts(video, every, _Alone(runtime, video, seconds)))
        rows += _rows(video, parts)
        results[video.name] = [{"detect": part.detect, "alone": part.alone} for part in parts]
    show(("video", "parts", "detect", "frames in a call", "network alone", "ratio"), rows)
    keep(json_file, {"every": every, "seconds": seconds}, {"parts": results})


def _rows(video: Path, parts: list[Part]) -> list[list[Any]]:
    detect = statistics.median(part.detect for part in parts)
    return [
        [
            video.name,
            len(parts),
            detect,
            batch,
            statistics.median(part.alone[batch] for part in parts),
            statistics.median(part.detect / part.alone[batch] for part in parts),
        ]
        for batch in parts[0].alone
    ]


class _Alone:
    """The network without decoding, in cases of one frame in a call, and of as many as there are CPUs."""

    def __init__(self, runtime: Runtime, video: Path, seconds: float) -> None:
        with open_video(str(video)) as container:
            stream = container.streams.video[0]
            size = stream.width, stream.height
        self._cases = [model_case(runtime, Shape(*size, batch)) for batch in sorted({1, available_cpus()})]
        self._plan = Plan(seconds, turns=1)

    def rates(self) -> dict[int, float]:
        """Frames a second by frames in a call."""
        with Clients() as clients:
            for case in self._cases:
                warm_up(case, clients)
            timings = measure(self._cases, self._plan, clients)
        return {case.shape.batch: one.frames_per_second for case, one in zip(self._cases, timings, strict=True)}


def _parts(video: Path, every: int, alone: _Alone) -> Iterator[Part]:
    """Run ``rrcanet detect`` and stop it after each part; the part with its start is not measured."""
    before: dict[int, float] | None = None
    with tempfile.TemporaryDirectory() as out, _detecting(video, out) as process:
        began, first = 0.0, 0
        for done in _progress(process):
            if done % every:
                continue
            rate = (done - first) / (time.monotonic() - began)
            process.send_signal(signal.SIGSTOP)
            after = alone.rates()
            if before is not None:
                yield Part(rate, {batch: (before[batch] + after[batch]) / 2 for batch in after})
            before, first = after, done
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


if __name__ == "__main__":
    main()
