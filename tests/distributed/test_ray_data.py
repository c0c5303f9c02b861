"""``rrcanet bulk --address`` on a Ray cluster of two nodes on this machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet as pq

from tests.distributed.conftest import TwoNodes
from tests.support.paths import ROOT
from tests.support.small_models import GOLDEN, Rule, write_small_model
from tests.support.waiting import wait_until

BULK = "from distributed.command import bulk_command; bulk_command()"
MANY = 400


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BULK, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_on_two_nodes_continues(two_nodes: TwoNodes, tmp_path: Path) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    for number in range(MANY):
        np.save(frames / f"{number:04d}.npy", np.roll(GOLDEN, number, axis=0))
    model = write_small_model(tmp_path / "small.onnx")
    arguments = (frames, "--out", out, "--model", model, "--part-frames", 20, "--address", two_nodes.address)
    first = start(*arguments)
    wait_until((out / "part-000000.parquet").is_file, "no part was written")
    first.kill()
    first.communicate()
    done = pq.read_table(out).num_rows
    assert 0 < done < MANY

    second = start(*arguments)
    _, told = second.communicate(timeout=120)
    assert second.returncode == 0, told
    assert f"{done} of {MANY} files are done already" in told
    rows = pq.read_table(out).to_pylist()
    assert sorted((row["path"], row["page"]) for row in rows) == [(str(path), 0) for path in sorted(frames.iterdir())]
    assert {row["error"] for row in rows} == {None}


def test_a_file_that_ends_its_actor_is_a_row(two_nodes: TwoNodes, tmp_path: Path) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    np.save(frames / "deadly.npy", GOLDEN)
    (frames / "text.png").write_text("no picture")
    model = write_small_model(tmp_path / "fragile.onnx", Rule.FRAGILE)
    run = start(frames, "--out", out, "--model", model, "--address", two_nodes.address)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 0, told
    errors = {Path(row["path"]).name: row["error"] for row in pq.read_table(out).to_pylist()}
    assert errors["deadly.npy"].startswith("internal: no worker could finish this file")
    assert errors["text.png"].startswith("undecodable_frame")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "no Ray cluster answers at 127.0.0.1:9"),
        ("ray://127.0.0.1:10001", "Ray Data does not run through Ray's client"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(address: str, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "frame.npy", GOLDEN)
    model = write_small_model(tmp_path / "small.onnx")
    run = start(tmp_path / "frame.npy", "--out", tmp_path / "out", "--model", model, "--address", address)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 1
    assert message in told
