"""The examples of the README, of the first tutorial and of other pages, run against a real server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.support.paths import DOCS, ROOT
from tests.support.tools import require_tool

README = (ROOT / "README.md").read_text()
TUTORIAL = (DOCS / "tutorials" / "first-detection.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
RRCANET = ".venv/bin/rrcanet"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def run(example: str, folder: Path, address: httpx.URL) -> str:
    """What an example prints, with the server of the tests in place of the one that ``make serve`` starts."""
    command = f"{sys.executable} -c 'from service.cli import main; main()'"
    script = example.replace(RRCANET, command).replace(ADDRESS, str(address)).replace("curl ", "curl --fail ")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_all(page: str, folder: Path, address: httpx.URL) -> list[str]:
    """What each command of a page prints, but those of make: the tests have an environment and a server already."""
    require_tool("curl")
    examples = [example for example in blocks(page, "sh") if not example.startswith("make ")]
    assert len(examples) == sum(RRCANET in example or "curl " in example for example in examples)
    return [run(example, folder, address) for example in examples]


def first_target(answer: dict[str, Any]) -> dict[str, Any]:
    target: dict[str, Any] = answer["frames"][0]["targets"][0]
    return target


def assert_as_shown(page: str, answer: dict[str, Any]) -> None:
    """The answer has what the page shows of it: the first target, and the same fields around it."""
    (block,) = blocks(page, "json")
    shown = json.loads(block)
    for key, value in first_target(shown).items():
        assert first_target(answer)[key] == pytest.approx(value, abs=0.01), key
    for one in (shown, answer):
        one["frames"][0].pop("targets")
        one["model"].pop("sha256")
    assert shown["frames"] == answer["frames"]
    assert shown["model"] == answer["model"]
    assert shown["timing_ms"].keys() == answer["timing_ms"].keys()


def test_the_readme(client: httpx.Client, tmp_path: Path) -> None:
    (said,) = run_all(README, tmp_path, client.base_url)
    answer = json.loads(said.partition("\n")[2])  # the first line is that of rrcanet simulate
    targets = answer["frames"][0]["targets"]
    assert len(targets) == 3
    (script,) = blocks(README, "python")
    assert len(script.splitlines()) <= 10
    (tmp_path / "example.py").write_text(script.replace(ADDRESS, str(client.base_url)))
    printed = run(f"{sys.executable} example.py", tmp_path, client.base_url)
    values = [[one["centroid"][axis] for axis in "xy"] for one in targets], [one["confidence"] for one in targets]
    assert printed == "{} {}\n".format(*map(np.array, values))
    with Image.open(tmp_path / "frame.tif") as frame:
        assert frame.mode == "I;16"
    with Image.open(tmp_path / "served.png") as served, Image.open(tmp_path / "local.png") as local:
        assert served.size == (640, 512)
        assert served.tobytes() == local.tobytes()
    assert_as_shown(README, answer)


def test_the_first_tutorial(client: httpx.Client, tmp_path: Path) -> None:
    _, detected, _, sure, _ = run_all(TUTORIAL, tmp_path, client.base_url)
    answer = json.loads(detected)
    with Image.open(tmp_path / "mask.png") as mask:
        assert mask.size == (answer["frames"][0]["width"], answer["frames"][0]["height"])
        assert mask.getextrema() == (0, 255)
    left = json.loads(sure)["frames"][0]["targets"]
    assert left == answer["frames"][0]["targets"][:2]
    (gone,) = re.findall(r"The target with a confidence of ([\d.]+) is gone", TUTORIAL)
    assert float(gone) == pytest.approx(answer["frames"][0]["targets"][2]["confidence"], abs=0.01)
    lines = (tmp_path / "results" / "targets.csv").read_text().splitlines()
    assert {line.partition(",")[0] for line in lines[1:]} == {f"scene_{number:04d}.png" for number in range(8)}
    assert_as_shown(TUTORIAL, answer)


def test_errors_shown_are_those_of_the_service(client: httpx.Client, tmp_path: Path) -> None:
    np.save(tmp_path / "logical.npy", np.zeros((4, 4), bool))
    answers = {
        "reference/http.md": client.get("/v1/models/nope"),
        "how-to/camera-formats.md": client.post("/v1/detect", content=(tmp_path / "logical.npy").read_bytes()),
    }
    for page, answer in answers.items():
        shown = [json.loads(block) for block in blocks((DOCS / page).read_text(), "json")]
        (problem,) = (one for one in shown if "reason" in one)
        changing = {"request_id", "title"}  # Python's name of a status depends on its version
        assert answer.json().keys() == problem.keys()
        assert {k: v for k, v in answer.json().items() if k not in changing} == {
            k: v for k, v in problem.items() if k not in changing
        }
