"""Rates of training are printed one by one and as a table; a way that fails does not end the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.train_throughput import command, ways
from benchmarks.train_throughput.memory_limit import MemoryLimit
from model.data.packed import pack as packed_frames
from tests.support.scenes import write_scenes

WAYS = ["plain loop with a data loader", "rrcanet train", "rrcanet train, bfloat16"]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Holds the dataset; nothing is measured on this machine's memory or all of its cores."""
    write_scenes(tmp_path / "NUAA-SIRST", count=4)
    monkeypatch.setattr(command, "measure_memory_limit", lambda _: MemoryLimit(1e6, 1e8))
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    return tmp_path


def run(folder: Path) -> Result:
    arguments = ["--data", str(folder), "--workers", "0", "--json", str(folder / "rates.json")]
    return CliRunner().invoke(command.main, arguments, catch_exceptions=False)


def rates(folder: Path) -> dict[str, float | None]:
    found: dict[str, float | None] = json.loads((folder / "rates.json").read_text())["steps_per_s"]
    return found


def test_rates_stand_beside_the_plain_loop_and_the_memory_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(ways, "rate", lambda *_: next(figures))
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert rates(folder) == dict(zip(WAYS, [1.0, 2.0, 3.0], strict=True))
    assert "rrcanet train: 2.00 steps/s" in result.output
    assert "| rrcanet train | 2.00 | 2.00 | 2% |" in result.output
    assert "| rrcanet train, bfloat16 | 3.00 | 3.00 | 2% |" in result.output, "half the bytes, so twice the limit"


def test_a_way_that_fails_does_not_end_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = iter([1.0, None, 3.0])

    def rate(*_: Any) -> float:
        figure = next(figures)
        if figure is None:
            raise RuntimeError("no memory\nmore")
        return figure

    monkeypatch.setattr(ways, "rate", rate)
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert rates(folder) == dict(zip(WAYS, [1.0, None, 3.0], strict=True))
    assert "| rrcanet train | failed | - | - |" in result.output
    assert "- rrcanet train: RuntimeError: no memory\n" in result.output


def test_every_way_does_a_step_and_frames_are_packed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[int] = []

    def pack(samples: Iterator[Any]) -> Any:
        packed.append(1)
        return packed_frames(samples)

    def rate(steps: Iterator[None], *_: Any) -> float:
        next(steps)
        return 1.0

    monkeypatch.setattr(ways, "pack", pack)
    monkeypatch.setattr(ways, "rate", rate)
    result = run(folder)
    assert rates(folder) == dict.fromkeys(WAYS, 1.0), result.output
    assert packed == [1]


def test_a_missing_dataset_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
