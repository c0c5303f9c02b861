"""Ways to run a model file on the CPU: ONNX Runtime with one setting changed at a time, and OpenVINO."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from service.runtime import CPU, Device, Precision, Runtime
from service.runtime.choice import installed
from service.runtime.cpus import available_cpus, has_bf16

SERVICE: Final = "as the service: no spinning, no memory pattern, a thread for each waiting frame"
OPENVINO: Final = "OpenVINO"
OPENVINO_PROVIDER: Final = "OpenVINOExecutionProvider"
ALL: Final = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
LEVELS: Final = {
    "extended (without the blocked layout NCHWc)": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
Frames = NDArray[np.float32]
Answer = Callable[[Frames], object]


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a session; the defaults are those of ``service.runtime``."""

    threads: int
    spinning: bool = False
    spin_us: int | None = None
    level: ort.GraphOptimizationLevel = ALL
    parallel_nodes: bool = False
    memory_pattern: bool = False
    arena: bool = True
    denormals_are_zero: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """``answer`` takes ``[N, 1, H, W]`` intensities; N must be at least ``fewest``."""

    name: str
    answer: Answer
    fewest: int = 1

    @property
    def by_onnx_runtime(self) -> bool:
        """Whether ONNX Runtime's own CPU code runs the model."""
        return not self.name.startswith(OPENVINO)


def onnx_runtime_settings(model: Path) -> list[Setting]:
    """The service's settings, then one setting changed at a time, then ways for requests to share the threads."""
    every = available_cpus()
    service: Answer = Runtime(model, Device.CPU).probabilities
    one, all_threads = open_session(model, Options(1)), open_session(model, Options(every))
    changed = {
        "ONNX Runtime's defaults: spinning, memory pattern": Options(every, spinning=True, memory_pattern=True),
        "spinning": Options(every, spinning=True),
        "spinning for a millisecond at most": Options(every, spinning=True, spin_us=1000),
        "memory pattern": Options(every, memory_pattern=True),
        "no arena": Options(every, arena=False),
        "denormals are zero": Options(every, denormals_are_zero=True),
        "nodes in parallel": Options(every, parallel_nodes=True),
        **{f"graph optimisation: {name}": Options(every, level=level) for name, level in LEVELS.items()},
    }
    return [
        Setting(SERVICE, service),
        *(Setting(name, open_session(model, options)) for name, options in changed.items()),
        Setting("1 thread", one),
        Setting("one run of all frames, all threads", all_threads, fewest=2),
        Setting(f"{every} runs at once, 1 thread each", at_once(one, every), fewest=2),
        Setting(f"{every} runs at once, all threads each", at_once(all_threads, every), fewest=2),
    ]


def openvino_settings(model: Path) -> list[Setting]:
    """OpenVINO by itself and as a provider of ONNX Runtime, if they are installed."""
    settings = []
    if installed():
        settings += [Setting(f"{OPENVINO} {precision}", _openvino(model, precision)) for precision in _precisions()]
    if OPENVINO_PROVIDER in ort.get_available_providers():
        provider = open_session(model, Options(available_cpus()), OPENVINO_PROVIDER)
        settings.append(Setting(f"{OPENVINO} execution provider, ONNX Runtime {ort.__version__}", provider))
    return settings


def open_session(model: Path, options: Options, provider: str = CPU) -> Answer:
    """Open a session with these settings."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = available_cpus() if options.parallel_nodes else 1
    settings.graph_optimization_level = options.level
    settings.enable_mem_pattern = options.memory_pattern
    settings.enable_cpu_mem_arena = options.arena
    if options.parallel_nodes:
        settings.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    settings.add_session_config_entry("session.intra_op.allow_spinning", str(int(options.spinning)))
    if options.spin_us is not None:
        settings.add_session_config_entry("session.intra_op.spin_duration_us", str(options.spin_us))
    settings.add_session_config_entry("session.set_denormal_as_zero", str(int(options.denormals_are_zero)))
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(model), settings, providers=[provider])
    name = session.get_inputs()[0].name
    return lambda intensities: session.run(None, {name: intensities})


def at_once(answer: Answer, runs: int) -> Answer:
    """Run each frame by itself, ``runs`` of them at the same time."""
    pool = ThreadPoolExecutor(runs)
    return lambda intensities: list(pool.map(answer, intensities[:, None]))


def _precisions() -> list[str]:
    return [Precision.F32, Precision.BF16] if has_bf16() else [Precision.F32]


def _openvino(model: Path, precision: str) -> Answer:
    """The free-shape network of the service; importing it keeps OpenVINO from reporting its use."""
    from service.runtime.openvino.compiler import Compiler

    network = Compiler(model, model.read_bytes(), available_cpus()).compile(precision, None, None)
    return lambda intensities: [network.run(frame[None]) for frame in intensities]
