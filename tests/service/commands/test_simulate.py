"""``rrcanet simulate``: what it writes, and what it refuses to write over."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from service.cli import main
from service.commands import simulate
from service.simulation.scenario import SCENARIOS, ScenarioName
from service.simulation.scene import Scene, make_scene
from service.simulation.sequence import make_sequence

WRITTEN = ["images", "masks", "targets.json", "test.txt", "train.txt"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def test_a_dataset_is_written_and_its_place_is_said(tmp_path: Path) -> None:
    out = tmp_path / "new" / "scenes"
    ended = run(out, "--count", 3, "--bits", 16, "--seed", 4)
    assert (ended.exit_code, ended.stdout) == (0, f"3 frames of 16 bits in {out}\n")
    assert sorted(path.name for path in out.iterdir()) == WRITTEN
    assert list(json.loads((out / "targets.json").read_text())) == ["scene_0004", "scene_0005", "scene_0006"]


def test_a_sequence_is_written_as_one_folder_of_frames(tmp_path: Path) -> None:
    out = tmp_path / "flight"
    assert run(out, "--count", 4, "--sequence", "--bits", 14).exit_code == 0
    frames = sorted((out / "images").iterdir())
    assert [path.name for path in frames] == [f"frame_{number:06d}.png" for number in range(4)]
    truths = json.loads((out / "targets.json").read_text())
    assert {len({target["id"] for target in targets}) for targets in truths.values()} == {3}
    for path in frames:
        with Image.open(path) as image:
            assert image.mode == "I;16"


def test_a_scenario_makes_the_sequence_that_the_comparison_of_trackers_uses(tmp_path: Path) -> None:
    assert run(tmp_path / "a", "--count", 3, "--sequence", "--scenario", "jitter").exit_code == 0
    for number, scene in enumerate(make_sequence(0, 3, scenario=SCENARIOS[ScenarioName.JITTER])):
        with Image.open(tmp_path / "a" / "images" / f"frame_{number:06d}.png") as image:
            assert np.array_equal(np.asarray(image), scene.counts(8))
    ended = run(tmp_path / "b", "--scenario", "jitter")
    assert (ended.exit_code, "--scenario needs --sequence" in ended.stderr) == (2, True)


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    assert run(tmp_path, "--count", 2).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == WRITTEN


def test_a_folder_with_content_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    ended = run(tmp_path)
    assert (ended.exit_code, ended.stderr) == (1, f"Error: {tmp_path} is not empty; choose a new folder\n")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_the_place_of_the_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ended = run(tmp_path / "out")
    assert (ended.exit_code, ended.stderr) == (1, f"Error: {tmp_path / 'out'} is a file; choose a folder\n")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "scenes"
    ended = run(out, "--count", 2)
    assert (ended.exit_code, ended.stderr) == (1, f"Error: {out} cannot be written: Not a directory\n")


@pytest.mark.parametrize("option", [("--count", "1"), ("--bits", "12"), ("--seed", "-1")])
def test_a_wrong_number_is_a_usage_error(tmp_path: Path, option: tuple[str, str]) -> None:
    ended = run(tmp_path / "out", *option)
    assert ended.exit_code == 2
    assert f"Invalid value for '{option[0]}'" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_long_work_shows_its_progress_in_a_log(tmp_path: Path) -> None:
    assert "50 of 60 frames\n" in run(tmp_path / "out", "--count", 60).stderr


def test_an_interruption_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(count: int, seed: int) -> Iterator[tuple[str, Scene]]:
        yield "scene_0000", make_scene(seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "still_frames", interrupted)
    ended = run(tmp_path / "out", "--count", 9)
    assert (ended.exit_code, ended.stderr) == (1, f"Error: interrupted; {tmp_path / 'out'} is not complete\n")


def test_it_runs_in_an_install_without_torch(tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from service.cli import main; main()"
    command = [sys.executable, "-c", code, "simulate", str(tmp_path / "out"), "--count", "2"]
    subprocess.run(command, check=True, env=os.environ, capture_output=True, timeout=60)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN
