"""ONNX Runtime's settings on the CPU side by side with those that `service.runtime` takes, and OpenVINO as a yardstick.

Every setting answers one call at every turn, so that a busy minute hits all alike; a turn gives one ratio to our
setting, and the median of the ratios is shown. What is not installed is left out: OpenVINO comes with
`pip install openvino==2026.4.1`, its execution provider with `pip install onnxruntime-openvino==1.24.1` in an
environment of its own, in place of onnxruntime.

python -m benchmarks.cpu_options --turns 60 --json benchmarks/results/cpu-options.json
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.bench.cases import Shape, frames
from export.bench.report import describe_machine
from export.table import Table
from service.cpus import available_cpus
from service.pretrained import DEFAULT
from service.runtime import CPU, Device, Runtime

SHAPES: Final = (Shape(256, 256, 1), Shape(256, 256, 8), Shape(512, 512, 1))
OURS: Final = "ours: all threads, no spinning, no memory pattern"
OPENVINO_PROVIDER: Final = "OpenVINOExecutionProvider"
LEVELS: Final = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
WARM_UP: Final = 2
FEWEST: Final = 5  # turns
Frames = NDArray[np.float32]
Answer = Callable[[Frames], object]


@dataclass(frozen=True, slots=True)
class Options:
    """What differs from ours."""

    threads: int
    spinning: bool = False
    level: ort.GraphOptimizationLevel = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    parallel_nodes: bool = False
    memory_pattern: bool = False
    denormals_are_zero: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """``answer`` is given frames and answers ``requests`` calls with them."""

    name: str
    answer: Answer
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting at one shape: milliseconds a frame, speed over ours, and the quartiles of that over the turns."""

    setting: str
    size: str
    batch: int
    ms_a_frame: float
    speed: float
    quartiles: tuple[float, float]


def onnx_runtime_settings(model: Path) -> list[Setting]:
    """Ours first, then each with one thing changed."""
    every = available_cpus()
    ours: Answer = Runtime(model, Device.CPU).probabilities
    one = open_session(model, Options(1))
    changed = {
        "spinning": Options(every, spinning=True),
        "memory pattern": Options(every, memory_pattern=True),
        "denormals are zero": Options(every, denormals_are_zero=True),
        "nodes in parallel": Options(every, parallel_nodes=True),
        **{f"graph optimisation: {name}": Options(every, level=level) for name, level in LEVELS.items()},
    }
    return [
        Setting(OURS, ours),
        *(Setting(name, open_session(model, options)) for name, options in changed.items()),
        Setting("1 thread", one),
        Setting(f"{every} requests at once, 1 thread each", at_once(one, every), every),
        Setting(f"{every} requests at once, ours", at_once(ours, every), every),
    ]


def open_session(model: Path, options: Options, provider: str = CPU) -> Answer:
    """A session with these settings."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = available_cpus() if options.parallel_nodes else 1
    settings.graph_optimization_level = options.level
    settings.enable_mem_pattern = options.memory_pattern
    if options.parallel_nodes:
        settings.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    settings.add_session_config_entry("session.intra_op.allow_spinning", str(int(options.spinning)))
    settings.add_session_config_entry("session.set_denormal_as_zero", str(int(options.denormals_are_zero)))
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(model), settings, providers=[provider])
    name = session.get_inputs()[0].name
    return lambda intensities: session.run(None, {name: intensities})


def at_once(answer: Answer, requests: int) -> Answer:
    """So many callers with the same frames, each in a thread of its own."""
    pool = ThreadPoolExecutor(requests)
    return lambda intensities: list(pool.map(answer, [intensities] * requests))


def openvino_settings(model: Path) -> list[Setting]:
    """OpenVINO, where it is installed: by itself, or as ONNX Runtime's provider."""
    settings = []
    if find_spec("openvino"):
        settings.append(Setting("OpenVINO", _openvino(model)))
    if OPENVINO_PROVIDER in ort.get_available_providers():
        provider = open_session(model, Options(available_cpus()), OPENVINO_PROVIDER)
        settings.append(Setting("OpenVINO execution provider", provider))
    return settings


def _openvino(model: Path) -> Answer:
    openvino = import_module("openvino")
    limits = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": available_cpus()}
    request = openvino.Core().compile_model(model, "CPU", limits).create_infer_request()
    return lambda intensities: request.infer({0: intensities})


def compare(settings: Sequence[Setting], shape: Shape, turns: int) -> Iterator[Measured]:
    """Times of all settings at one shape, the first being the one that others are compared with."""
    intensities = frames(shape).astype(np.float32)[:, None]
    for setting in settings:
        for _ in range(WARM_UP):
            setting.answer(intensities)
    seconds = np.array([[_seconds_a_frame(setting, intensities) for setting in settings] for _ in range(turns)])
    speeds = seconds[:, :1] / seconds
    for setting, times, speed in zip(settings, seconds.T, speeds.T, strict=True):
        low, middle, high = (float(value) for value in np.quantile(speed, (0.25, 0.5, 0.75)))
        ms = 1e3 * float(np.median(times))
        yield Measured(setting.name, shape.size, shape.batch, ms, middle, (low, high))


def _seconds_a_frame(setting: Setting, intensities: Frames) -> float:
    began = time.perf_counter()
    setting.answer(intensities)
    return (time.perf_counter() - began) / (len(intensities) * setting.requests)


def markdown(measured: Sequence[Measured]) -> str:
    """A table."""
    head = ("size", "batch", "setting", "ms a frame", "speed over ours", "quartiles")
    rows = tuple(
        (
            m.size,
            str(m.batch),
            m.setting,
            f"{m.ms_a_frame:.1f}",
            f"{m.speed:.2f}",
            "{:.2f} to {:.2f}".format(*m.quartiles),
        )
        for m in measured
    )
    return Table(head, rows).markdown()


@click.command()
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), default=DEFAULT, help="The shipped one by default."
)
@click.option(
    "--other", "others", type=click.Path(exists=True, path_type=Path), multiple=True, help="A model file beside it."
)
@click.option("--turns", type=click.IntRange(1), default=60, show_default=True, help="Of batch 8 an eighth.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(model: Path, others: tuple[Path, ...], turns: int, json_file: Path | None) -> None:
    """Print the table: every setting at every shape, against ours."""
    settings = [*onnx_runtime_settings(model), *openvino_settings(model)]
    for other in others:
        settings += [Setting(f"ours, {other.name}", Runtime(other, Device.CPU).probabilities)]
        settings += [replace(one, name=f"{one.name}, {other.name}") for one in openvino_settings(other)]
    about = f"{describe_machine()}, ONNX Runtime {ort.__version__}"
    measured = [m for shape in SHAPES for m in compare(settings, shape, max(FEWEST, turns // shape.batch))]
    click.echo(f"{about}\n\n{markdown(measured)}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        found = {"machine": about, "turns": turns, "measured": [asdict(one) for one in measured]}
        json_file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
