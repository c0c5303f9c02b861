"""Ways of padding and cutting side by side: what is listed as the service's is what the service does."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.accuracy.windows import main
from export.commands.evaluate import evaluate_command
from service.simulation.scene import make_scene
from tests.support.scenes import write_scenes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Frames of a size that must be padded, with columns that are no number."""
    write_scenes(tmp_path, count=4)
    for path in sorted((tmp_path / "images").iterdir()):
        scene = make_scene(int(path.stem.removeprefix("scene_")), 101, 131)
        counts = scene.counts(8).astype(np.float32)
        counts[:, ::8] = np.nan
        path.unlink()
        Image.fromarray(counts).save(path.with_suffix(".tif"))
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(tmp_path / "masks" / path.name)
    return tmp_path


def test_frames_as_listed_score_as_the_service_answers_them(data: Path, model_file: Path) -> None:
    ways = CliRunner().invoke(main, [str(model_file), "--data", str(data), "--json", str(data / "ways.json")])
    assert ways.exit_code == 0, ways.output
    options = ["--data", str(data), "--json", str(data / "scores.json")]
    assert CliRunner().invoke(evaluate_command, [str(model_file), *options]).exit_code == 0
    served = json.loads((data / "scores.json").read_text())["scores"]
    found = json.loads((data / "ways.json").read_text())["ways"]
    assert list(found) == ["tight", "listed", "cut 256"]
    listed = found["listed"]
    assert listed["iou"] == pytest.approx(100 * served["iou"])
    assert listed["detected"] / listed["targets"] == served["pd"] > 0.3
    assert listed["fa_identity"] == pytest.approx(served["fa_identity"])


def test_parts_of_frames_are_scored_by_the_pixels_that_are_numbers(data: Path, model_file: Path) -> None:
    result = CliRunner().invoke(main, [str(model_file), "--data", str(data), "--cut-outs", "--way", "tight"])
    assert result.exit_code == 0, result.output
    assert "cut-outs, 2 frames" in result.output
