"""The command runs from export to tables without a GPU, and keeps to its time limit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.models import Models
from benchmarks.gpu.schedule import DEVICE_LOST, NO_TIME, Schedule
from benchmarks.train_throughput import ways
from export.onnx.graph import PRECISIONS
from service.runtime import Device
from tests.export.conftest import SMALL, write_checkpoint
from tests.export.tracing import traced_once
from tests.support.small_models import write_small_model

__all__ = ["traced_once"]  # a fixture

TRAINED = ["plain loop with a data loader", "rrcanet train", "rrcanet train, bfloat16"]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network; training does one step of each way in place of many."""

    def rate(steps: Iterator[None], *_: Any) -> float:
        next(steps)
        return 2.0

    monkeypatch.setattr(ways, "rate", rate)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    return write_checkpoint(tmp_path / "small.safetensors", SMALL)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint that is not exported: its model files take brightness for probability."""

    def export(checkpoint: Path, folder: Path) -> Models:
        files = {one: write_small_model(folder / f"{one}.onnx", precision=one) for one in PRECISIONS}
        return Models(checkpoint, files)

    monkeypatch.setattr(command, "export_models", export)
    (tmp_path / "small.safetensors").touch()
    return tmp_path / "small.safetensors"


def run(checkpoint: Path, *options: str) -> Result:
    arguments = ["--device", "cpu", "--checkpoint", str(checkpoint), *options]
    return CliRunner().invoke(command.main, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("traced_once")
def test_a_rehearsal_on_the_cpu_measures_every_part(checkpoint: Path) -> None:
    figures = checkpoint.with_suffix(".json")
    result = run(checkpoint, "--size", "32x16", "--batch", "2", "--seconds", "0.05", "--json", str(figures))
    assert result.exit_code == 0, result.output
    found = json.loads(figures.read_text())
    assert [(one["precision"], one["device"], one["fault"]) for one in found["parity"]] == [
        ("fp32", "cpu", ""),
        ("fp16", "cpu", ""),
    ]
    assert all(one["counts"]["frames"] == 20 for one in found["parity"])
    contenders = ["the service's runtime", "ONNX Runtime, no settings", "PyTorch eager"]
    assert [one["contender"] for one in found["speed"]] == 2 * contenders
    assert all(one["timing"]["frames_per_second"] > 0 and not one["fault"] for one in found["speed"])
    assert [one["way"] for one in found["training"]] == TRAINED
    assert found["not_run"] == []
    assert [line for line in result.stdout.splitlines() if line.startswith("## ")] == [
        "## Parity",
        "## Speed",
        "## Training",
    ]
    assert "| 32x16 | 2 | fp16 |" in result.stdout


def test_what_has_not_begun_within_the_time_limit_is_reported(stand_in: Path) -> None:
    result = run(stand_in, "--minutes", "0", "--size", "32x16", "--batch", "2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.split("## Not run\n\n")[1].splitlines()
    assert lines == [
        f"- {name}: {NO_TIME}"
        for name in (
            "parity, fp32 on cpu, simulated",
            "parity, fp16 on cpu, simulated",
            "speed of fp32, 32x16, batch 2",
            "speed of fp16, 32x16, batch 2",
            "training",
        )
    ]


def test_a_difference_is_exit_code_1(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.parity.IOU_POINTS", -1.0)
    result = run(stand_in, "--only", "parity")
    assert result.exit_code == 1
    assert "differs from float32 on the CPU" in result.output


def test_without_cuda_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "missing_for_cuda", lambda: "no NVIDIA driver")
    result = CliRunner().invoke(command.main, [])
    assert result.exit_code == 1
    assert "no CUDA here: no NVIDIA driver; --device cpu" in result.output


def test_a_folder_without_a_dataset_is_refused(tmp_path: Path, stand_in: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(stand_in, "--data", str(tmp_path))
    assert result.exit_code == 1
    assert "is a dataset" in result.output


def test_nothing_begins_on_a_device_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr("torch.cuda.synchronize", fail)
    schedule = Schedule(1.0, Device.CUDA)
    assert not schedule.may_begin("speed")
    assert [one.why for one in schedule.not_run] == [DEVICE_LOST]
    assert Schedule(1.0, Device.CPU).may_begin("speed")
