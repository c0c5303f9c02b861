"""ONNX Runtime's profile of one frame on the CPU: the share of the time that each operator takes.

For each node the median time over the runs counts, with one thread. Shares stay the same on a busy machine; times do
not.

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
    """Print a row for each operator of the graph, after ONNX Runtime has optimised the graph."""
    events = profile(model, Shape(*size, 1), runs)
    click.echo(f"{describe_machine()}, ONNX Runtime {ort.__version__}, 1 thread, {runs} runs\n\n{markdown(events)}")


def profile(model: Path, shape: Shape, runs: int) -> list[Event]:
    """ONNX Runtime's own record of ``runs`` runs, with the service's settings and one thread."""
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
    """For each operator its number of nodes and their share of the whole time, 0 to 1; the greatest share first."""
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
    """The shares as a table."""
    rows = tuple((operator, str(nodes), f"{100 * share:.1f}") for operator, (nodes, share) in shares(events).items())
    return Table(("operator", "nodes", "share of the time %"), rows).markdown()


if __name__ == "__main__":
    main()
