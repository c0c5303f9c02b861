"""Where ONNX Runtime's time goes on the CPU: its profile of one frame, as shares of the whole.

Shares are of the median time of every node over the runs, with one thread: they hold on a busy machine, times do not.

python -m benchmarks.cpu.profile --model service/pretrained/rrcanet.onnx
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
import onnxruntime as ort

from export.bench.cases import Shape, frames
from export.bench.report import describe_machine
from export.report.table import Table
from service.pretrained import DEFAULT
from service.runtime import CPU

SUFFIX: Final = "_kernel_time"
Event = dict[str, Any]


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), default=DEFAULT)
@click.option("--size", type=(int, int), default=(256, 256), show_default=True, help="WIDTH HEIGHT.")
@click.option("--runs", type=click.IntRange(2), default=20, show_default=True)
def main(model: Path, size: tuple[int, int], runs: int) -> None:
    """Print a row an operator of the graph as ONNX Runtime rewrites it."""
    events = profile(model, Shape(*size, 1), runs)
    click.echo(f"{describe_machine()}, ONNX Runtime {ort.__version__}, 1 thread, {runs} runs\n\n{markdown(events)}")


def profile(model: Path, shape: Shape, runs: int) -> list[Event]:
    """ONNX Runtime's own record of so many runs, with our settings and one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.enable_profiling = True
    intensities = frames(shape).astype(np.float32)[:, None]
    with TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = ort.InferenceSession(str(model), options, providers=[CPU])
        for _ in range(runs):
            session.run(None, {session.get_inputs()[0].name: intensities})
        events: list[Event] = json.loads(Path(session.end_profiling()).read_text())
    return events


def shares(events: Iterable[Event]) -> dict[str, tuple[int, float]]:
    """Of each operator: its nodes, and their share of the time of all, 0 to 1; the greatest first."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(SUFFIX):
            times[event["args"]["op_name"], event["name"]].append(event["dur"])
    spent: dict[str, list[float]] = defaultdict(list)
    for (operator, _), durations in times.items():
        spent[operator].append(median(durations))
    whole = sum(map(sum, spent.values()))
    found = {operator: (len(nodes), sum(nodes) / whole) for operator, nodes in spent.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def markdown(events: Iterable[Event]) -> str:
    """A table."""
    rows = tuple((operator, str(nodes), f"{100 * share:.1f}") for operator, (nodes, share) in shares(events).items())
    return Table(("operator", "nodes", "share of the time %"), rows).markdown()


if __name__ == "__main__":
    main()
