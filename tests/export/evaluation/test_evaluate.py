"""``rrcanet evaluate`` and ``rrcanet calibrate`` on scenes whose truth is known."""

import json
import shutil
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from export.commands.bench import bench_command
from export.commands.calibrate import calibrate_command
from export.commands.evaluate import evaluate_command
from export.onnx.card import read_model
from service.detection.sensitivity import known_from_per_mpx
from service.keys import hash_of
from tests.export.evaluation.scored import evaluate, row
from tests.support import tiff_by_hand as by_hand
from tests.support.scenes import write_scenes
from tests.support.server import StartServer


def test_the_shipped_model_finds_the_targets_of_scenes(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    result = evaluate(model_file, scenes, "--json", str(tmp_path / "scores.json"))
    scores = row(result)
    assert (scores["frames"], scores["targets"], scores["grid"]) == ("12", "36", "native")
    assert float(scores["Pd %"]) > 90
    assert float(scores["IoU %"]) > 40
    exact = json.loads((tmp_path / "scores.json").read_text())
    assert f"{100 * exact['scores']['pd']:.2f}" == scores["Pd %"]
    assert exact["split"] == "test"


def test_a_service_and_a_file_score_alike(model_file: Path, scenes: Path, client: httpx.Client) -> None:
    served = row(evaluate(str(client.base_url), scenes))
    from_file = row(evaluate(model_file, scenes))
    assert served == from_file


def test_the_256_grid_compares_resized_masks(model_file: Path, scenes: Path) -> None:
    scores = row(evaluate(model_file, scenes, "--grid", "256", "--split", "train"))
    assert (scores["grid"], scores["frames"], scores["split"]) == ("256", "12", "train")
    assert float(scores["Pd %"]) > 80


def test_frames_of_sixteen_bits_are_scored_on_both_grids(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "deep", count=6, bits=14)
    for grid in ("native", "256"):
        assert float(row(evaluate(model_file, tmp_path / "deep", "--grid", grid))["Pd %"]) > 60


def test_a_measurement_is_recorded_in_the_card_once(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    shutil.copy(model_file, model)
    for _ in range(2):
        scores = row(evaluate(model, scenes, "--record"))
    (measured,) = (m for m in read_model(model)[1].measurements if m.dataset == "scenes")
    assert f"{100 * measured.pd:.2f}" == scores["Pd %"]
    assert (measured.split, measured.grid, measured.frames) == ("test", "native", 12)


def test_recording_needs_a_file_and_numbers(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    assert evaluate("http://localhost:1", scenes, "--record").exit_code == 2
    write_scenes(tmp_path / "empty", count=2)
    Image.fromarray(np.zeros((128, 160), np.uint8)).save(tmp_path / "empty" / "masks" / "scene_0001.png")
    Image.fromarray(np.zeros((128, 160), np.uint8)).save(tmp_path / "empty" / "images" / "scene_0001.png")
    shutil.copy(model_file, tmp_path / "m.onnx")
    result = evaluate(tmp_path / "m.onnx", tmp_path / "empty", "--record")
    assert result.exit_code == 1
    assert "nothing to record" in result.output


def test_bad_data_and_models_are_named(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    for result in (
        evaluate(model_file, nowhere),
        evaluate(nowhere, scenes),
        evaluate(model_file, scenes, "--split", "x"),
    ):
        assert result.exit_code == 1
        assert "nowhere" in result.output or "'x'" in result.output
    shutil.copytree(scenes, tmp_path / "data")
    (tmp_path / "data" / "masks" / "scene_0001.png").unlink()
    assert "scene_0001" in evaluate(model_file, tmp_path / "data").output


def test_a_frame_that_cannot_be_answered_ends_the_evaluation(
    model_file: Path, scenes: Path, tmp_path: Path, client: httpx.Client
) -> None:
    shutil.copytree(scenes, tmp_path / "data")
    broken = tmp_path / "data" / "images" / "scene_0001.png"
    Image.fromarray(np.zeros((128, 160, 3), np.uint8)).save(broken)
    flat = broken.read_bytes()
    header = flat[12:24] + b"\x10" + flat[25:29]  # says 16-bit colour, so half of the data is missing
    broken.write_bytes(flat[:12] + header + zlib.crc32(header).to_bytes(4, "big") + flat[33:])
    for model in (model_file, client.base_url):
        result = evaluate(model, tmp_path / "data")
        assert result.exit_code == 1
        assert "scene_0001: " in result.output
        assert "truncated or damaged" in result.output


def test_white_is_zero_on_both_grids(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    """Once the resized frames were read as if white were white: their targets were dark."""
    shutil.copytree(scenes, tmp_path / "data")
    for path in (tmp_path / "data" / "images").iterdir():
        counts = np.asarray(Image.open(path)).astype(np.uint16) * 100
        height, width = counts.shape
        fields = by_hand.gray(width, height, 16, counts.nbytes) | {by_hand.PHOTOMETRIC: 0}
        path.with_suffix(".tif").write_bytes(by_hand.tiff((65535 - counts).tobytes(), fields))
        path.unlink()
    for grid in ("native", "256"):
        turned, plain = (row(evaluate(model_file, data, "--grid", grid)) for data in (tmp_path / "data", scenes))
        assert turned["targets"] == plain["targets"]
        assert float(turned["Pd %"]) == pytest.approx(float(plain["Pd %"]), abs=3)  # 8-bit frames are resized in 8 bits
        assert float(turned["IoU %"]) == pytest.approx(float(plain["IoU %"]), abs=1)


@pytest.mark.parametrize("grid", ["native", "256"])
def test_a_truncated_frame_is_named(model_file: Path, scenes: Path, tmp_path: Path, grid: str) -> None:
    shutil.copytree(scenes, tmp_path / "data")
    broken = tmp_path / "data" / "images" / "scene_0003.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    result = evaluate(model_file, tmp_path / "data", "--grid", grid)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "scene_0003: " in result.output


def test_a_service_with_keys_is_asked_with_one(scenes: Path, start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"us {hash_of('secret')}\n")
    url = start_server(api_keys_file=tmp_path / "keys").base_url
    assert "answers 401" in evaluate(url, scenes).output
    assert float(row(evaluate(url, scenes, "--key", "secret"))["Pd %"]) > 90
    bench = [str(url), "--size", "16x16", "--seconds", "0.1"]
    ours = CliRunner().invoke(bench_command, bench, env={"RRCANET_API_KEY": "secret"})
    assert ours.exit_code == 0, ours.output
    strangers = CliRunner().invoke(bench_command, bench, env={"API_KEY": "secret"})
    assert "answers 401" in strangers.output, "a variable of another program is not sent to anybody"


@pytest.mark.parametrize("work", ["evaluate", "bench"])
def test_figures_that_cannot_be_kept_are_told_before_the_work(model_file: Path, scenes: Path, work: str) -> None:
    command, options = {
        "evaluate": (evaluate_command, [model_file, "--data", scenes]),
        "bench": (bench_command, ["--model", model_file, "--size", "16x16", "--seconds", "0.1"]),
    }[work]
    result = CliRunner().invoke(command, [*map(str, options), "--json", "/proc/nowhere/figures.json"])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "cannot write /proc/nowhere/figures.json" in result.output
    assert "|" not in result.output  # no table


def test_figures_may_go_into_a_folder_that_is_not_there_yet(model_file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "folder" / "figures.json"
    options = ["--model", model_file, "--size", "16x16", "--seconds", "0.1", "--json", kept]
    result = CliRunner().invoke(bench_command, [str(option) for option in options])
    assert result.exit_code == 0, result.output
    assert json.loads(kept.read_text())["cases"]


def test_a_service_that_is_not_there_is_named(scenes: Path) -> None:
    result = evaluate("http://127.0.0.1:9", scenes)
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.output


def calibrate(model: Path, data: Path, *options: str) -> Result:
    return CliRunner().invoke(calibrate_command, [str(model), "--data", str(data), *options])


def test_calibration_is_fitted_and_written_into_the_card(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    shutil.copy(model_file, model)
    result = calibrate(model, scenes)
    assert result.exit_code == 0, result.output
    card = read_model(model)[1]
    assert card.calibration.fitted_on.startswith("scenes train: ")
    assert card.calibration.confidences[-1] > 0.5
    before = row(evaluate(model, scenes))
    assert calibrate(model, scenes).output == result.output  # fitted on scores, not on its own confidences
    assert row(evaluate(model, scenes)) == before


def test_calibration_measures_the_operating_points(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    shutil.copy(model_file, model)
    result = calibrate(model, scenes)
    points = read_model(model)[1].operating_points
    assert points is not None
    scores = row(evaluate(model, scenes, "--split", "train"))
    assert points.measured_on == "scenes train"
    assert points.targets == int(scores["targets"])
    assert 100 * points.pd[0] == pytest.approx(float(scores["Pd %"]), abs=0.01)
    assert points.false_alarms_per_mpx[0] == pytest.approx(float(scores["false objects / Mpx"]), abs=0.01)
    assert "| lowest confidence | Pd % | false alarms / Mpx |" in result.output
    known_from = known_from_per_mpx(points.megapixels)
    assert f"operating points, known well from {known_from:g} false alarms / Mpx" in result.output
    assert "targets found are false" in result.stderr  # simulated scenes have little clutter
    assert "megapixels, so a rate below" in result.stderr
    confidences = read_model(model)[1].calibration.confidences
    assert (np.diff(confidences) > 0).all()


def test_a_model_is_not_calibrated_on_its_own_training_frames(model_file: Path, tmp_path: Path) -> None:
    data, model = tmp_path / "IRSTD-1k", tmp_path / "m.onnx"
    write_scenes(data, count=2)
    shutil.copy(model_file, model)
    (tmp_path / "elsewhere").mkdir()
    data.rename(tmp_path / "elsewhere" / "frames")
    data.symlink_to(tmp_path / "elsewhere" / "frames")
    for options in ([], ["--split", "all"], ["--split", str(data / "train.txt")]):
        result = calibrate(model, data, *options)
        assert result.exit_code == 1
        assert "rrcanet was trained on IRSTD-1k train: calibrate its confidence on other frames" in result.output
    assert "was trained on" not in calibrate(model, data, "--split", "test").output
    shutil.copy(data / "train.txt", data / "train.2.txt")
    assert "was trained on" not in calibrate(model, data, "--split", "train.2").output
    assert model.read_bytes() == model_file.read_bytes()


def test_splits_whose_names_differ_after_a_dot_are_not_mistaken(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "dots", count=12)
    shutil.copy(tmp_path / "dots" / "test.txt", tmp_path / "dots" / "test.hard.txt")
    shutil.copy(model_file, tmp_path / "m.onnx")
    for split in ("test", "test.hard"):
        assert row(evaluate(tmp_path / "m.onnx", tmp_path / "dots", "--split", split, "--record"))["split"] == split
    measured = read_model(tmp_path / "m.onnx")[1].measurements
    assert [one.split for one in measured if one.dataset == "dots"] == ["test", "test.hard"]


def test_too_few_targets_cannot_calibrate(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "few", count=2)
    shutil.copy(model_file, tmp_path / "m.onnx")
    before = (tmp_path / "m.onnx").read_bytes()
    result = calibrate(tmp_path / "m.onnx", tmp_path / "few")
    assert result.exit_code == 1
    assert "bins" in result.output
    assert (tmp_path / "m.onnx").read_bytes() == before


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_both_schemes_are_asked(scenes: Path, url: str) -> None:
    assert evaluate(url, scenes).exit_code == 1


def test_a_model_that_is_not_there_is_named_and_no_folder_made_for_it(scenes: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "m.onnx"
    result = CliRunner().invoke(calibrate_command, [str(nowhere), "--data", str(scenes)])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "m.onnx" in result.output
    assert not nowhere.parent.exists()


def test_long_work_shows_plain_lines_in_a_log(exported: tuple[Path, Path, Result], tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        for number in range(51):
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / part / f"{number}.png")
    (tmp_path / "train.txt").write_text("\n".join(str(number) for number in range(51)))
    for result in (evaluate(exported[1], tmp_path, "--split", "train"), calibrate(exported[1], tmp_path)):
        assert result.stderr.splitlines()[0] == "50 of 51 frames"
