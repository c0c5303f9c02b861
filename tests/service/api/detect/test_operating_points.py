"""``sensitivity`` and ``false_alarms_per_mpx``: a rate of false alarms becomes a lowest confidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from rrcanet import Client, Detector
from service.cli import main
from service.detection.sensitivity import FALSE_ALARMS_PER_MPX, Sensitivity, known_from_per_mpx
from service.errors import Reason
from service.runtime.card import OperatingPoints
from tests.support import frames
from tests.support.markdown import names_in, read_document, read_table
from tests.support.server import serving
from tests.support.small_models import write_small_model

LEVELS = (140, 180, 220, 250)  # of four targets of one pixel; the score of each is its level / 255
POINTS = OperatingPoints(
    confidences=(0.0, 0.6, 0.8, 0.95),
    pd=(0.9, 0.8, 0.6, 0.3),
    false_alarms_per_mpx=(30.0, 10.0, 1.0, 0.05),
    targets=10,
    megapixels=20,
    measured_on="frames",
)
FRAME = np.zeros((16, 40), np.uint8)
FRAME[8, 4::10] = LEVELS
FRAME[0, 0] = 255  # the range, and a target of its own
PNG = frames.png(FRAME)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a curve, which is the first one, and one without."""
    folder = tmp_path_factory.mktemp("models")
    write_small_model(folder / "a.onnx", name="curved", operating_points=POINTS)
    write_small_model(folder / "b.onnx", name="bare")
    return folder


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[httpx.Client]:
    with serving(models=models) as client:
        yield client


def found(client: httpx.Client, query: str) -> int:
    response = client.post(f"/v1/detect?mask=none&{query}", content=PNG)
    assert response.status_code == 200, response.text
    return len(response.json()["frames"][0]["targets"])


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", 5),
        ("sensitivity=high", 4),
        ("sensitivity=balanced", 3),
        ("sensitivity=quiet", 2),
        ("false_alarms_per_mpx=100", 5),
        ("false_alarms_per_mpx=10", 4),
        ("false_alarms_per_mpx=9.99", 3),
        ("false_alarms_per_mpx=0.001", 2),
    ],
)
def test_a_rate_of_false_alarms_is_the_lowest_confidence_with_no_more(
    server: httpx.Client, query: str, kept: int
) -> None:
    assert found(server, query) == kept


@pytest.mark.parametrize(("parameters", "kept"), [({"sensitivity": "quiet"}, 2), ({"false_alarms_per_mpx": 10.0}, 4)])
def test_the_open_inference_protocol_takes_the_same_rates(
    server: httpx.Client, parameters: dict[str, Any], kept: int
) -> None:
    counts = {"name": "frames", "shape": [1, *FRAME.shape], "datatype": "UINT8", "data": FRAME.ravel().tolist()}
    answer = server.post("/v2/models/curved-detector/infer", json={"inputs": [counts], "parameters": parameters})
    assert answer.status_code == 200, answer.text
    assert {one["name"]: one["shape"][0] for one in answer.json()["outputs"]}["targets"] == kept
    refused = server.post("/v2/models/bare-detector/infer", json={"inputs": [counts], "parameters": parameters})
    assert refused.status_code == 400
    assert "has no curve of false alarms" in refused.json()["error"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("model=bare&sensitivity=quiet", "model bare@1 has no curve of false alarms"),
        ("model=bare&false_alarms_per_mpx=1", "use min_confidence, or measure the curve with rrcanet calibrate"),
        ("sensitivity=quiet&min_confidence=0.1", "sensitivity chooses the lowest confidence"),
        ("false_alarms_per_mpx=1&threshold=0.4", "leave out threshold"),
        ("sensitivity=quiet&false_alarms_per_mpx=1", "use one of them"),
        ("sensitivity=loud", "sensitivity"),
        ("false_alarms_per_mpx=0", "false_alarms_per_mpx"),
        ("false_alarms_per_mpx=nan", "false_alarms_per_mpx"),
    ],
)
def test_a_rate_that_cannot_be_followed_is_refused_in_words(server: httpx.Client, query: str, told: str) -> None:
    answer = server.post(f"/v1/detect?{query}", content=PNG)
    assert (answer.status_code, answer.json()["reason"]) == (400, Reason.BAD_PARAMETER)
    assert told in answer.json()["detail"]


def test_the_curve_and_the_lowest_rate_that_it_knows_well_are_shown(server: httpx.Client) -> None:
    shown = {one["name"]: one["operating_points"] for one in server.get("/v1/models").json()["models"]}
    assert shown["curved"].pop("known_from_per_mpx") == 1.5  # 30 false alarms in 20 megapixels
    assert OperatingPoints.model_validate(shown["curved"]) == POINTS
    assert shown["bare"] is None


