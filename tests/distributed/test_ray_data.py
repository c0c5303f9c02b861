"""``rrcanet bulk --address`` on a Ray cluster of two nodes on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet as pq

from tests.support.paths import ROOT
from tests.support.small_models import GOLDEN, Rule, write_small_model
from tests.support.waiting import wait_until

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'rrcanet-serve[ray]'")
BULK = "from distributed.command import bulk_command; bulk_command()"
MEMORY = 100 * 2**20
MANY = 400


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two nodes with a CPU each; their workers import this checkout."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        nodes.add_node(num_cpus=1, object_store_memory=MEMORY)
        yield nodes.address
        nodes.shutdown()


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BULK, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def test_a_killed_run_on_two_nodes_continues(cluster: str, tmp_path: Path) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    for number in range(MANY):
        np.save(frames / f"{number:04d}.npy", np.roll(GOLDEN, number, axis=0))
    model = write_small_model(tmp_path / "small.onnx")
    arguments = (frames, "--out", out, "--model", model, "--part-frames", 20, "--address", cluster)
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


def test_a_file_that_ends_its_actor_is_a_row(cluster: str, tmp_path: Path) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    np.save(frames / "deadly.npy", GOLDEN)
    (frames / "text.png").write_text("no picture")
    model = write_small_model(tmp_path / "fragile.onnx", Rule.FRAGILE)
    run = start(frames, "--out", out, "--model", model, "--address", cluster)
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
