"""What is sent to a GPU machine arrives whole, and its one command goes on where it ended; without a GPU."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from packaging.requirements import Requirement

from benchmarks.gpu import steps as gpu_steps
from benchmarks.gpu.__main__ import advance
from benchmarks.gpu.pack import PACKAGES, calls
from benchmarks.gpu.parcels import CALL_BYTES, PART_BYTES, is_there, receive, write_parcel
from benchmarks.gpu.parity import main as parity
from benchmarks.gpu.results import collect, restore
from benchmarks.gpu.steps import DATA_SETS, Step, plan
from benchmarks.gpu.supervised import Outcome, run
from tests.scenes import write_data_set
from tests.service.small_models import write_small_model

REPOSITORY = Path(__file__).parents[2]
ABSENT_THERE = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "multipart")


def step(code: str, seconds: float = 20.0, **changes: Any) -> Step:
    """Python that runs ``code``."""
    return Step("step", (), seconds, (sys.executable, "-c", code), **changes)


def test_a_parcel_is_unpacked_when_its_last_part_has_come(tmp_path: Path) -> None:
    sent, carried, root = (tmp_path / name for name in ("sent", "carried", "root"))
    (tmp_path / "site").mkdir()
    noise = np.random.default_rng(0).bytes(50_000)
    (tmp_path / "site" / "library.so").write_bytes(noise)
    sent.mkdir()
    number = write_parcel("site", tmp_path / "site", sent, compress=True, part_bytes=20_000)
    assert number == 3
    for index, part in enumerate(sorted(sent.iterdir())):
        assert not is_there("site", root)
        carried.mkdir()
        part.rename(carried / part.name)
        waiting = list(receive({"site": number}, carried, root))
        assert bool(waiting) == (index < 2)
        (carried / part.name).unlink()
        carried.rmdir()
    assert (root / "site" / "library.so").read_bytes() == noise
    assert is_there("site", root)
    assert list(receive({"site": number}, carried, root)) == [], "and it is not asked for again"


def test_every_part_is_carried_by_some_call_two_at_a_time() -> None:
    lines = list(calls({"models": 1, "site": 4}))
    assert len(lines) == 4
    carried = " ".join(lines)
    assert all(carried.count(f"{name}") == 1 for name in ("models.000", "site.000", "site.003"))
    assert lines[-1].startswith("then, until")


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="no checkout")
def test_the_repository_and_two_parts_travel_with_one_call() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    files = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    repository = sum(file.stat().st_size for file in files if file.is_file())
    manifest = 2**12
    assert repository + 2 * PART_BYTES + manifest < CALL_BYTES, f"{repository / 2**20:.1f} MiB are tracked"


def test_packages_are_those_of_the_development_install_and_bring_what_they_need() -> None:
    sent = dict(package.replace("-gpu", "").split("==") for package in PACKAGES)
    lines = (REPOSITORY / "requirements" / "dev.txt").read_text().replace("_", "-").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    assert sent == {name: pinned[name] for name in sent}
    required = [Requirement(line) for name in sent for line in metadata.requires(name) or ()]
    needed = {one.name for one in required if one.marker is None or one.marker.evaluate({"extra": ""})}
    assert {name.replace("_", "-") for name in needed} <= {*sent, "numpy", "flatbuffers", "packaging", "protobuf"}


def test_a_step_that_is_stopped_goes_on_and_one_that_is_done_does_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    count = f"print('x', file=open({str(tmp_path / 'ran')!r}, 'a'))"
    sleeping = step(f"{count}; import time; time.sleep(60)", seconds=2.0)
    far = 1e12
    assert advance(sleeping, tmp_path, far, ()) == Outcome.STOPPED.value
    assert advance(step(count), tmp_path, far, ()) == Outcome.DONE.value
    assert advance(step(count), tmp_path, far, ()).startswith("done (again with --only step)")
    assert advance(step(count), tmp_path, far, ("other",)) == "not asked for"
    assert advance(step(count), tmp_path, far, ("step",)) == Outcome.DONE.value
    assert advance(step(count), tmp_path, 0.0, ("step",)) == "waits for the next call"
    assert len((tmp_path / "ran").read_text().splitlines()) == 3


def test_a_step_that_fails_is_told_and_its_words_are_kept(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert advance(step("raise SystemExit('no such kernel')"), tmp_path, 1e12, ()) == Outcome.FAILED.value
    assert advance(step("print()"), tmp_path, 1e12, ()).startswith("failed")
    collect(tmp_path, tmp_path / "out")
    assert "no such kernel" in (tmp_path / "out" / "report.md").read_text()


def test_a_command_that_does_not_heed_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.supervised.GRACE_S", 1.0)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    assert run((sys.executable, "-c", deaf), 3.0, tmp_path / "log", {}) is Outcome.STOPPED
    assert (tmp_path / "log").read_text() == "on\n"


def test_a_fresh_machine_goes_on_from_what_came_back(tmp_path: Path) -> None:
    first, out, second = (tmp_path / name for name in ("first", "out", "second"))
    for folder in (first / "results", first / "runs" / "a-0", second / "results"):
        folder.mkdir(parents=True)
    (first / "results" / "performance.json").write_text("{}")
    for name in ("state.safetensors", "weights.safetensors"):
        (first / "runs" / "a-0" / name).write_bytes(np.random.default_rng(0).bytes(9 * 2**20))
    collect(first, out)
    assert len(list(out.iterdir())) <= 8
    assert all(file.stat().st_size <= 2**24 for file in out.iterdir())
    restore(out, second)
    assert (second / "results" / "performance.json").read_text() == "{}"
    assert (second / "runs" / "a-0" / "state.safetensors").stat().st_size == 9 * 2**20


@pytest.mark.parametrize("name", ["benchmarks.gpu.__main__", "benchmarks.gpu.steps", "benchmarks.gpu.parcels"])
def test_the_command_starts_before_anything_was_sent(name: str) -> None:
    _import_without((*ABSENT_THERE, "pydantic", "pydantic_settings", "onnxruntime", "safetensors", "torch"), name)


def test_every_step_needs_only_what_was_sent_or_is_there() -> None:
    modules = [one.command[2] for one in plan(Path("root"), "cuda", False, ("a:0",), 600) if one.command[1] == "-m"]
    assert len(modules) == 4
    _import_without(ABSENT_THERE, *modules, "model.train_many")


def test_the_files_agree_with_themselves_and_rows_are_kept(tmp_path: Path) -> None:
    for name in DATA_SETS:
        write_data_set(tmp_path / name, count=2)
    for precision in ("fp32", "fp16"):
        write_small_model(tmp_path / f"{precision}.onnx", precision=precision)
    first = _parity(tmp_path)
    assert first.exit_code == 0, first.output
    assert first.output.count(": agrees") == 3
    rows = json.loads((tmp_path / "parity.json").read_text())
    assert [row["data_set"] for row in rows] == [name for name in DATA_SETS for _ in range(2)]
    rows[1]["counts"]["detected"] += 5
    (tmp_path / "parity.json").write_text(json.dumps(rows))
    assert "targets +5" in _parity(tmp_path).output, "it was not measured again"


def test_steps_of_a_rehearsal_are_the_same_in_small() -> None:
    whole, small = (plan(Path("root"), "cuda", quick, ("a:0",), 600) for quick in (False, True))
    assert [one.name for one in whole] == [one.name for one in small]
    assert gpu_steps.WEIGHTS.is_file()


def _parity(folder: Path) -> Result:
    files: Sequence[str] = ("--fp32", f"{folder}/fp32.onnx", "--fp16", f"{folder}/fp16.onnx", "--device", "cpu")
    return CliRunner().invoke(parity, [*files, "--data", str(folder), "--json", str(folder / "parity.json")])


def _import_without(absent: Sequence[str], *modules: str) -> None:
    code = f"import sys, importlib; sys.modules.update(dict.fromkeys({absent!r}))\n"
    code += "\n".join(f"importlib.import_module({name!r})" for name in modules)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
