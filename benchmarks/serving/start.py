"""How soon a server gives its first answer, and how much memory it holds, on each engine.

python -m benchmarks.serving.start --other ~/old-checkout --json benchmarks/results/serving-start.json

With ``--other``, servers of another checkout are started too, in turns. The first start of each kind is not
counted: it reads files from the disk that later starts find in memory. OpenVINO starts with an empty folder for
compiled networks, and with one in which an earlier start has kept them.
"""

import time
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
import uvloop

from benchmarks.serving.checkouts import checkouts, other_option
from benchmarks.serving.clients.requests import detect
from benchmarks.serving.measurements.beyond import ask_in_turn
from benchmarks.serving.report import json_option, keep, median, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.process import cpu_seconds, proportional_mb
from benchmarks.serving.servers.start import serve
from service.runtime.choice import Engine
from service.simulation.scene import make_scene
from tests.support import frames

SHALLOW: Final = make_scene(0, 256, 256).counts(8).astype(np.uint8)
DEEP: Final = make_scene(0, 512, 640).counts(14).astype(np.uint16)
SMALL: Final = detect("256x256", frames.png(SHALLOW), "image/png", "mask=png")
LARGE: Final = detect("640x512", frames.png(DEEP), "image/png", "mask=png")
SETTLES_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Started:
    """One start. Seconds from the start of the process; memory is the proportional set size (PSS), MB of 10^6 bytes."""

    first_answer_s: float
    cpu_s: float
    start_mb: float
    small_mb: float
    large_mb: float


COLUMNS: Final = {
    "first_answer_s": "s to the first answer",
    "cpu_s": "CPU s until then",
    "start_mb": "MB at the start",
    "small_mb": "MB after frames of 256x256",
    "large_mb": "MB after frames of 640x512",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is started.

    Attributes:
        which: checkout.
        engine: of the server.
        stored: folder with compiled networks of earlier starts; None for an empty one.
    """

    which: str
    engine: Engine
    stored: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.engine}{', networks stored' if self.stored else ''}, {self.which}"


def start(checkout: Path, kind: Kind, requests: int) -> Started:
    """Start a server on one core, ask it, and stop it."""
    server_cores, own_cores = share_out()
    settings = {"engine": kind.engine.value} | ({"engine_cache": str(kind.stored)} if kind.stored else {})
    with pinned(own_cores), chdir(checkout):
        began = time.monotonic()
        with serve(server_cores, **settings) as served:
            pid = served.process.pid
            uvloop.run(ask_in_turn(served.address, [SMALL], 1))
            first_answer_s, cpu_s = time.monotonic() - began, cpu_seconds(pid)
            time.sleep(SETTLES_S)
            memory = [proportional_mb(pid)]
            for request in (SMALL, LARGE):
                uvloop.run(ask_in_turn(served.address, [request], requests))
                time.sleep(SETTLES_S)
                memory.append(proportional_mb(pid))
            return Started(first_answer_s, cpu_s, *memory)


@click.command()
@other_option
@click.option("--starts", default=5, show_default=True, help="Of each server.")
@click.option("--requests", default=20, show_default=True, help="Of each size.")
@json_option
def main(other: Path | None, starts: int, requests: int, json_file: Path | None) -> None:
    """Start servers in turns, and print the medians."""
    compared = checkouts(other)
    with TemporaryDirectory() as folder:
        kinds = _kinds(list(compared), Path(folder))
        for kind in kinds:
            start(compared[kind.which], kind, requests)
        taken: dict[str, list[Started]] = {kind.name: [] for kind in kinds}
        for _ in range(starts):
            for kind in kinds:
                taken[kind.name].append(start(compared[kind.which], kind, requests))
    rows: list[list[Any]] = [
        [name, *(median([getattr(one, column) for one in found]) for column in COLUMNS)]
        for name, found in taken.items()
    ]
    show(("engine, checkout", *COLUMNS.values()), rows)
    results = {name: [asdict(one) for one in found] for name, found in taken.items()}
    keep(json_file, {"starts": starts, "requests": requests}, results)


def _kinds(checkouts: Sequence[str], folder: Path) -> list[Kind]:
    plain = [Kind(which, engine) for engine in (Engine.ONNXRUNTIME, Engine.OPENVINO) for which in checkouts]
    return plain + [Kind(which, Engine.OPENVINO, folder / which) for which in checkouts]


if __name__ == "__main__":
    main()
