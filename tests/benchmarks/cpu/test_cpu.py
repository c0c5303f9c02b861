"""The scripts behind docs/development/benchmarks.md run, on a network and frames small enough for a test."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import environments
from benchmarks.cpu import engines
from benchmarks.cpu.engines import NAME, render
from benchmarks.cpu.engines import main as cpu_engines
from benchmarks.cpu.libraries import CHECKPOINT, NO_BF16, Failed, Library, libraries, measure_alone
from benchmarks.cpu.options import main as cpu_options
from benchmarks.cpu.profile import main as cpu_profile
from benchmarks.cpu.programs.timing import ANSWERS
from benchmarks.cpu.settings import SERVICE
from benchmarks.figures.page import read_figures
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "explanation" / "cpu-engines.md"
RESULTS = ROOT / "benchmarks" / "results" / "cpu-engines.json"
SERVED = "ONNX Runtime f32, as the service"


def test_settings_are_compared_with_ours(model_file: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    sizes = ("--size", "16", "16", "1", "--size", "16", "8", "2")
    command = ("--model", str(model_file), *sizes, "--minutes", "0.001", "--json", str(figures))
    result = CliRunner().invoke(cpu_options, command)
    assert result.exit_code == 0, result.output
    found = json.loads(figures.read_text())
    measured, finals = found["measured"], found["finals"]
    assert len(measured) >= 12 + 15
    assert all(one["ms_a_frame"] > 0 and one["speed"] > 0 and one["turns"] >= 5 for one in measured + finals)
    assert [one["setting"] == SERVICE for one in finals] == 2 * [True, False, False, False]
    assert [one["speed"] for one in measured if one["setting"] == SERVICE] == [1.0, 1.0]
    assert "| setting | 16x16 | 16x8, batch 2 |" in result.output
    assert result.output.count("over the service's; ") == 2, "a verdict a shape"


def test_settings_may_be_chosen_by_name(model_file: Path) -> None:
    command = ("--model", str(model_file), "--size", "16", "16", "1", "--minutes", "0.001", "--only", "arena")
    result = CliRunner().invoke(cpu_options, command)
    rows = [line for line in result.output.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {SERVICE}", "| no arena"]


def test_a_profile_shares_the_time_among_operators(model_file: Path) -> None:
    result = CliRunner().invoke(cpu_profile, ["--model", str(model_file), "--size", "32", "32", "--runs", "2"])
    assert result.exit_code == 0, result.output
    rows = [line.strip("| ").split(" | ") for line in result.output.splitlines() if line.startswith("| ")][2:]
    assert ("Conv", "124") in {(operator, nodes) for operator, nodes, _ in rows}
    assert sum(float(share) for *_, share in rows) == pytest.approx(100, abs=1)


def test_libraries_that_run_have_figures_and_others_say_why_not(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    chosen = ("as the service", "one network for all sizes", "provider of oneDNN", "matrix products")
    only = [part for name in chosen for part in ("--only", name)]
    ended = CliRunner().invoke(cpu_engines, [*only, "--rounds", "1", "--runs", "1", "--json", str(figures)])
    assert ended.exit_code == 0, ended.output
    found = json.loads(figures.read_text())
    (reference,), (openvino,) = (found["network"][name] for name in (SERVED, "OpenVINO f32, one network for all sizes"))
    assert reference["difference"] == 0 < openvino["difference"] < 1e-4
    assert all(row[f"CPU ms {size}"] > 1 for row in (reference, openvino) for size in ("256x256", "640x512"))
    assert found["missing"]["ONNX Runtime, provider of oneDNN"].startswith("DnnlExecutionProvider is not part of")
    assert "for ARM CPUs alone" in found["missing"]["ONNX Runtime, matrix products in bfloat16"]
    assert "| no figures | why |" in ended.output
    assert found["rounds"] == {}, "no server was asked for"


def test_a_server_that_does_not_start_or_refuses_says_why_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown, small = {"engine": "unknown"}, {"max_pixels": "4096"}
    monkeypatch.setattr(engines, "ENGINES", {"does not start": unknown, "refuses": small})
    monkeypatch.setattr(engines, "libraries", list)
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    files = ["--json", str(figures), "--page", str(page)]
    ended = CliRunner().invoke(cpu_engines, ["--rounds", "2", "--runs", "1", *files])
    assert ended.exit_code == 0, ended.output
    found = json.loads(figures.read_text())
    assert "ENGINE" in found["missing"]["does not start"]
    assert "413" in found["missing"]["refuses"]
    assert read_figures(page, NAME) == render(found)


def test_a_page_is_not_written_with_a_part_of_the_engines(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cpu_engines, ["--only", "torch", "--page", str(tmp_path / "page.md")])
    assert ended.exit_code == 2
    assert "--page needs every engine: leave out --only" in ended.output


def test_cpu_time_of_children_that_ended_is_counted(tmp_path: Path) -> None:
    (tmp_path / ANSWERS).mkdir()
    np.save(tmp_path / "1x1.npy", np.zeros((1, 1, 1, 1), np.float32))
    busy = "import time\nwhile time.process_time() < 1: pass"
    program = f"""
import subprocess, sys
from pathlib import Path
from benchmarks.cpu.programs.timing import run
def load():
    subprocess.run((sys.executable, "-c", {busy!r}), check=True)
    return lambda frame: frame
run(load, Path({str(tmp_path)!r}), 1)
"""
    ran = subprocess.run((sys.executable, "-c", program), check=True, capture_output=True, cwd=ROOT)
    assert json.loads(ran.stdout)["CPU s to the first answers"] > 1


def test_a_library_that_does_not_install_or_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    absent = Library("absent", "onnx_runtime", (), "openvino-provider", python="/nowhere/python3")
    with pytest.raises(Failed, match="not installed: /nowhere/python3 is missing"):
        measure_alone(absent, tmp_path, 1, 0)
    with pytest.raises(Failed, match="No module named benchmarks"):
        measure_alone(Library("none", "none", ()), tmp_path, 1, 0)
    with pytest.raises(Failed, match="this CPU"):
        measure_alone(Library("bf16", "open_vino", (), missing=NO_BF16), tmp_path, 1, 0)


def test_compiled_torch_is_one_of_them() -> None:
    (f32, bf16) = (one for one in libraries() if one.package == "torch")
    assert (f32.missing, f32.arguments[1], bf16.arguments[1]) == (None, "f32", "bf16")
    assert CHECKPOINT.is_file()


def test_the_figures_of_the_page_are_those_of_the_results() -> None:
    assert read_figures(PAGE, NAME) == render(json.loads(RESULTS.read_text()))
