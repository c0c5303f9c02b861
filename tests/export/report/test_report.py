"""``rrcanet evaluate --report`` on scenes whose truth is known."""

import base64
import importlib
import io
import re
import shutil
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from export.commands.evaluate import evaluate_command
from export.evaluation.http_source import HttpSource
from export.evaluation.source import FileSource
from export.onnx.card import read_model, write_model
from service.extras import how_to_install
from service.runtime import Device
from tests.support.scenes import write_scenes
from tests.support.server import StartServer

Tables = dict[str, list[dict[str, str]]]
NO_TARGET = "scene_0005"


def evaluate(model: object, data: Path, *options: str) -> Result:
    return CliRunner().invoke(evaluate_command, [str(model), "--data", str(data), *options])


def tables(markdown: str) -> Tables:
    """Rows by column, of the table under each heading."""
    found: Tables = {}
    for section in markdown.split("\n## "):
        lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
        if lines:
            found[section.splitlines()[0]] = [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames to score; the truth of one of them has lost its three targets."""
    folder = tmp_path_factory.mktemp("data") / "scenes"
    write_scenes(folder, count=12)
    Image.fromarray(np.zeros((128, 160), np.uint8)).save(folder / "masks" / f"{NO_TARGET}.png")
    return folder


@pytest.fixture(scope="module")
def reported(model_file: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The report's folder and what the command printed."""
    folder = tmp_path_factory.mktemp("report") / "new"
    result = evaluate(model_file, data, "--report", str(folder), "--worst", "3")
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture(scope="module")
def page(reported: tuple[Path, Result]) -> str:
    return (reported[0] / "index.html").read_text()


@pytest.fixture(scope="module")
def text(reported: tuple[Path, Result]) -> Tables:
    return tables((reported[0] / "report.md").read_text())


def test_the_report_is_one_page_that_loads_nothing(reported: tuple[Path, Result], page: str) -> None:
    folder, result = reported
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "report.md"]
    assert str(folder / "index.html") in result.output
    assert page.count("<svg") == 6
    assert "http:" not in page
    assert "https:" not in page
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^">)]*)', page)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<script" not in page


def test_no_two_elements_of_the_page_share_an_id_that_differs(page: str) -> None:
    """Plots of one page lie in one document: what ``#id`` names must be the same wherever it is."""
    named = re.findall(r'<(?:path|clipPath) id="([^"]+)"[^>]*>(.*?)(?=<)', page, re.S)
    contents: dict[str, set[str]] = {}
    for name, content in named:
        contents.setdefault(name, set()).add(content.strip())
    assert contents
    assert all(len(one) == 1 for one in contents.values())
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(contents)


def test_its_numbers_are_the_printed_table(reported: tuple[Path, Result], page: str, text: Tables) -> None:
    printed = tables(reported[1].output)
    (row,) = next(iter(printed.values()))
    assert text["Scores"] == [row]
    assert "".join(f"<td>{cell}</td>" for cell in row.values()) in page


def test_the_curve_passes_through_the_models_own_threshold(model_file: Path, text: Tables) -> None:
    threshold = read_model(model_file)[1].threshold
    (at,) = (row for row in text["Detection over thresholds"] if float(row["threshold"]) == threshold)
    (scores,) = text["Scores"]
    for column in ("Pd %", "Fa identity e-6", "false objects / Mpx"):
        assert at[column] == scores[column]


def test_the_curve_ends_where_nothing_is_predicted(text: Tables) -> None:
    last = text["Detection over thresholds"][-1]
    assert (last["threshold"], last["Pd %"], last["Fa identity e-6"]) == ("1", "0.00", "0.00")


def test_pixels_at_the_threshold_give_the_f1_of_the_table(text: Tables) -> None:
    (pixels,), (scores,) = text["Pixels"], text["Scores"]
    precision, recall = (float(pixels[f"{kind} at the model's threshold"]) for kind in ("precision", "recall"))
    assert 200 * precision * recall / (precision + recall) == pytest.approx(float(scores["F1 %"]), abs=0.02)
    assert 0.9 < float(pixels["ROC AUC"]) <= 1
    assert 0.5 < float(pixels["average precision"]) <= 1


def test_groups_hold_every_target_once(text: Tables) -> None:
    (scores,) = text["Scores"]
    for title in ("Pd by target size", "Pd by local contrast"):
        rows = text[title]
        targets, detected = (sum(int(row[column]) for row in rows) for column in ("targets", "detected"))
        assert targets == int(scores["targets"]) == 15
        assert 100 * detected / targets == pytest.approx(float(scores["Pd %"]), abs=0.01)


def test_reliability_bins_hold_the_calibration_error(text: Tables) -> None:
    rows = [[float(cell) for cell in row.values()] for row in text["Reliability of confidence"]]
    error = sum(abs(given - real) * count for given, real, count in rows) / sum(row[2] for row in rows)
    assert error == pytest.approx(float(text["Scores"][0]["calibration error"]), abs=0.002)


def test_the_frame_whose_finds_are_all_false_is_the_worst(page: str, text: Tables) -> None:
    first = text["Worst frames"][0]
    assert first["frame"] == NO_TARGET
    assert re.match(r"3 false objects \(\d+ px\), IoU 0.0 %", first["why"])
    pictures = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == len(text["Worst frames"]) <= 3
    assert pictures[0][0] == f"{NO_TARGET}: {first['why']}"
    with Image.open(io.BytesIO(base64.b64decode(pictures[0][1]))) as image:
        sheet = np.asarray(image).astype(int)
    width = (sheet.shape[1] - 12) // 3
    frame, truth, prediction = (sheet[:, start : start + width] for start in (0, width + 6, 2 * width + 12))
    assert frame.std() > 5
    assert not truth.any()  # no target, so nothing white and no box
    orange = (prediction == (255, 150, 0)).all(axis=2)
    white = (prediction == 255).all(axis=2)
    assert orange.sum() > 3 * white.sum() / 10 > 0


