"""Commands that run a model themselves take the engine and its precision from the same settings as a server."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from distributed.command import bulk_command
from service.commands.detect.command import detect_command
from service.runtime import Runtime
from service.runtime.openvino.shapes import settle
from service.runtime.runtime import load_runtime
from tests.support.paths import ROOT
from tests.support.small_models import Rule, write_small_model

ON_OPENVINO = "runs on OpenVINO, engine openvino, precision f32"
ON_ONNX_RUNTIME = "engine onnxruntime, precision f32"


@pytest.fixture
def frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frame with one bright pixel, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RRCANET_ENGINE", raising=False)
    counts = np.zeros((16, 24), np.uint8)
    counts[5, 7] = 255
    np.save(tmp_path / "frame.npy", counts)
    return tmp_path / "frame.npy"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_small_model(tmp_path / "small.onnx")


def run(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--device", "cpu"])


def run_bulk_apart(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: after a network found no memory, OpenVINO may end the process that runs another."""
    code = "from distributed.command import bulk_command; bulk_command()"
    command = [sys.executable, "-c", code, *map(str, arguments), "--device", "cpu"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("variables", "options", "expected"),
    [
        ({}, (), ON_OPENVINO),
        ({"ENGINE": "onnxruntime"}, (), ON_ONNX_RUNTIME),
        ({}, ("--engine", "onnxruntime"), ON_ONNX_RUNTIME),
        ({"ENGINE": "onnxruntime"}, ("--engine", "openvino", "--precision", "f32"), ON_OPENVINO),
    ],
    ids=["auto", "the setting", "the option", "the option is stronger"],
)
def test_detect_runs_on_the_engine_of_the_option_or_the_setting(
    frame: Path,
    model: Path,
    variables: dict[str, str],
    options: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for name, value in variables.items():
        monkeypatch.setenv(f"RRCANET_{name}", value)
    ended = run(detect_command, frame, "--model", model, *options)
    assert ended.exit_code == 0, ended.output
    (target,) = json.loads(ended.stdout)["frames"][0]["targets"]
    assert target["peak"] == {"x": 7, "y": 5, "probability": 1.0}
    assert expected in caplog.text


def test_the_setting_may_stand_in_a_file(frame: Path, model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (frame.parent / ".env").write_text("RRCANET_ENGINE=onnxruntime\nRRCANET_PORT=9000\n")
    assert run(detect_command, frame, "--model", model).exit_code == 0
    assert ON_ONNX_RUNTIME in caplog.text


def test_no_network_is_compiled_for_sizes_that_do_not_come(
    frame: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RRCANET_ENGINE_CACHE", str(tmp_path / "cache"))
    assert run(detect_command, frame, "--model", model).exit_code == 0
    settle()
    assert len(list((tmp_path / "cache").rglob("*.rrcanet-network"))) == 2, "the card, and the network for all sizes"


def test_workers_of_bulk_run_on_the_engine_that_was_chosen(frame: Path, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "m.onnx", Rule.HUNGRY)  # OpenVINO answers its golden frame otherwise
    one = (frame, "--model", model, "--workers", 1)
    refused = run_bulk_apart(*one, "--out", tmp_path / "refused", "--engine", "openvino")
    assert refused.returncode == 1
    assert "cannot answer its golden frame: " in refused.stderr
    ended = run_bulk_apart(*one, "--out", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr


def test_rows_of_one_precision_share_a_folder_however_it_was_chosen(frame: Path, model: Path, tmp_path: Path) -> None:
    one = (frame, "--model", model, "--workers", 1, "--out", tmp_path / "out", "--engine", "onnxruntime")
    assert run(bulk_command, *one).exit_code == 0
    again = run(bulk_command, *one, "--precision", "f32")
    assert (again.exit_code, "1 of 1 files are done already" in again.output) == (0, True), again.output


def test_rows_of_two_precisions_do_not_share_a_folder(
    frame: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = (frame, "--model", model, "--workers", 1, "--out", tmp_path / "out")
    assert run(bulk_command, *one).exit_code == 0

    def on_another_cpu(*arguments: Any) -> Runtime:
        runtime = load_runtime(*arguments)
        runtime.precision = "bf16"
        return runtime

    monkeypatch.setattr("distributed.command.load_runtime", on_another_cpu)
    refused = run(bulk_command, *one)
    assert refused.exit_code == 1
    assert "was written with other settings (precision f32 there, bf16 now)" in refused.output


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENGINE": "tensorrt"}, "RRCANET_ENGINE: "),
        ({"ENGINE": "onnxruntime", "PRECISION": "bf16"}, "bf16 needs the engine openvino"),
    ],
)
@pytest.mark.parametrize("command", [detect_command, bulk_command])
def test_what_cannot_be_is_refused_before_any_work(
    command: click.Command,
    frame: Path,
    model: Path,
    variables: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"RRCANET_{name}", value)
    out = ("--out", frame.parent / "out")
    ended = run(command, frame, *out, "--model", model)
    assert ended.exit_code == 2
    assert message in ended.output


def test_bfloat16_needs_a_cpu_that_has_it(frame: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runtime.choice.has_bf16", lambda: False)
    ended = run(detect_command, frame, "--model", model, "--precision", "bf16")
    assert ended.exit_code == 2
    assert "--precision bf16: bf16 needs a CPU with AVX512_BF16 or AMX" in ended.output


@pytest.mark.parametrize(
    ("options", "variables", "named"),
    [
        (("--engine", "openvino"), {}, "--engine openvino: needs the package openvino"),
        ((), {"ENGINE": "openvino"}, "RRCANET_ENGINE: needs the package openvino"),
        (("--engine", "onnxruntime"), {"PRECISION": "bf16"}, "RRCANET_PRECISION: bf16 needs the engine openvino"),
    ],
    ids=["the option", "the setting", "the setting beside an option"],
)
def test_a_message_names_what_the_user_set(
    options: tuple[str, ...],
    variables: dict[str, str],
    named: str,
    frame: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.runtime.choice.installed", lambda: False)
    for name, value in variables.items():
        monkeypatch.setenv(f"RRCANET_{name}", value)
    ended = run(detect_command, frame, "--model", model, *options)
    assert ended.exit_code == 2
    assert named in " ".join(ended.output.split())
