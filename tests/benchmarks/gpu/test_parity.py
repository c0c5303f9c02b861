"""A file agrees with float32 on the CPU within the limits, and a file that cannot be scored does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gpu.models import Models
from benchmarks.gpu.parity import Scored, parity_table, score_datasets, verdicts
from benchmarks.gpu.schedule import Schedule
from model.scoring.metrics import Counts
from service.runtime import Device
from tests.support.scenes import write_scenes
from tests.support.small_models import write_small_model


@pytest.fixture
def reference(tmp_path: Path) -> Scored:
    """Scores of a stand-in for the network, which takes brightness for probability."""
    write_scenes(tmp_path / "scenes", 8)
    models = Models(tmp_path / "none", {"fp32": write_small_model(tmp_path / "m.onnx")})
    first, *_ = score_datasets(models, [tmp_path / "scenes"], Device.CPU, Schedule(5, Device.CPU))
    assert first.counts is not None, first.fault
    return first


def of_file(reference: Scored, **changes: int) -> Scored:
    assert reference.counts is not None
    return Scored(reference.dataset, "fp16", Device.CUDA, replace(reference.counts, **changes))


def test_the_same_counts_agree(reference: Scored) -> None:
    assert verdicts([reference, of_file(reference)]) == ["reference", "agrees"]


@pytest.mark.parametrize("field", ["intersection", "detected", "false_area"])
def test_more_than_the_limits_differs(reference: Scored, field: str) -> None:
    counts = reference.counts
    assert isinstance(counts, Counts)
    much = counts.union if field == "intersection" else getattr(counts, field) + 2
    assert verdicts([reference, of_file(reference, **{field: much})]) == ["reference", "DIFFERS"]


def test_one_target_more_agrees(reference: Scored) -> None:
    assert reference.counts is not None
    assert verdicts([reference, of_file(reference, detected=reference.counts.detected + 1)])[1] == "agrees"


def test_frames_without_targets_agree() -> None:
    nothing = Counts(frames=1, pixels=100)
    scored = [Scored("empty", "fp32", Device.CPU, nothing), Scored("empty", "fp16", Device.CUDA, nothing)]
    assert verdicts(scored)[1] == "agrees"


def test_a_dataset_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    models = Models(tmp_path / "none", {"fp32": write_small_model(tmp_path / "m.onnx")})
    scored = list(score_datasets(models, [tmp_path / "missing"], Device.CPU, Schedule(5, Device.CPU)))
    assert scored[0].counts is None
    assert verdicts(scored)[0] == "DIFFERS"
    assert f"- fp32 on cpu, missing: {scored[0].fault}" in parity_table(scored)
