"""Networks compared under one budget: runs that stop and go on, what is not done twice, the table."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import load_file

from benchmarks.compare.command import compare_command
from benchmarks.compare.contenders import GROUPS, choose
from benchmarks.compare.run import RESULT_FILE, Comparison
from benchmarks.compare.scoring import score_network
from export.commands.evaluate import evaluate_command
from export.onnx.card import read_model, write_model
from model.data.dataset import FrameFolder
from model.data.packed import pack
from model.network.checkpoint import load_checkpoint
from model.network.hosts import HOSTS
from model.recipe import load_recipe
from model.training.selection import read_frames
from model.training.trainer import STATE_FILE, WEIGHTS_FILE
from service.simulation.scene import make_scene
from tests.support.scenes import write_scenes

RECIPE = """
name = "small"
description = "for tests"
datasets = ["scenes"]
[optimisation]
steps = 4
batch = 2
crop = 32
"""
BUDGET = ("--steps", "4", "--batch", "2", "--crop", "32")


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    return tmp_path


def compare(data: Path, *arguments: str, out: str = "out", seeds: int = 1) -> Result:
    where = ["--recipe", str(data / "small.toml"), "--data", str(data), "--out", str(data / out), "--device", "cpu"]
    return CliRunner().invoke(compare_command, [*where, *BUDGET, "--seeds", str(seeds), *arguments])


def rows(result: Result) -> dict[str, dict[str, str]]:
    assert result.exit_code == 0, result.output
    head, _, *lines = (line.strip("| ").split(" | ") for line in result.output.splitlines() if line.startswith("|"))
    return {line[0]: dict(zip(head, line, strict=True)) for line in lines}


def stopped_halfway(data: Path, out: str, name: str) -> None:
    """A run whose time is up after two of its four steps."""
    recipe, steps = load_recipe(str(data / "small.toml")), itertools.count()
    frames, tests = pack(read_frames(recipe, data)), (FrameFolder(data / "scenes", "test"),)
    comparison = Comparison(recipe, frames, tests, torch.device("cpu"), data / out)
    (contender,) = choose(list(GROUPS), [name])
    assert comparison.run(contender, 0, lambda: next(steps) >= 2) is None


@pytest.mark.parametrize("name", ["acm", "passes-1"])  # ACM drops out, which draws random numbers of its own
def test_a_run_stopped_and_gone_on_ends_as_one_never_stopped(data: Path, name: str) -> None:
    stopped_halfway(data, "cut", name)
    assert (data / "cut" / f"{name}-0" / STATE_FILE).exists()
    whole, cut = (compare(data, *GROUPS, "--only", name, out=out) for out in ("whole", "cut"))
    assert rows(whole) == rows(cut)
    first, second = (load_file(data / out / f"{name}-0" / WEIGHTS_FILE) for out in ("whole", "cut"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not (data / "cut" / f"{name}-0" / STATE_FILE).exists()


def test_finished_runs_are_not_done_again_and_others_are_not_mixed_in(data: Path) -> None:
    first = compare(data, "ablations", "--only", "passes-1", "--table", str(data / "table.md"))
    assert "passes-1-0: finished" in first.output
    again = compare(data, "ablations", "--only", "passes-1", "--json", str(data / "all.json"), seeds=2)
    assert "passes-1-0: training" not in again.output
    assert "passes-1-1: finished" in again.output
    one, two = rows(first)["passes-1"], rows(again)["passes-1"]
    assert (one["parameters"], one["seeds"], two["seeds"]) == ("183,729", "1", "2")
    values = [float(value) for value in two["Fa identity e-6"].split(" (")[1].strip(")").split(", ")]
    assert float(one["Fa identity e-6"]) == values[0]
    assert float(two["Fa identity e-6"].split(" (")[0]) == pytest.approx(sum(values) / 2, abs=0.01)
    assert first.output.strip().endswith((data / "table.md").read_text().strip())
    network = json.loads((data / "all.json").read_text(), parse_constant=pytest.fail)["networks"]["passes-1"]
    assert 1e6 > network["seeds"]["0"]["fa_identity"] == pytest.approx(values[0], abs=0.01)
    other = compare(data, "ablations", "--only", "passes-1", "--steps", "5")
    assert other.exit_code == 1
    assert "another budget" in other.output


@pytest.mark.parametrize("split", ["train", "test"])
def test_results_on_other_frames_are_not_mixed_in(data: Path, split: str) -> None:
    assert compare(data, "ablations", "--only", "passes-1").exit_code == 0
    names = data / "scenes" / f"{split}.txt"
    names.write_text(names.read_text().splitlines()[0] + "\n")
    other = compare(data, "ablations", "--only", "passes-1")
    assert other.exit_code == 1
    assert "was made with other frames; use another --out" in other.output


def test_every_network_has_a_row_whether_finished_or_not(data: Path) -> None:
    table = rows(compare(data, *GROUPS, "--minutes", "0"))
    assert list(table) == [name for group in GROUPS.values() for name in group]
    assert {*HOSTS, "rrcanet", "shared-norm", "dice-alone", "cross-entropy", "uiunet-soft-iou"} < set(table)
    assert {row["seeds"] for row in table.values()} == {"0"}
    assert {row["IoU %"] for row in table.values()} == {"-"}


def test_an_unknown_network_or_group_is_named_with_those_there_are(data: Path) -> None:
    result = compare(data, "hosts", "--only", "acm", "--only", "passes-1")
    assert result.exit_code == 1
    assert "hosts has no passes-1; it has resunet, resunet-rucb" in result.output
    assert "'nothing' is not one of 'hosts', 'ablations'" in compare(data, "nothing").output


@pytest.mark.parametrize("crop", ["36", "48"])
def test_a_crop_that_some_network_cannot_halve_is_refused_before_the_work(data: Path, crop: str) -> None:
    result = compare(data, "hosts", "--crop", crop)
    assert result.exit_code == 2
    assert f"--crop: {crop} is no multiple of 32" in result.output


def test_a_host_with_side_maps_learns_from_all_of_them(data: Path) -> None:
    assert compare(data, "hosts", "--only", "dnanet", "--steps", "1").exit_code == 0
    trained = load_file(data / "out" / "dnanet-0" / WEIGHTS_FILE)
    torch.manual_seed(0)
    before = HOSTS["dnanet"](1).state_dict()
    heads = [key for key in before if key.startswith("heads.") and key.endswith("weight")]
    assert len(heads) == 4
    assert not any(torch.equal(trained[key], before[key]) for key in heads)


def test_the_loss_of_a_contender_is_what_it_is_trained_with(data: Path) -> None:
    names = ("rrcanet", "dice-alone", "cross-entropy")
    only = (word for name in names for word in ("--only", name))
    assert compare(data, *GROUPS, *only, "--steps", "2").exit_code == 0
    weights = [load_file(data / "out" / f"{name}-0" / WEIGHTS_FILE)["head.weight"] for name in names]
    for one, other in itertools.combinations(weights, 2):
        assert not torch.equal(one, other)


# whole, padded, cut into windows; with columns that are no number
@pytest.mark.parametrize(("height", "width", "dead"), [(128, 160, 0), (101, 131, 0), (64, 1400, 0), (128, 160, 20)])
def test_a_network_scores_as_the_model_file_made_of_it(
    data: Path, shipped_checkpoint: Path, model_file: Path, height: int, width: int, dead: int
) -> None:
    for index in range(4):
        scene, name = make_scene(index, height, width), f"scene_{index:04d}"
        counts = scene.counts(8).astype(np.float32)
        counts[:, width - 8 * dead :: 8] = np.nan
        (data / "scenes" / "images" / f"{name}.png").unlink()
        Image.fromarray(counts).save(data / "scenes" / "images" / f"{name}.tif")
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(data / "scenes" / "masks" / f"{name}.png")
    options = ["--data", str(data / "scenes"), "--json", str(data / "scores.json")]
    graph, card = read_model(model_file)
    write_model(data / "half.onnx", graph, card.model_copy(update={"threshold": 0.5}))  # the comparison scores at 0.5
    assert CliRunner().invoke(evaluate_command, [str(data / "half.onnx"), *options]).exit_code == 0
    served = json.loads((data / "scores.json").read_text())["scores"]
    checkpoint, recipe = load_checkpoint(shipped_checkpoint), load_recipe(str(data / "small.toml"))
    assert (checkpoint.record.mean, checkpoint.record.std) == (recipe.mean, recipe.std)
    folder = FrameFolder(data / "scenes", "test")
    ours = score_network(checkpoint.network, recipe, [folder], torch.device("cpu"))
    assert served["pd"] == ours.pd > 0.3
    assert served["iou"] == pytest.approx(ours.iou, abs=0.001)
    assert served["fa_identity"] == pytest.approx(ours.fa_identity, abs=0.1)


def test_what_a_killed_run_left_is_not_taken_for_a_result(data: Path) -> None:
    stopped_halfway(data, "out", "passes-1")
    assert not (data / "out" / "passes-1-0" / RESULT_FILE).exists()
    assert rows(compare(data, "ablations", "--only", "passes-1", "--minutes", "0"))["passes-1"]["seeds"] == "0"
