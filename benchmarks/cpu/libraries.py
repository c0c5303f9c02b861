"""The network alone, by other libraries and other builds of ONNX Runtime; each in a process on one core."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.cpu.programs.onnx_runtime import PLUGIN
from benchmarks.cpu.programs.timing import ANSWERS
from benchmarks.environments import NoEnvironment, install, packages_of, python_of
from service.pretrained import DEFAULT
from service.runtime import CPU
from service.runtime.cpus import has_bf16
from service.simulation.scene import make_scene
from tests.support.paths import ROOT, WEIGHTS

Row = dict[str, float]
WITHIN_S: Final = 900.0
PROGRAMS: Final = "benchmarks.cpu.programs"
CHECKPOINT: Final = WEIGHTS / "generalist-wide.safetensors"  # the weights of the model file that ships
PROVIDER: Final = "OpenVINOExecutionProvider"
ON_CPU: Final = {"device_type": "CPU", "num_of_threads": "1"}
BF16: Final = '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'
FAST_MATH: Final = {"mlas.enable_gemm_fastmath_arm64_bfloat16": "1"}
NEWEST: Final = "onnxruntime-newest"
NO_BF16: Final = "this CPU has no bfloat16"
DIFFERENCE: Final = "difference"


class Failed(Exception):
    """A library gives no figures here; the message says why."""


@dataclass(frozen=True, slots=True)
class Library:
    """A way to run the network.

    Attributes:
        program: the module that runs it, in ``benchmarks.cpu.programs``.
        arguments: of the program, after the folder of frames and the number of runs.
        environment: name of its requirements file; None for this environment.
        missing: why it cannot run here, where that is known before.
    """

    name: str
    program: str
    arguments: Sequence[str]
    environment: str | None = None
    missing: str | None = None
    package: str = "onnxruntime"
    python: str = field(default=sys.executable)


def libraries() -> list[Library]:
    """All of them; the first one is what the others are compared with."""
    no_bf16 = None if has_bf16() else NO_BF16
    is_arm = platform.machine() == "aarch64"
    fast = None if is_arm else "the option is for ARM CPUs alone: builds for x86 do not know it"
    return [
        _onnx_runtime("ONNX Runtime f32, as the service"),
        _onnx_runtime(f"ONNX Runtime {_version(NEWEST)}, newest release", NEWEST),
        _onnx_runtime("ONNX Runtime, matrix products in bfloat16", entries=FAST_MATH, missing=fast),
        _onnx_runtime("ONNX Runtime, provider of oneDNN", provider="DnnlExecutionProvider"),
        _onnx_runtime(
            "ONNX Runtime, provider of OpenVINO, f32", "openvino-provider", PROVIDER, ON_CPU | {"precision": "FP32"}
        ),
        _onnx_runtime(
            "ONNX Runtime, provider of OpenVINO, bf16",
            "openvino-provider",
            PROVIDER,
            ON_CPU | {"load_config": BF16},
            missing=no_bf16,
        ),
        _onnx_runtime("ONNX Runtime, OpenVINO as a plug-in", "openvino-plugin", PLUGIN),
        *(_openvino(precision, shapes, no_bf16) for precision in ("f32", "bf16") for shapes in ("free", "fixed")),
        *(_torch(precision, no_bf16) for precision in ("f32", "bf16")),
    ]


def _version(environment: str) -> str:
    """What the first line of its requirements file asks for."""
    return packages_of(environment)[0].partition("==")[2]


def _onnx_runtime(
    name: str,
    environment: str | None = None,
    provider: str = CPU,
    options: Mapping[str, str] | None = None,
    entries: Mapping[str, str] | None = None,
    missing: str | None = None,
) -> Library:
    given = (str(DEFAULT), provider, json.dumps(options or {}), json.dumps(entries or {}))
    return Library(name, "onnx_runtime", given, environment, missing)


def _openvino(precision: str, shapes: str, no_bf16: str | None) -> Library:
    name = f"OpenVINO {precision}, {'one network for each size' if shapes == 'fixed' else 'one network for all sizes'}"
    missing = no_bf16 if precision == "bf16" else None
    return Library(name, "open_vino", (str(DEFAULT), precision, shapes), missing=missing, package="openvino")


def _torch(precision: str, no_bf16: str | None) -> Library:
    missing = no_bf16 if precision == "bf16" else None
    arguments = (str(CHECKPOINT), precision)
    return Library(f"torch.compile {precision}", "torch_compiled", arguments, missing=missing, package="torch")


def write_frames(folder: Path, sizes: Sequence[tuple[int, int]]) -> None:
    """Simulated scenes of these heights and widths, as the network takes them."""
    (folder / ANSWERS).mkdir(parents=True)
    for height, width in sizes:
        frame = make_scene(0, height, width).counts(8).astype(np.float32)[None, None]
        np.save(folder / f"{width}x{height}.npy", frame)


def measure_alone(library: Library, folder: Path, runs: int, core: int) -> Row:
    """Figures of one process.

    Raises:
        Failed: the library is not for this machine, does not install or does not run.
    """
    if library.missing:
        raise Failed(library.missing)
    try:
        install(library)
    except NoEnvironment as fault:
        raise Failed(f"not installed: {fault}") from fault
    program = ("-m", f"{PROGRAMS}.{library.program}", str(folder), str(runs), *library.arguments)
    command = ("taskset", "-c", str(core), python_of(library), *program)
    with TemporaryDirectory() as cache:  # each start compiles
        variables = os.environ | {"PYTHONPATH": str(ROOT), "TORCHINDUCTOR_CACHE_DIR": cache}
        try:
            ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done within {WITHIN_S:.0f} s") from None
    if ended.returncode:
        raise Failed(ended.stderr.strip().rpartition("\n")[2])
    found: Row = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return found


def answers_of(folder: Path) -> list[np.ndarray]:
    """The answers that the last process has left."""
    return [np.load(file) for file in sorted((folder / ANSWERS).glob("*.npy"))]


def difference(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """The largest difference of a probability."""
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others, strict=True))
