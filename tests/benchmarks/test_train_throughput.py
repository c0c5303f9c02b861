"""Throughput of training is measured row by row: a run that is stopped leaves what it had, and goes on from there."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.gpu.supervised import AGAIN
from benchmarks.train_throughput import command, ways
from model.data.packed import pack as packed_frames
from tests.support.scenes import write_scenes

ROWS = ["plain loop with a data loader", "ours", "ours, bfloat16"]
FLOOR = {"bytes_per_step": 1e6, "bandwidth": 1e9, "steps_per_s": 100.0}


class Stopped(BaseException):
    """As a signal ends it."""


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """What was measured, in place of minutes of training; the data set lies in ``tmp_path``."""
    write_scenes(tmp_path / "NUAA-SIRST", count=4)
    figures: list[float] = []

    def rate(*_: Any, **__: Any) -> float:
        figures.append(len(figures) + 1.0)
        return figures[-1]

    monkeypatch.setattr(ways, "rate", rate)
    monkeypatch.setattr(command, "floor", lambda _: FLOOR)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    return figures


def test_rows_are_kept_as_they_are_measured_and_not_measured_again(
    measured: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = vars(ways)["rate"]
    stop_at(monkeypatch, measured, 2, Stopped())
    with pytest.raises(Stopped):
        run(tmp_path)
    assert rows(tmp_path) == dict(zip(ROWS, [1.0, 2.0], strict=False))
    monkeypatch.setattr(ways, "rate", whole)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert rows(tmp_path) == dict(zip(ROWS, [1.0, 2.0, 3.0], strict=True))
    assert "| ours | 2.00 | 2.00x | 2 % |" in result.output
    assert "| ours, bfloat16 | 3.00 | 3.00x | 2 % |" in result.output  # of half the bytes, twice the steps
    run(tmp_path)
    assert len(measured) == 3


@pytest.mark.parametrize("fault", [RuntimeError("no memory"), Stopped()])
def test_a_row_that_cannot_be_measured_is_tried_twice(
    measured: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: BaseException
) -> None:
    tries = stop_at(monkeypatch, measured, 2, fault)
    for _ in range(4):
        try:
            result = run(tmp_path)
        except Stopped:
            continue
    assert len(tries) == 2
    assert "| ours, bfloat16 | failed | - | - |" in result.output
    assert result.exit_code == 0, "no other run has anything to try"
    monkeypatch.setattr("benchmarks.train_throughput.rows.commit", lambda: "the next")
    with suppress(Stopped):
        run(tmp_path)
    assert len(tries) == 3, "but mended code has"


def test_a_row_that_failed_asks_for_another_run(
    measured: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = vars(ways)["rate"]
    stop_at(monkeypatch, measured, 2, RuntimeError("no memory"))
    assert run(tmp_path).exit_code == AGAIN
    monkeypatch.setattr(ways, "rate", whole)
    assert run(tmp_path).exit_code == 0
    assert list(rows(tmp_path)) == ROWS


def test_a_device_that_is_lost_takes_no_other_row_with_it(
    measured: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = vars(ways)["rate"]
    tries = stop_at(monkeypatch, measured, 1, RuntimeError("an illegal address"))
    monkeypatch.setattr(command, "is_alive", lambda _: False)
    for _ in range(2):
        assert run(tmp_path).exit_code == AGAIN
    assert len(tries) == 2
    monkeypatch.setattr(ways, "rate", whole)
    monkeypatch.setattr(command, "is_alive", lambda _: True)
    run(tmp_path)
    assert list(rows(tmp_path)) == [ROWS[0], ROWS[2]]


def test_other_versions_are_measured_anew(measured: list[float], tmp_path: Path) -> None:
    run(tmp_path)
    found = json.loads((tmp_path / "rows.json").read_text())
    other = f"{found['on']} of before"
    (tmp_path / "rows.json").write_text(json.dumps(found | {"on": other}))
    assert f"was measured on {other}: all is measured again" in run(tmp_path).output
    assert len(measured) == 6


def test_figures_of_another_card_stay(measured: list[float], tmp_path: Path) -> None:
    run(tmp_path)
    found = json.loads((tmp_path / "rows.json").read_text()) | {"on": "another, PyTorch 2"}
    (tmp_path / "rows.json").write_text(json.dumps(found))
    for _ in range(2):
        run(tmp_path)
    assert len(measured) == 6
    assert json.loads((tmp_path / "rows.json").read_text()) == found
    assert len(list(tmp_path.glob("rows-*.json"))) == 1


def test_frames_are_packed_once(measured: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed: list[int] = []

    def pack(samples: Iterator[Any]) -> Any:
        packed.append(1)
        return packed_frames(samples)

    def rate(steps: Iterator[None], *_: Any) -> float:
        next(steps)
        return 1.0

    monkeypatch.setattr(ways, "pack", pack)
    monkeypatch.setattr(ways, "rate", rate)
    result = run(tmp_path)
    assert rows(tmp_path) == dict.fromkeys(ROWS, 1.0), result.output
    assert packed == [1]


def stop_at(monkeypatch: pytest.MonkeyPatch, measured: list[float], row: int, fault: BaseException) -> list[int]:
    """Raise ``fault`` in every row from this one on; a list that grows with every try."""
    whole: Callable[..., float] = vars(ways)["rate"]
    tries: list[int] = []

    def rate(*arguments: Any) -> float:
        if len(measured) >= row:
            tries.append(1)
            raise fault
        return whole(*arguments)

    monkeypatch.setattr(ways, "rate", rate)
    return tries


def rows(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "rows.json").read_text())["steps_per_s"]
    return found


def run(folder: Path) -> Result:
    arguments = ["--data", str(folder), "--workers", "0", "--json", str(folder / "rows.json")]
    return CliRunner().invoke(command.main, arguments, catch_exceptions=False)
