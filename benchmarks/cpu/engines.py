"""The engines behind a server, and the network alone by other libraries: CPU time, start and memory, in turns.

CPU time hardly depends on what else the machine does; the time until ready does. Libraries whose packages exclude each
other have environments of their own, in ``.venv-bench``.

python -m benchmarks.cpu.engines --json benchmarks/results/cpu-engines.json --page docs/explanation/cpu-engines.md
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import click
import httpx
import numpy as np

from benchmarks.cpu.libraries import (
    DIFFERENCE,
    Failed,
    Library,
    Row,
    answers_of,
    difference,
    libraries,
    measure_alone,
    write_frames,
)
from benchmarks.figures.page import write_figures
from benchmarks.serving.servers.cores import share_out
from benchmarks.serving.servers.process import cpu_seconds, resident_mb, settle
from benchmarks.serving.servers.start import Served, StartFault, serve
from export.bench.report import describe_machine
from export.report.table import Table
from service.runtime.cpus import has_bf16

NAME: Final = "python -m benchmarks.cpu.engines"
ENGINES: Final = {
    "ONNX Runtime f32": {"engine": "onnxruntime"},
    "OpenVINO f32": {"engine": "openvino", "precision": "f32"},
    "OpenVINO bf16": {"engine": "openvino", "precision": "bf16"},
}
SIZES: Final = ((256, 256), (512, 640))  # height, width
WARM_UP: Final = 5
RAW: Final = {"Content-Type": "application/octet-stream"}
Figures = dict[str, list[Row]]
Contender = TypeVar("Contender")


def measure(settings: Mapping[str, str], runs: int) -> Row:
    """One server from its start to its end."""
    cores, _ = share_out()
    with serve(cores, **settings) as served, _client(served) as client:
        process = served.process.pid
        row = {
            "ready s": served.ready_after_s,
            "CPU s to ready": cpu_seconds(process),
            "MB ready": resident_mb(process),
        }
        for height, width in SIZES:
            row[f"CPU ms {width}x{height}"] = _cpu_ms(process, client, height, width, runs)
        return row | {"MB at the end": resident_mb(process)}


def _client(served: Served) -> httpx.Client:
    return httpx.Client(base_url=f"http://{served.address.host}:{served.address.port}", timeout=120)


def _cpu_ms(process: int, client: httpx.Client, height: int, width: int, runs: int) -> float:
    frame = np.random.default_rng(0).integers(0, 200, (height, width), np.uint8).tobytes()
    path = f"/v1/detect?width={width}&height={height}&dtype=u8&mask=none"
    for _ in range(WARM_UP):
        client.post(path, content=frame, headers=RAW).raise_for_status()
    settle(process)
    before = cpu_seconds(process)
    for _ in range(runs):
        client.post(path, content=frame, headers=RAW).raise_for_status()
    return 1e3 * (cpu_seconds(process) - before) / runs


@click.command(epilog="Example: python -m benchmarks.cpu.engines --rounds 1 --only torch --only 'ONNX Runtime f32'")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--runs", type=click.IntRange(1), default=10, show_default=True, help="Answers that are timed.")
@click.option("--only", multiple=True, help="Only what has this in its name.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables into this page.")
def main(rounds: int, runs: int, only: tuple[str, ...], json_file: Path | None, page: Path | None) -> None:
    """Print the medians of all rounds: of servers, and of the network alone."""
    if page is not None and only:
        raise click.UsageError("--page needs every engine: leave out --only")
    engines = _chosen({name: one for name, one in ENGINES.items() if has_bf16() or "bf16" not in name}, only)
    alone = _chosen({one.name: one for one in libraries()}, only)
    missing: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        frames = Path(folder) / "frames"
        write_frames(frames, SIZES)
        servers = _rounds(engines, rounds, lambda settings: measure(settings, runs), missing)
        networks = _rounds(alone, rounds, _Alone(frames, runs), missing)
    about = f"{describe_machine()}. Rounds: {rounds}. Answers: {runs}."
    found = {"machine": about, "rounds": servers, "network": networks, "missing": missing}
    click.echo(render(found))
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n")
    if page is not None:
        write_figures(page, NAME, render(found))


def render(found: Mapping[str, Any]) -> str:
    """The medians over the rounds as tables."""
    missing = Table(("no figures", "why"), tuple(found["missing"].items()))
    tables = (table("server", found["rounds"]), table("the network alone", found["network"]), missing)
    return "\n\n".join([found["machine"], *(one.markdown() for one in tables if one.rows)])


class _Alone:
    """Measures libraries, and compares their answers with those of the first one."""

    def __init__(self, folder: Path, runs: int) -> None:
        self._folder, self._runs = folder, runs
        self._core = min(share_out()[0])
        self._expected: Sequence[np.ndarray] = []

    def __call__(self, library: Library) -> Row:
        row = measure_alone(library, self._folder, self._runs, self._core)
        answers = answers_of(self._folder)
        self._expected = self._expected or answers
        return row | {DIFFERENCE: difference(answers, self._expected)}


def _rounds(
    contenders: Mapping[str, Contender], rounds: int, step: Callable[[Contender], Row], missing: dict[str, str]
) -> Figures:
    """Figures of every contender in turns; one that fails is ``missing`` from then on."""
    found: Figures = {}
    for _ in range(rounds):
        for name, contender in contenders.items():
            if name in missing:
                continue
            try:
                found.setdefault(name, []).append(step(contender))
            except (Failed, StartFault, httpx.HTTPError) as fault:
                missing[name] = _reason(fault)
            click.echo(f"{name}: {missing.get(name) or found[name][-1]}", err=True)
    return {name: rows for name, rows in found.items() if rows}


def _reason(fault: Exception) -> str:
    """One line: of a log the last one; of a refusal the first one, for the last one is a link."""
    lines = str(fault).strip().splitlines() or [type(fault).__name__]
    return lines[0] if isinstance(fault, httpx.HTTPError) else lines[-1]


def table(head: str, found: Figures) -> Table:
    """The medians over the rounds."""
    middle = {name: {key: median(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}
    columns = tuple(next(iter(middle.values()), {}))
    rows = tuple((name, *(f"{row[key]:.3g}" for key in columns)) for name, row in middle.items())
    return Table((head, *columns), rows)


def _chosen(contenders: Mapping[str, Contender], only: Iterable[str]) -> dict[str, Contender]:
    names = tuple(only)
    return {name: one for name, one in contenders.items() if not names or any(part in name for part in names)}


if __name__ == "__main__":
    main()
