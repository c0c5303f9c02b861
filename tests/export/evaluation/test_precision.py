"""``rrcanet precision``: what bfloat16 changes is measured, judged and recorded."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.commands.precision import precision_command
from export.evaluation.precision import gate_of
from export.onnx.card import read_model, record_threshold
from model.scoring.metrics import Counts
from service.runtime.cpus import has_bf16

BEFORE = Counts(frames=10, pixels=10**6, intersection=800, union=1000, targets=100, detected=90, false_area=20)


@pytest.mark.parametrize(
    ("after", "passed"),
    [
        ({}, True),
        ({"intersection": 802}, True),
        ({"intersection": 796}, False),
        ({"detected": 89, "false_area": 21}, True),
        ({"detected": 92}, False),
        ({"false_area": 22}, False),
    ],
)
def test_the_gate_is_0_3_points_one_target_and_one_pixel_in_a_million(after: dict[str, int], passed: bool) -> None:
    gate = gate_of(BEFORE, replace(BEFORE, **after), "frames")
    assert gate.passed is passed
    assert (gate.frames, gate.targets, gate.detected) == (10, 100, after.get("detected", 90) - 90)


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no bfloat16")
def test_what_bfloat16_changes_is_recorded_and_another_threshold_removes_it(
    model_file: Path, scenes: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.onnx"
    shutil.copy(model_file, model)
    result = CliRunner().invoke(precision_command, [str(model), "--data", str(scenes), "--split", "test"])
    graph, card = read_model(model)
    before, old = read_model(model_file)
    assert card.bf16 is not None
    assert (card.bf16.frames, card.bf16.targets, card.bf16.measured_on) == (12, 36, "scenes test")
    assert result.exit_code == (0 if card.bf16.passed else 1), result.output
    assert card.model_copy(update={"bf16": old.bf16}) == old
    assert graph.graph == before.graph
    record_threshold(model, 0.4, None)
    assert read_model(model)[1].bf16 is None


def test_a_cpu_without_bfloat16_is_refused(model_file: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runtime.choice.has_bf16", lambda: False)
    result = CliRunner().invoke(precision_command, [str(model_file), "--data", str(scenes)])
    assert result.exit_code == 2
    message = " ".join(result.output.split())
    assert "rrcanet precision runs MODEL in bf16 with OpenVINO: bf16 needs a CPU with AVX512_BF16 or AMX" in message
    assert "RRCANET_" not in message
