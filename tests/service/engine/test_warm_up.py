"""What the first requests would wait for is done before the service is ready."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.detection.detector import Detector
from service.engine.engine import Engine
from service.engine.warm_up import RUNS
from service.observability.metrics import Metrics
from service.runtime import Device, Runtime
from service.runtime.onnxruntime.opening import BATCH_PIXELS_CUDA
from service.settings import Settings
from tests.support.small_models import Rule, write_small_model

Shape = tuple[int, ...]


class Watched(Runtime):
    """Keeps the thread and the shape of every run."""

    def __init__(self, *arguments: Any, needs_warm_up: bool) -> None:
        super().__init__(*arguments)
        self.needs_warm_up = needs_warm_up
        self.batch_pixels, self.at_once = BATCH_PIXELS_CUDA, None
        self.ran: list[tuple[str, Shape]] = []

    def probabilities(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        self.ran.append((threading.current_thread().name, intensities.shape))
        return super().probabilities(intensities)


def warm_up(model: Path, max_batch: int, needs_warm_up: bool = True) -> list[tuple[str, Shape]]:
    """Runs of a model that was warmed up."""
    runtime = Watched(model, Device.CPU, needs_warm_up=needs_warm_up)
    engine = Engine(Settings(_env_file=None, max_batch=max_batch), Metrics())  # type: ignore[call-arg]
    engine.warm_up([Detector(runtime)])
    engine.close()
    return runtime.ran


@pytest.mark.parametrize(("max_batch", "numbers"), [(1, (1,)), (3, (1, 2, 3)), (4, (1, 2, 4))])
def test_usual_frames_run_in_the_batches_to_come_in_the_thread_of_the_device(
    brightness_model: Path, max_batch: int, numbers: tuple[int, ...]
) -> None:
    ran = warm_up(brightness_model, max_batch)
    assert {thread for thread, _ in ran} == {"inference"}
    shapes = [(number, 1, *size) for size in ((256, 256), (512, 640)) for number in numbers]
    assert Counter(shape for _, shape in ran) == Counter(shapes * RUNS)


def test_a_model_that_gains_nothing_from_it_is_not_warmed_up(brightness_model: Path) -> None:
    assert warm_up(brightness_model, 4, needs_warm_up=False) == []


def test_what_finds_no_memory_keeps_nobody_from_being_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert warm_up(write_small_model(tmp_path / "m.onnx", Rule.GREEDY), 2)
    assert "a run to warm up failed: " in caplog.text
