"""What is sent to a GPU machine arrives whole, and its one command goes on where it ended; without a GPU."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from packaging.requirements import Requirement

from benchmarks.gpu import steps as gpu_steps
from benchmarks.gpu.__main__ import SPARE_S, advance
from benchmarks.gpu.__main__ import main as gpu
from benchmarks.gpu.calls import FIRST_SESSION, session
from benchmarks.gpu.calls import main as print_calls
from benchmarks.gpu.marks import mark
from benchmarks.gpu.pack import PACKAGES, download_wheels, files_of, unpack_wheels
from benchmarks.gpu.pack import main as pack
from benchmarks.gpu.parcels import CALL_BYTES, PART_BYTES, is_there, receive, write_parcel
from benchmarks.gpu.parity import main as parity
from benchmarks.gpu.results import collect, restore
from benchmarks.gpu.steps import DATA_SETS, RUNS, SPLITS, Step, plan
from benchmarks.gpu.supervised import Outcome, run
from model.data.dataset import FrameFolder
from tests.support.scenes import write_scenes
from tests.support.small_models import write_small_model

REPOSITORY = Path(__file__).parents[2]
MIB = 2**20
FIRST_PARTS = {  # as benchmarks.gpu.pack makes them
    ".gpu/parts/site.000": 4 * MIB,
    ".gpu/parts/models.000": 2 * MIB,
    ".gpu/parts/NUAA-SIRST-train.000": 6 * MIB,
    **{f".gpu/parts/ort.{index:03d}": PART_BYTES for index in range(8)},
    ".gpu/parts/ort.008": 7 * MIB,
    ".gpu/parts/NUAA-SIRST-test.000": 6 * MIB,
}
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
    number = write_parcel("site", {"site": tmp_path / "site"}, sent, compress=True, part_bytes=20_000)
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


def test_every_part_is_carried_by_some_call_and_no_call_carries_too_much() -> None:
    parts = FIRST_PARTS
    lines = list(session(parts, results=9 * 2**20))
    carried = [[path for path in parts if path in line] for line in lines[:-2]]
    assert [path for paths in carried for path in paths] == list(parts), "each once, in order"
    bytes_of = [sum(parts[path] for path in paths) for paths in carried]
    assert bytes_of[0] + 9 * 2**20 <= 2 * PART_BYTES
    assert all(size <= 2 * PART_BYTES for size in bytes_of)
    assert all(len(paths) <= 6 for paths in carried)
    assert [".gpu/results" in line for line in lines] == [True] + [False] * (len(lines) - 1)
    many = list(session({f"small.{index}": 1 for index in range(20)}))
    assert max(line.count("small.") for line in many) == 6, "a call carries eight paths at most"


def test_the_first_session_fits_its_fifteen_minutes() -> None:
    lines = list(session(FIRST_PARTS))
    minutes = [float(line.rpartition(" ")[2]) for line in lines[:-2]]
    start, a_call = 2.0, 1 / 3
    assert start + a_call * len(minutes) + sum(minutes) < 15.1
    assert minutes[0] >= 3, "training, while ONNX Runtime is still to come"
    assert not any(minutes[1:-1]), "these only bring parts"
    left = 60 * minutes[-1] - SPARE_S
    limits = {one.name: one.seconds for one in plan(Path("root"), "cuda", False, RUNS, left)}
    assert left - limits["gate"] - limits["parity-NUAA-SIRST"] > 140, "performance has its turn, however slow those are"
    assert all(limit <= 600 for limit in limits.values())


def test_the_readme_tells_the_calls_and_the_steps_with_their_limits() -> None:
    text = (REPOSITORY / "benchmarks" / "gpu" / "README.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.partition("## Steps")[2].splitlines() if line[:2] == "| "]
    told = {name.replace("SET", DATA_SETS[0]): limit for name, *_, limit in rows[2:]}
    steps = [one for one in plan(Path("root"), "cuda", False, RUNS, 600) if one.name in told]
    assert [one.name for one in steps] == list(told), "in their order"
    assert all(told[one.name] in {f"{one.seconds:.0f} s", "the call", "the rest"} for one in steps)
    minutes = {line.rpartition(" ")[2] for line in list(session(FIRST_PARTS))[:-1]}
    assert all(f"`python3 -m benchmarks.gpu --minutes {one}`" in text for one in minutes)


def test_what_is_short_comes_before_what_takes_all_that_is_left() -> None:
    names = [one.name for one in plan(Path("root"), "cuda", False, RUNS, 600)]
    short = ["gate", *(f"parity-{name}" for name in DATA_SETS)]
    assert names == [*short, "performance", "compiled", "throughput", "comparison", "training"]


def test_a_session_that_is_too_short_says_so() -> None:
    assert not any("too much" in line for line in session(FIRST_PARTS))
    assert any("too much" in line for line in session(FIRST_PARTS, minutes=9))


def test_training_needs_neither_onnx_runtime_for_cuda_nor_frames_of_other_sets() -> None:
    needs = {one.name: set(one.needs) for one in plan(Path("root"), "cuda", False, RUNS, 600)}
    assert needs["training"] == {"site", "NUAA-SIRST-train"}
    assert needs["throughput"] == {"site", "NUAA-SIRST-train"}
    assert needs["parity-NUAA-SIRST"] == {"site", "models", "ort", "NUAA-SIRST-test"}
    first = next(session(FIRST_PARTS))
    assert all(f"{name}.000" in first for name in needs["training"])
    whole = plan(Path("root"), "cuda", False, ("generalist:0",), 600)[-1]
    assert set(whole.needs) == {"site", *(f"{name}-{split}" for name in DATA_SETS for split in SPLITS)}


def test_onnx_runtime_is_a_parcel_of_its_own(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("onnxruntime_gpu-1-cp312.whl", "click-8-py3.whl"):
        with zipfile.ZipFile(wheels / name, "w") as archive:
            archive.writestr(f"{name.partition('-')[0]}/__init__.py", "")
    unpack_wheels(wheels, tmp_path / "site", tmp_path / "ort")
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["click"]
    assert [path.name for path in (tmp_path / "ort").iterdir()] == ["onnxruntime_gpu"]


def test_wheels_of_an_earlier_packing_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime_gpu-0-cp312.whl").touch()
    monkeypatch.setattr(subprocess, "run", lambda command, check: (tmp_path / "click-8-py3.whl").touch())
    assert [path.name for path in download_wheels(tmp_path).iterdir()] == ["click-8-py3.whl"]


def test_both_splits_of_a_data_set_are_the_data_set_and_either_can_be_read_alone(tmp_path: Path) -> None:
    data, sent, root = tmp_path / "data" / "NUAA-SIRST", tmp_path / "sent", tmp_path / "root"
    write_scenes(data, count=4)
    sent.mkdir()
    for split in SPLITS:
        parcel = f"NUAA-SIRST-{split}"
        assert list(receive({parcel: write_parcel(parcel, files_of(data, split), sent)}, sent, root)) == []
        there = FrameFolder(root / "NUAA-SIRST", split)
        assert there.names == FrameFolder(data, split).names
    (data / "targets.json").unlink()  # known of drawn scenes alone
    assert _tree(root / "NUAA-SIRST") == _tree(data)


def test_packing_again_leaves_what_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in DATA_SETS:
        write_scenes(tmp_path / "data" / name, count=2)
    (tmp_path / "wheels").mkdir()
    for name in ("onnxruntime_gpu-1.whl", "click-8.whl"):
        with zipfile.ZipFile(tmp_path / "wheels" / name, "w") as archive:
            archive.writestr(name, "")
    monkeypatch.setattr("benchmarks.gpu.pack.export_models", lambda folder: folder.mkdir())
    result = CliRunner().invoke(pack, ["data", "--wheels", "wheels"])
    assert result.exit_code == 0, result.output
    assert ".gpu/results" not in result.output
    came_back = tmp_path / ".gpu" / "results" / "kept.tar.000"
    came_back.parent.mkdir()
    came_back.write_bytes(b"kept")
    again = CliRunner().invoke(pack, ["data", "--wheels", "wheels"])
    assert came_back.read_bytes() == b"kept"
    first = "call 1: kind nvidia-h100-x1: carry .gpu/parts.json, .gpu/results, .gpu/parts/site.000, "
    assert again.output.startswith(first)
    assert CliRunner().invoke(print_calls).output == again.output
    assert "no parcel nothing" in CliRunner().invoke(print_calls, ["--parcel", "nothing"]).output
    assert set(FIRST_SESSION) < set(json.loads(Path(".gpu/parts.json").read_text()))


def test_a_step_waits_for_those_that_matter_more(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    late = step("print()", after=("performance",))
    assert advance(late, tmp_path, 1e12, ()) == "comes after performance"
    mark("performance", tmp_path, Outcome.FAILED)
    assert advance(late, tmp_path, 1e12, ()) == "done"


def test_what_failed_is_tried_again_once_its_code_was_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").mkdir()
    assert advance(step("raise SystemExit(1)"), tmp_path, 1e12, ()) == "failed"
    assert advance(step("print()"), tmp_path, 1e12, ()).startswith("failed")
    monkeypatch.setattr("benchmarks.gpu.marks.commit", lambda: "the next")
    assert advance(step("print()"), tmp_path, 1e12, ()) == "done"


def test_every_call_names_the_machine_and_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.calls.commit", lambda: "0123abcd")
    *calls, last = session(FIRST_PARTS)
    assert last == "give the machine back"
    assert all("kind nvidia-h100-x1: carry " in line for line in calls)
    assert all(": RRCANET_COMMIT=0123abcd python3 -m benchmarks.gpu --minutes " in line for line in calls)


def test_a_call_that_only_brings_parts_runs_nothing_and_sends_nothing_back(tmp_path: Path) -> None:
    arguments = ["--root", str(tmp_path / "root"), "--out", str(tmp_path / "out"), "--device", "cpu", "--minutes", "0"]
    result = CliRunner().invoke(gpu, arguments)
    assert result.exit_code == 0, result.output
    assert "training: waits for the next call" in result.output
    assert not (tmp_path / "out").exists()


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
    assert advance(step("raise SystemExit(75)"), tmp_path, far, ()) == Outcome.STOPPED.value, "as it asks for"
    assert advance(sleeping, tmp_path, far, ()) == Outcome.STOPPED.value
    assert advance(step(count), tmp_path, far, ()) == Outcome.DONE.value
    assert advance(step(count), tmp_path, far, ()).startswith("done (again with --only step)")
    assert advance(step(count), tmp_path, far, ("other",)) == "not asked for"
    assert advance(step(count), tmp_path, far, ("step",)) == Outcome.DONE.value
    assert advance(step(count), tmp_path, 0.0, ("step",)) == "waits for the next call"
    assert len((tmp_path / "ran").read_text().splitlines()) == 3


def test_a_step_that_dies_by_a_signal_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert advance(step("import os; os.abort()"), tmp_path, 1e12, ()) == Outcome.STOPPED.value
    assert advance(step("print()"), tmp_path, 1e12, ()) == Outcome.DONE.value


def test_what_every_call_said_is_kept(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for word in ("first", "second"):
        advance(step(f"print({word!r}); raise SystemExit(75)"), tmp_path, 1e12, ())
    collect(tmp_path, tmp_path / "out")
    assert "first\nsecond\n" in (tmp_path / "out" / "report.md").read_text()


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


def test_scores_of_the_comparison_come_back_and_its_networks_do_not(tmp_path: Path) -> None:
    first, out, second = (tmp_path / name for name in ("first", "out", "second"))
    for folder in (first / "results", first / "compare" / "acm-0", second / "results"):
        folder.mkdir(parents=True)
    for name in ("result.json", "weights.safetensors"):
        (first / "compare" / "acm-0" / name).write_text("{}")
    collect(first, out)
    restore(out, second)
    assert [path.name for path in (second / "compare" / "acm-0").iterdir()] == ["result.json"]


def test_a_fresh_machine_goes_on_from_what_came_back(tmp_path: Path) -> None:
    first, out, second = (tmp_path / name for name in ("first", "out", "second"))
    for folder in (first / "results", first / "runs" / "a-0", second / "results"):
        folder.mkdir(parents=True)
    for name in ("gate", "parity", "performance", "performance-nvidia-h200", "throughput", "throughput-nvidia-h200"):
        (first / "results" / f"{name}.json").write_text("{}")
    for name in ("state.safetensors", "weights.safetensors"):
        (first / "runs" / "a-0" / name).write_bytes(np.random.default_rng(0).bytes(9 * 2**20))
    for _ in range(2):
        collect(first, out)
    assert len(list(out.iterdir())) == 8, "as many as come back"
    assert all(file.stat().st_size <= 2**24 for file in out.iterdir())
    restore(out, second)
    assert (second / "results" / "throughput-nvidia-h200.json").read_text() == "{}"
    assert (second / "runs" / "a-0" / "state.safetensors").stat().st_size == 9 * 2**20


@pytest.mark.parametrize("name", ["benchmarks.gpu.__main__", "benchmarks.gpu.steps", "benchmarks.gpu.parcels"])
def test_the_command_starts_before_anything_was_sent(name: str) -> None:
    _import_without((*ABSENT_THERE, "pydantic", "pydantic_settings", "onnxruntime", "safetensors", "torch"), name)


def test_every_step_needs_only_what_was_sent_or_is_there() -> None:
    modules = [one.command[2] for one in plan(Path("root"), "cuda", False, RUNS, 600) if one.command[1] == "-m"]
    assert len(set(modules)) == 5
    _import_without(ABSENT_THERE, *modules, "model.commands.train_many")


def test_the_files_agree_with_themselves_and_rows_are_kept(tmp_path: Path) -> None:
    for name in DATA_SETS:
        write_scenes(tmp_path / name, count=2)
    for precision in ("fp32", "fp16"):
        write_small_model(tmp_path / f"{precision}.onnx", precision=precision)
    first = _parity(tmp_path)
    assert first.exit_code == 0, first.output
    assert first.output.count(": agrees") == 3
    rows = json.loads((tmp_path / "parity.json").read_text())
    assert [row["data_set"] for row in rows] == [name for name in DATA_SETS for _ in range(2)]
    rows[1]["counts"]["detected"] += 5
    (tmp_path / "parity.json").write_text(json.dumps(rows))
    again = _parity(tmp_path)
    assert "targets +5" in again.output, "it was not measured again"
    assert again.exit_code == 1, "and it differs"
    write_small_model(tmp_path / "fp16.onnx", precision="fp16", version="2")
    assert _parity(tmp_path).exit_code == 0, "of another file everything is measured"


def test_steps_of_a_rehearsal_are_the_same_in_small() -> None:
    whole, small = (plan(Path("root"), "cuda", quick, RUNS, 600) for quick in (False, True))
    assert [one.name for one in whole] == [one.name for one in small]
    assert gpu_steps.WEIGHTS.is_file()


def _parity(folder: Path) -> Result:
    files: Sequence[str] = ("--fp32", f"{folder}/fp32.onnx", "--fp16", f"{folder}/fp16.onnx", "--device", "cpu")
    return CliRunner().invoke(parity, [*files, "--data", str(folder), "--json", str(folder / "parity.json")])


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _import_without(absent: Sequence[str], *modules: str) -> None:
    code = f"import sys, importlib; sys.modules.update(dict.fromkeys({absent!r}))\n"
    code += "\n".join(f"importlib.import_module({name!r})" for name in modules)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
