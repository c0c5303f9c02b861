"""``rrcanet bulk`` on processes of one machine: every frame has one row, whatever happens to the command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from pyarrow import parquet as pq

from service.cli import main
from service.simulation.scene import make_scene
from tests.support.paths import ROOT
from tests.support.small_models import GOLDEN, Rule, write_small_model
from tests.support.waiting import wait_until

BULK = "from distributed.command import bulk_command; bulk_command()"
MANY = 1000


def start(*arguments: object) -> "subprocess.Popen[str]":
    """The command as a process of its own."""
    command = [sys.executable, "-c", BULK, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error."""
    process = start(*arguments)
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """All rows, as any reader of a folder of Parquet files finds them."""
    rows: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return sorted(rows, key=lambda row: (row["path"], row["page"]))


def pages_of(folder: Path) -> list[tuple[str, int]]:
    """Path and page of every row."""
    return [(row["path"], row["page"]) for row in rows_of(folder)]


def children_of(pid: int) -> list[str]:
    """Process ids of the workers of a command."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_small_model(tmp_path / "small.onnx")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of many small frames."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(MANY):
        np.save(folder / f"{number:04d}.npy", np.roll(GOLDEN, number, axis=0))
    return folder


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder with a frame, a folder with two pages in it, and two files that are no frames."""
    folder = tmp_path / "frames"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(make_scene(1, 64, 80).counts(14)).save(folder / "scene.png")
    np.save(folder / "deep" / "stack.npy", np.stack([GOLDEN, GOLDEN.T]))
    (folder / "text.png").write_text("no picture")
    (folder / os.fsdecode(b"odd\xff.png")).write_bytes(b"")
    (folder / "notes.txt").write_text("not a frame")
    return folder


def test_every_frame_has_a_row_with_what_detect_finds(frames: Path, model: Path, tmp_path: Path) -> None:
    code, told = run(frames, "--out", tmp_path / "out", "--model", model, "--workers", 1, "--min-area", 2)
    assert (code, told.splitlines()[-1]) == (0, "5 frames, 2 of them with an error")
    rows = rows_of(tmp_path / "out")
    names = [(row["path"].removeprefix(f"{frames}/"), row["page"]) for row in rows]
    assert names == [
        ("deep/stack.npy", 0),
        ("deep/stack.npy", 1),
        ("odd\\xff.png", 0),
        ("scene.png", 0),
        ("text.png", 0),
    ]
    detected = CliRunner().invoke(main, ["detect", str(frames / "scene.png"), "--model", str(model), "--min-area", "2"])
    (frame,) = json.loads(detected.stdout)["frames"]
    scene = next(row for row in rows if row["path"].endswith("scene.png"))
    assert [without_nulls(target) for target in scene["targets"]] == [without_nulls(one) for one in frame["targets"]]
    assert (scene["width"], scene["height"], scene["error"]) == (80, 64, None)
    assert scene["warnings"] == frame["warnings"]
    assert {(row["model"], row["version"]) for row in rows} == {("small", "1")}
    broken = rows[-1]
    assert broken["error"].startswith("undecodable_frame: the file is none of the supported formats")
    assert (broken["targets"], broken["width"]) == (None, None)


def without_nulls(target: dict[str, Any]) -> dict[str, Any]:
    """JSON leaves ``temperature_c`` out if it is not known."""
    return target | {"signal": {key: value for key, value in target["signal"].items() if value is not None}}


