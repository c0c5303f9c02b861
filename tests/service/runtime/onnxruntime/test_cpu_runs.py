"""Runs on the CPU: however many frames wait together, each gets the answer that it gets alone."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.pretrained import DEFAULT
from service.runtime import Device, Runtime
from tests.support.small_models import Rule, write_small_model


def frames(number: int, height: int = 8, width: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(number).uniform(0, 255, (number, 1, height, width)).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_each_frame_gets_its_own_answer(brightness_model: Path, threads: int, number: int) -> None:
    runtime = Runtime(brightness_model, Device.CPU, threads)
    np.testing.assert_allclose(runtime.probabilities(frames(number)), frames(number) / 255, atol=1e-6)


def test_the_network_answers_frames_that_wait_together_as_it_answers_each_alone() -> None:
    runtime = Runtime(DEFAULT, Device.CPU, 2)
    alone = [runtime.probabilities(frame[None]) for frame in frames(5, 64, 96)]
    np.testing.assert_allclose(runtime.probabilities(frames(5, 64, 96)), np.concatenate(alone), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_frame_that_fails_among_others_is_told_and_hinders_no_later_run(tmp_path: Path, threads: int) -> None:
    runtime = Runtime(write_small_model(tmp_path / "m.onnx", Rule.GREEDY), Device.CPU, threads)
    for _ in range(2):
        with pytest.raises(Exception, match="no memory for 4"):
            runtime.probabilities(frames(4))


def test_frames_that_need_too_much_memory_together_run_one_by_one(tmp_path: Path) -> None:
    runtime = Runtime(write_small_model(tmp_path / "m.onnx", Rule.HUNGRY), Device.CPU, 2)
    np.testing.assert_allclose(runtime.probabilities(frames(3)), frames(3) / 255, atol=1e-6)
