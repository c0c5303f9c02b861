"""Small inputs of the kinds that users of other services reported, each with its request and its right answer."""

import json
import math
import zipfile
from pathlib import Path
from typing import Any, Final

import click.testing
import httpx
import pytest

from service.cli import main
from service.pretrained import DEFAULT
from tests.support.paths import ROOT

FOLDER: Final = ROOT / "tests" / "cases"
CASES: Final = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
REQUESTS: Final = [name for name, case in CASES.items() if "request" in case]
COMMANDS: Final = [name for name, case in CASES.items() if "command" in case]
NEAR: Final = 0.6  # pixels


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_gets_its_right_answer(client: httpx.Client, name: str) -> None:
    request, expected = CASES[name]["request"], CASES[name]["expected"]
    body = (FOLDER / request["body"]).read_bytes()
    answer = client.request(request["method"], request["path"], headers=request["headers"], content=body)
    assert answer.status_code == expected["status"], answer.text
    frames = answer.json()["frames"]
    assert len(frames) == expected.get("frames", 1)
    assert all("targets" in frame for frame in frames)
    check(frames[0], expected)


def check(frame: dict[str, Any], expected: dict[str, Any]) -> None:
    if "targets_near" in expected:
        found = sorted((target["centroid"]["x"], target["centroid"]["y"]) for target in frame["targets"])
        wanted = sorted(map(tuple, expected["targets_near"]))
        assert len(found) == len(wanted), found
        assert all(math.dist(one, other) < NEAR for one, other in zip(found, wanted, strict=True)), found
    if "invalid_pixels" in expected:
        assert frame["input"]["invalid_pixels"] == expected["invalid_pixels"]
    if "range_about" in expected:
        assert frame["input"]["range"] == pytest.approx(expected["range_about"], abs=0.5)
    if "dtype" in expected:
        assert frame["input"]["dtype"] == expected["dtype"]
    if "name" in expected:
        assert frame["name"] == expected["name"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_right_answer(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    with zipfile.ZipFile(FOLDER / case["files"]) as packed:
        packed.extractall(tmp_path)
    words = {"MODEL": str(DEFAULT), "DATA": str(tmp_path)}
    _, *arguments = (words.get(word, word) for word in case["command"].split())
    if arguments[0] == "detect":
        arguments += ["--out", str(tmp_path / "out")]
    else:
        arguments += ["--json", str(tmp_path / "scores.json")]
    ended = click.testing.CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, ended.output
    if arguments[0] == "detect":
        rows = (tmp_path / "out" / "targets.csv").read_text(encoding="utf-8").splitlines()[1:]
        assert {row.split(",")[0] for row in rows} == {"F2.PNG", "f0.png"}
        return
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    # of the model that ships, with plain masks; the files name the figures of an earlier one
    frames, iou = (2, 0.7326) if "two frames" in case["expected"] else (4, 0.7151)
    expected = {"frames": frames, "iou": iou, "pd": 1.0, "fa_identity": 0.0}
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=5e-4)
