"""Buffers that never move, a graph a shape: the same code as on CUDA, with its buffers in the CPU's memory."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from service.runtime.onnxruntime.cuda_runs import GRAPHS, NO_GRAPH, CudaRuns, Slot
from tests.support.small_models import Rule, write_small_model


class Session(ort.InferenceSession):  # type: ignore[misc]  # ONNX Runtime tells no types
    """ONNX Runtime's own, with a record of the graph and the buffers of every run."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), providers=["CPUExecutionProvider"])
        self.runs: list[tuple[str, int, int]] = []

    def run_with_iobinding(self, binding: Any, options: ort.RunOptions) -> None:
        super().run_with_iobinding(binding, options)
        (output,) = binding.get_outputs()
        self.runs.append((options.get_run_config_entry("gpu_graph_id"), output.data_ptr(), output.shape()[0]))


@pytest.fixture
def session(brightness_model: Path) -> Session:
    return Session(brightness_model)


@pytest.fixture
def bound(session: Session) -> CudaRuns:
    return CudaRuns(session, "intensities", "probabilities", device="cpu")


def frames(number: int, height: int = 8, width: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(number).uniform(0, 255, (number, 1, height, width)).astype(np.float32)


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8])
def test_every_frame_gets_its_own_answer_and_none_is_added(bound: CudaRuns, number: int) -> None:
    given = frames(number)
    np.testing.assert_allclose(bound.run(given), given / 255, atol=1e-6)


def test_batches_are_filled_up_to_a_power_of_two_and_share_their_buffers(bound: CudaRuns, session: Session) -> None:
    for number in (3, 4, 3, 5, 8):
        bound.run(frames(number))
    graphs, places, sizes = zip(*session.runs, strict=True)
    assert sizes == (4, 4, 4, 8, 8)
    assert graphs == ("1", "1", "1", "2", "2")
    assert len(set(places[:3])) == len(set(places[3:])) == 1


def test_a_shape_that_finds_no_memory_keeps_none(tmp_path: Path) -> None:
    session = Session(write_small_model(tmp_path / "m.onnx", Rule.HUNGRY))
    bound = CudaRuns(session, "intensities", "probabilities", device="cpu")
    for _ in range(2):
        with pytest.raises(Exception, match="Failed to allocate memory"):
            bound.run(frames(4))
    assert not bound.shapes
    np.testing.assert_allclose(bound.run(frames(1)), frames(1) / 255, atol=1e-6)
    assert bound.shapes == {(1, 1, 8, 16)}
    assert session.runs[0][0] == "3", "no graph that was begun is taken up again"


def test_shapes_that_find_no_memory_use_up_no_graph(tmp_path: Path) -> None:
    session = Session(write_small_model(tmp_path / "m.onnx", Rule.HUNGRY))
    bound = CudaRuns(session, "intensities", "probabilities", device="cpu")
    for _ in range(GRAPHS + 1):
        with pytest.raises(Exception, match="Failed to allocate memory"):
            bound.run(frames(4))
    bound.run(frames(1))
    assert session.runs[0][0] == str(GRAPHS + 2)


def test_a_frame_that_is_no_contiguous_memory_is_read_right(bound: CudaRuns) -> None:
    given = frames(2, 16, 32)[:, :, ::2, ::2]
    np.testing.assert_allclose(bound.run(given), given / 255, atol=1e-6)


def test_shapes_beyond_the_last_graph_run_without_one_and_that_is_told(
    bound: CudaRuns, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    for width in range(8, 8 * (GRAPHS + 3), 8):
        bound.run(frames(1, 8, width))
    bound.run(frames(1, 8, 8))
    graphs = [graph for graph, *_ in session.runs]
    assert graphs[:GRAPHS] == [str(number + 1) for number in range(GRAPHS)]
    assert graphs[GRAPHS:] == [NO_GRAPH, NO_GRAPH, "1"]
    assert caplog.text.count("128 shapes have a CUDA graph; further shapes run without one, and slower") == 1


class Copied(CudaRuns):
    """Takes a copy of the output, as from CUDA; of the CPU's memory ONNX Runtime gives the buffer itself."""

    def _take(self, slot: Slot) -> NDArray[np.float32]:
        return super()._take(slot).copy()


def test_threads_that_call_at_once_get_their_own_answers(session: Session) -> None:
    bound = Copied(session, "intensities", "probabilities", device="cpu")
    given = [np.full((1, 1, 64, 64), level, np.float32) for level in range(200)]
    with ThreadPoolExecutor(16) as pool:
        for frame, answer in zip(given, pool.map(bound.run, given), strict=True):
            np.testing.assert_allclose(answer, frame / 255, atol=1e-6)


def test_no_two_sessions_are_at_work_at_once_nor_is_one_dropped_meanwhile(brightness_model: Path) -> None:
    busy, most, dropped = set[str](), list[int](), list[int]()

    class Slow(Session):
        def run_with_iobinding(self, binding: Any, options: ort.RunOptions) -> None:
            busy.add(str(id(self)))
            most.append(len(busy))
            time.sleep(0.01)
            super().run_with_iobinding(binding, options)
            busy.discard(str(id(self)))

        def __del__(self) -> None:
            dropped.append(len(busy))

    def use(number: int) -> None:
        bound = CudaRuns(Slow(brightness_model), "intensities", "probabilities", device="cpu")
        for _ in range(number):
            bound.run(frames(1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, (1, 2, 3, 4)))
    assert (len(most), set(most)) == (10, {1})
    assert dropped == [0] * 4
