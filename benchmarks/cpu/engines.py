"""The engines behind a server: CPU time of an answer, start to ready, and memory; a process for each, in turns.

CPU time hardly depends on what else the machine does; the time until ready does.

python -m benchmarks.cpu.engines --rounds 3 --json benchmarks/results/cpu-engines.json
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import click
import httpx
import numpy as np

from export.bench.report import describe_machine
from export.report.table import Table
from service.runtime.cpus import has_bf16

ENGINES: Final = {
    "ONNX Runtime f32": {"ENGINE": "onnxruntime"},
    "OpenVINO f32": {"ENGINE": "openvino", "PRECISION": "f32"},
    "OpenVINO bf16": {"ENGINE": "openvino", "PRECISION": "bf16"},
}
SIZES: Final = ((256, 256, 12), (512, 640, 5))  # height, width, answers that are timed
IDLE_S: Final = 1.0  # without CPU time; by then networks for these sizes are compiled
RAW: Final = {"Content-Type": "application/octet-stream"}
Row = dict[str, float]


@contextmanager
def _server(settings: dict[str, str]) -> Iterator[tuple[int, httpx.Client]]:
    """A server on one core; its process id and a client."""
    variables = os.environ | {f"RRCANET_{name}": value for name, value in settings.items()}
    command = ["taskset", "-c", "0", sys.executable, "-m", "service", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = iter(process.stderr)
    address = next(match[1] for line in lines if (match := re.search(r"running on (http://[\d.:]+)", line)))
    threading.Thread(target=lambda: list(lines), daemon=True).start()  # the log must not fill its pipe
    try:
        with httpx.Client(base_url=address, timeout=120) as client:
            yield process.pid, client
    finally:
        process.terminate()
        process.wait()


def measure(settings: dict[str, str]) -> Row:
    """One server from its start to its end."""
    began = time.perf_counter()
    with _server(settings) as (process, client):
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        row = {"ready s": time.perf_counter() - began, "CPU s to ready": _cpu_s(process), "MB ready": _mb(process)}
        for height, width, answers in SIZES:
            row[f"CPU ms {width}x{height}"] = _cpu_ms(process, client, height, width, answers)
        return row | {"MB at the end": _mb(process)}


def _cpu_ms(process: int, client: httpx.Client, height: int, width: int, answers: int) -> float:
    frame = np.random.default_rng(0).integers(0, 200, (height, width), np.uint8).tobytes()
    path = f"/v1/detect?width={width}&height={height}&dtype=u8&mask=none"
    for _ in range(5):
        client.post(path, content=frame, headers=RAW).raise_for_status()
    before = _settled_cpu_s(process)
    for _ in range(answers):
        client.post(path, content=frame, headers=RAW).raise_for_status()
    return 1e3 * (_cpu_s(process) - before) / answers


def _settled_cpu_s(process: int) -> float:
    """CPU time of the process, after a second without any."""
    spent = -1.0
    while spent != (now := _cpu_s(process)):
        spent = now
        time.sleep(IDLE_S)
    return now


def _cpu_s(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _mb(process: int) -> float:
    resident = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE") / 1e6


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(rounds: int, json_file: Path | None) -> None:
    """Print the medians of all rounds."""
    engines = {
        name: settings for name, settings in ENGINES.items() if has_bf16() or settings.get("PRECISION") != "bf16"
    }
    found: dict[str, list[Row]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, settings in engines.items():
            found[name].append(measure(settings))
            click.echo(f"{name}: {found[name][-1]}", err=True)
    middle = {name: {key: median(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}
    columns = tuple(next(iter(middle.values())))
    rows = tuple((name, *(f"{row[key]:.3g}" for key in columns)) for name, row in middle.items())
    about = f"{describe_machine()}, load {os.getloadavg()[0]:.1f}"
    click.echo(f"{about}\n\n{Table(('engine', *columns), rows).markdown()}")
    if json_file is not None:
        json_file.write_text(json.dumps({"machine": about, "rounds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
