"""What a recipe holds out can be evaluated and calibrated on."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.accuracy.held_out import held_out_command
from model.data.dataset import DataError, FrameFolder
from model.recipe import load_recipe
from model.training.selection import read_frames
from tests.support.scenes import write_scenes

RECIPE = """
name = "general"
description = "for tests"
datasets = ["sea", "land"]
exclude = ["land/test"]
held_out = [{patterns}]
[optimisation]
steps = 1
"""


def held_out(folder: Path, patterns: str, *options: str) -> Result:
    (folder / "general.toml").write_text(RECIPE.replace("{patterns}", patterns))
    return CliRunner().invoke(held_out_command, [str(folder / "general.toml"), "--data", str(folder), *options])


def test_the_lists_are_what_training_leaves_out_but_for_test_frames(tmp_path: Path) -> None:
    write_scenes(tmp_path / "sea", count=6)  # trains on scenes 0, 2, 4
    write_scenes(tmp_path / "land", count=6, seed=3)  # trains on scenes 3, 5, 7, tests on 4, 6, 8
    result = held_out(tmp_path, '"*[0234]"')
    assert result.exit_code == 0, result.output
    sea, land = (FrameFolder(tmp_path / name, "general-held-out") for name in ("sea", "land"))
    assert sea.names == ("scene_0000", "scene_0002")  # scene 4 is one of the excluded
    assert land.names == ("scene_0003",)
    assert f"{tmp_path / 'sea' / 'general-held-out.txt'}: 2 of 3 frames" in result.output
    trained = [sample.name for sample in read_frames(load_recipe(str(tmp_path / "general.toml")), tmp_path)]
    assert trained == ["scene_0005", "scene_0007"]


def test_the_frames_that_it_trains_on_get_lists_if_asked_for(tmp_path: Path) -> None:
    write_scenes(tmp_path / "sea", count=6)
    write_scenes(tmp_path / "land", count=6, seed=3)
    assert held_out(tmp_path, '"*[0234]"').exit_code == 0
    assert not [*tmp_path.glob("*/*-trained-on.txt")]
    assert held_out(tmp_path, '"*[0234]"', "--trained-on").exit_code == 0
    assert not [*tmp_path.glob("sea/*-trained-on.txt")]  # it trains on none of them
    listed = FrameFolder(tmp_path / "land", "general-trained-on").names
    trained = [sample.name for sample in read_frames(load_recipe(str(tmp_path / "general.toml")), tmp_path)]
    assert list(listed) == trained == ["scene_0005", "scene_0007"]


def test_a_list_of_an_earlier_recipe_is_removed(tmp_path: Path) -> None:
    write_scenes(tmp_path / "sea", count=6)
    write_scenes(tmp_path / "land", count=6, seed=3)
    assert held_out(tmp_path, '"*[03]"', "--trained-on").exit_code == 0
    assert (tmp_path / "sea" / "general-trained-on.txt").exists()
    assert held_out(tmp_path, '"*[0234]"', "--trained-on").exit_code == 0  # all of sea is held out now
    assert not (tmp_path / "sea" / "general-trained-on.txt").exists()


def test_a_recipe_that_holds_nothing_out_is_named(tmp_path: Path) -> None:
    for name in ("sea", "land"):
        write_scenes(tmp_path / name, count=2)
    result = held_out(tmp_path, "")
    assert result.exit_code == 1
    assert "general holds no frame out" in result.output


def test_a_pattern_that_fits_no_frame_is_named_here_and_before_training(tmp_path: Path) -> None:
    for name in ("sea", "land"):
        write_scenes(tmp_path / name, count=4)
    said = "recipe general: no frame of its data matches held_out scen_*"
    assert said in held_out(tmp_path, '"*_0000", "scen_*"').output
    with pytest.raises(DataError, match=re.escape(said)):
        next(iter(read_frames(load_recipe(str(tmp_path / "general.toml")), tmp_path)))