def test_no_picture_is_drawn_where_none_is_wanted(model_file: Path, data: Path, tmp_path: Path) -> None:
    evaluate(model_file, data, "--report", str(tmp_path), "--worst", "0", "--grid", "256")
    assert "<img" not in (tmp_path / "index.html").read_text()
    assert "frames and masks resized to 256 x 256" in (tmp_path / "report.md").read_text()


def test_a_service_and_a_file_give_the_same_curves(
    reported: tuple[Path, Result], text: Tables, data: Path, client: httpx.Client, tmp_path: Path
) -> None:
    result = evaluate(str(client.base_url), data, "--report", str(tmp_path), "--worst", "1")
    assert result.exit_code == 0, result.output
    served = tables((tmp_path / "report.md").read_text())
    for title in ("Scores", "Pixels", "Pd by target size", "Pd by local contrast"):
        assert served[title] == text[title]
    for ours, theirs in zip(text["Detection over thresholds"], served["Detection over thresholds"], strict=True):
        # a pixel may lie within 1/65535 of a threshold
        assert float(theirs["Fa identity e-6"]) == pytest.approx(float(ours["Fa identity e-6"]), abs=20)


def test_a_service_tells_its_mask_even_where_sixteen_bits_cannot(
    model_file: Path, data: Path, tmp_path: Path, start_server: StartServer
) -> None:
    """The threshold lies between two pixels that are the same number in 16 bits."""
    frame = (data / "images" / f"{NO_TARGET}.png").read_bytes()
    found = FileSource(model_file, Device.CPU).find(frame, probabilities=True)
    assert found.probabilities is not None
    ordered = np.unique(found.probabilities.astype(np.float64))
    levels = np.rint(ordered * 65535)
    tie = int(np.flatnonzero((levels[1:] == levels[:-1]) & (levels[1:] > 0))[0])
    graph, card = read_model(model_file)
    tied = card.model_copy(update={"threshold": float(ordered[tie : tie + 2].mean())})
    write_model(tmp_path / "models" / "tied.onnx", graph, tied)
    exact = FileSource(tmp_path / "models" / "tied.onnx", Device.CPU).find(frame)
    service = HttpSource(str(start_server(models=tmp_path / "models").base_url))
    for probabilities in (False, True):
        assert np.array_equal(service.find(frame, probabilities).mask, exact.mask)
    service.close()


def test_frames_without_any_target_are_reported_too(model_file: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(NO_TARGET)
    result = evaluate(model_file, data, "--split", str(tmp_path / "empty.txt"), "--report", str(tmp_path / "report"))
    assert result.exit_code == 0, result.output
    text = (tmp_path / "report" / "report.md").read_text()
    assert "There are no curves" in text
    assert "nan" not in result.output + text
    assert tables(text)["Pd by target size"][0]["Pd %"] == "-"


def test_a_report_that_cannot_be_written_is_said_before_the_work(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = evaluate("http://127.0.0.1:9", data, "--report", str(tmp_path / "file" / "report"))
    assert result.exit_code == 1
    assert "cannot write the report" in result.output


def test_only_a_report_needs_the_plotting_library(
    model_file: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for module in [name for name in sys.modules if name.partition(".")[0] == "export"]:
        monkeypatch.delitem(sys.modules, module)
    command = importlib.import_module("export.commands.evaluate").evaluate_command
    arguments = [str(model_file), "--data", str(data)]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    result = CliRunner().invoke(command, [*arguments, "--report", str(tmp_path / "report")])
    assert result.exit_code == 2
    assert f"--report needs matplotlib: {how_to_install('train')}" in result.output


@pytest.fixture
def downloaded(data: Path, tmp_path: Path) -> Path:
    """The same frames as SIRST v1 lays them out."""
    root = tmp_path / "sirst"
    shutil.copytree(data / "images", root / "images")
    (root / "masks").mkdir()
    for path in (data / "masks").iterdir():
        shutil.copy(path, root / "masks" / f"{path.stem}_pixels0.png")
    (root / "idx_427").mkdir()
    shutil.copy(data / "test.txt", root / "idx_427" / "test.txt")
    return root


def test_a_data_set_as_downloaded_scores_alike(
    model_file: Path, downloaded: Path, reported: tuple[Path, Result]
) -> None:
    result = evaluate(model_file, downloaded)
    assert result.exit_code == 0, result.output
    expected, got = (next(iter(tables(one.output).values()))[0] for one in (reported[1], result))
    assert {**got, "data set": "scenes"} == expected


def test_a_folder_without_lists_is_scored_as_a_whole(model_file: Path, downloaded: Path) -> None:
    shutil.rmtree(downloaded / "idx_427")
    ((row,),) = tables(evaluate(model_file, downloaded).output).values()
    assert (row["split"], row["frames"]) == ("all", "12")


def test_a_file_of_several_frames_is_named(model_file: Path, downloaded: Path, client: httpx.Client) -> None:
    path = downloaded / "images" / "scene_0001.png"
    page = Image.open(path)
    page.save(path.with_suffix(".tif"), save_all=True, append_images=[page])
    page.close()
    path.unlink()
    for model in (model_file, client.base_url):
        result = evaluate(model, downloaded)
        assert result.exit_code == 1
        assert "holds 2 pages, but a file must hold one frame" in result.output