def test_a_killed_run_continues_and_no_frame_is_missing_or_twice(many: Path, model: Path, tmp_path: Path) -> None:
    arguments = (many, "--out", tmp_path / "out", "--model", model, "--part-frames", 40, "--workers", 2)
    first = start(*arguments)
    wait_until((tmp_path / "out" / "part-000001.parquet").is_file, "no part was written")
    workers = children_of(first.pid)
    first.kill()
    first.communicate()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "workers outlive their command")
    done = len(pages_of(tmp_path / "out"))
    assert 0 < done < MANY
    (tmp_path / "out" / "_partial.parquet").write_bytes(b"half a file")

    second = start(*arguments)
    wait_until((tmp_path / "out" / f"part-{done // 40 + 1:06}.parquet").is_file, "no part was written")
    os.kill(int(children_of(second.pid)[-1]), signal.SIGKILL)  # a worker; its files are read again
    wait_until((tmp_path / "out" / f"part-{done // 40 + 3:06}.parquet").is_file, "no part was written")
    second.terminate()
    _, told = second.communicate(timeout=30)
    assert second.returncode == 1
    assert told.endswith("Error: interrupted; the same command continues\n")
    assert f"{done} of {MANY} files are done already" in told
    assert done < len(pages_of(tmp_path / "out")) < MANY

    assert run(*arguments)[0] == 0
    assert pages_of(tmp_path / "out") == [(str(path), 0) for path in sorted(many.iterdir())]
    assert {row["error"] for row in rows_of(tmp_path / "out")} == {None}
    files = sorted((tmp_path / "out").glob("*.parquet"))
    code, told = run(*arguments)
    assert (code, told.splitlines()[-1]) == (0, "0 frames, 0 of them with an error")
    assert sorted((tmp_path / "out").glob("*.parquet")) == files


def test_a_file_that_ends_its_process_is_a_row_and_the_others_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    np.save(folder / "deadly.npy", GOLDEN)
    (folder / "text.png").write_text("no picture")
    fragile = write_small_model(tmp_path / "fragile.onnx", Rule.FRAGILE)
    code, told = run(folder, "--out", tmp_path / "out", "--model", fragile, "--workers", 1)
    assert (code, told.splitlines()[-1]) == (0, "2 frames, 2 of them with an error")
    deadly, text = rows_of(tmp_path / "out")
    assert deadly["error"] == "internal: 2 worker processes ended with exit code 1 while they read this file"
    assert text["error"].startswith("undecodable_frame")


def invoke(arguments: Sequence[object]) -> str:
    """The message of a command that cannot start."""
    from distributed.command import bulk_command

    ended = CliRunner().invoke(bulk_command, [str(argument) for argument in arguments])
    assert ended.exit_code in (1, 2), ended.output
    return ended.stderr


def test_a_folder_of_results_belongs_to_one_run_and_one_model(frames: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(f"file://{frames}/deep", "--out", f"file://{out}", "--model", model, "--workers", 1)[0] == 0
    assert pages_of(out) == [(f"{frames}/deep/stack.npy", page) for page in (0, 1)]
    assert "was written with other settings (options " in invoke(
        [frames, "--out", out, "--model", model, "--min-area", 9]
    )
    other = write_small_model(tmp_path / "other.onnx", Rule.EVERYTHING, name="other")
    assert "(model small there, other now); use another --out" in invoke([frames, "--out", out, "--model", other])

    from distributed.parts import open_parts
    from distributed.store import open_store

    with open_parts(open_store(str(tmp_path / "busy")), "{}", 10):
        message = invoke([frames, "--out", tmp_path / "busy", "--model", model])
    assert f"another run writes into {tmp_path}/busy" in message
    (out / "part-000000.parquet").write_bytes(b"damaged")
    assert "part-000000.parquet cannot be read" in invoke([frames, "--out", out, "--model", model])


def test_frames_in_an_archive_are_named_by_their_address(frames: Path, model: Path, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "frames.zip", "w") as archive:
        for name in ("scene.png", "deep/stack.npy", "notes.txt"):
            archive.write(frames / name, name)
    container = f"::file://{tmp_path}/frames.zip"
    assert run(f"zip://{container}", "--out", tmp_path / "out", "--model", model, "--workers", 1)[0] == 0
    names = [("zip://deep/stack.npy", 0), ("zip://deep/stack.npy", 1), ("zip://scene.png", 0)]
    assert pages_of(tmp_path / "out") == [(name + container, page) for name, page in names]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing://frames", "nothing://frames cannot be opened"),
        ("empty", "empty has no frames (.png"),
        ("absent", "absent"),
    ],
)
def test_a_source_without_frames_is_named(source: str, message: str, tmp_path: Path, model: Path) -> None:
    (tmp_path / "empty").mkdir()
    where = source if ":" in source else tmp_path / source
    assert message in invoke([where, "--out", tmp_path / "out", "--model", model])