@pytest.mark.parametrize(("megapixels", "rate"), [(69.138, 0.44), (20, 1.5), (0.5, 60), (30, 1), (7000, 0.0043)])
def test_the_lowest_known_rate_is_rounded_up_to_two_digits(megapixels: float, rate: float) -> None:
    assert known_from_per_mpx(megapixels) == rate


UNCERTAIN = (
    "rests on 20 megapixels, which show rates from 1.5; the real rate may differ by more than a factor of two; measure "
    "the curve on more frames with rrcanet calibrate"
)


def of_rate(warnings: list[str]) -> list[str]:
    """The warnings about the rate of false alarms; the small models have one about their calibration, too."""
    return [one for one in warnings if "false alarms" in one]


@pytest.mark.parametrize(
    ("query", "rate"),
    [("sensitivity=quiet", "0.1"), ("sensitivity=balanced", "1"), ("false_alarms_per_mpx=1.49", "1.49")],
)
def test_a_rate_that_the_curve_does_not_know_well_carries_a_warning(
    server: httpx.Client, query: str, rate: str
) -> None:
    answer = server.post(f"/v1/detect?mask=none&{query}", content=PNG).json()
    (warning,) = of_rate(answer["frames"][0]["warnings"])
    assert warning.startswith(f"{rate} false alarms per megapixel is less than the curve of this model knows well")
    assert UNCERTAIN in warning


@pytest.mark.parametrize("query", ["", "min_confidence=0.99", "false_alarms_per_mpx=1.5", "sensitivity=high"])
def test_other_requests_carry_no_warning_about_a_rate(server: httpx.Client, query: str) -> None:
    answer = server.post(f"/v1/detect?mask=none&{query}", content=PNG).json()
    assert of_rate(answer["frames"][0]["warnings"]) == []


def test_python_sees_the_warning(server: httpx.Client, models: Path) -> None:
    with Client(str(server.base_url)) as client, Detector(models / "a.onnx", device="cpu") as detector:
        for finder in (client, detector):
            (found,) = finder.detect(FRAME, mask="none", sensitivity="quiet")
            assert UNCERTAIN in of_rate(list(found.warnings))[0]


def detect(models: Path, tmp_path: Path, *options: str, model: str = "a.onnx") -> tuple[int, str]:
    (tmp_path / "frame.png").write_bytes(PNG)
    arguments = ["detect", tmp_path / "frame.png", "--model", models / model, "--device", "cpu", "--format", "csv"]
    ended = CliRunner().invoke(main, [str(one) for one in (*arguments, *options)])
    return ended.exit_code, ended.output


def test_the_command_line_takes_the_same_rates(models: Path, tmp_path: Path) -> None:
    for options, kept in (
        (("--sensitivity", "quiet"), 2),
        (("--false-alarms-per-mpx", "1"), 3),
        (("--sensitivity", "high"), 4),
    ):
        code, output = detect(models, tmp_path, *options)
        assert (code, output.count("frame.png")) == (0, kept), output


def test_the_command_line_warns_once_of_a_rate_that_is_not_known_well(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(PNG)
    for rate, warnings in (("1", 1), ("1.5", 0)):
        arguments = ["detect", folder, "--model", models / "a.onnx", "--device", "cpu", "--format", "csv"]
        ended = CliRunner().invoke(main, [str(one) for one in (*arguments, "--false-alarms-per-mpx", rate)])
        assert ended.exit_code == 0, ended.output
        assert ended.stderr.count(f"warning: {rate} false alarms") == warnings
        assert "warning" not in ended.stdout


def test_the_command_line_refuses_what_the_service_refuses(models: Path, tmp_path: Path) -> None:
    code, output = detect(models, tmp_path, "--sensitivity", "quiet", "--min-confidence", "0")
    assert code == 2
    assert "leave out min_confidence" in output
    code, output = detect(models, tmp_path, "--sensitivity", "quiet", model="b.onnx")
    assert code == 1
    assert "measure the curve with rrcanet calibrate" in output
    assert "could not be read" not in output


@pytest.mark.parametrize("page", ["how-to/thresholds.md", "reference/http.md"])
def test_the_documents_have_the_rate_of_every_sensitivity(page: str) -> None:
    columns = ["`sensitivity`", "false alarms per megapixel", "in frames of 640x512"]
    rows = read_table(read_document(page), *(columns if "how-to" in page else columns[:2]))
    assert [(names_in(row[columns[0]])[0], float(row[columns[1]])) for row in rows] == [
        (name.value, rate) for name, rate in FALSE_ALARMS_PER_MPX.items()
    ]
    assert list(FALSE_ALARMS_PER_MPX) == list(Sensitivity)
