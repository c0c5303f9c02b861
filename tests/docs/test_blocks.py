"""Every shell and Python block of README and docs runs, or a comment right above it says why it cannot.

``<!-- not run: REASON -->`` leaves a block out; ``<!-- run by: FILE -->`` names the test that runs it. The blocks of a
page run in their order, in one folder and against a real server.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from service.cli import main
from service.pretrained import DEFAULT
from service.simulation.scene import make_scene
from tests.docs.blocks import NOT_RUN, PAGES, RUN_BY, Block, blocks_of
from tests.support import frames
from tests.support.paths import ROOT
from tests.support.scenes import write_scenes
from tests.support.tools import require_tool

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [page for page in PAGES if any(block.is_run for block in blocks_of(page))]
ADDRESSES = re.compile(r"(?:127\.0\.0\.1|localhost):8000")  # of the server that ``make serve`` starts
RRCANET = re.compile(r"(?:\.venv(?:-dev)?/bin/)?rrcanet (?P<arguments>[^|>]*)")


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.is_run], ids=str)
def test_a_block_that_is_not_run_here_says_why(block: Block) -> None:
    if block.comment.startswith(NOT_RUN):
        assert len(block.comment.removeprefix(NOT_RUN).split()) >= 2
    else:
        test = ROOT / block.comment.removeprefix(RUN_BY)
        assert block.page.name.removesuffix(".md") in test.read_text()


def test_no_block_has_a_language_that_is_not_read_here() -> None:
    others = {"bash", "shell", "console", "zsh", "py", "pycon", "python3"}
    used = {language for page in PAGES for language in re.findall(r"^ *```(\w+)", page.read_text(), re.MULTILINE)}
    assert used & others == set()
    assert sum(len(re.findall(r"^ *```(?:sh|python)$", page.read_text(), re.MULTILINE)) for page in PAGES) == len(
        BLOCKS
    )


def test_the_pages_that_people_copy_from_run() -> None:
    names = {page.name for page in RUN}
    assert {"python.md", "http.md", "cli.md", "camera-formats.md", "thresholds.md"} <= names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the files that the pages name."""
    counts = make_scene(1, 64, 80).counts(14)
    for name in ("frame.png", "a.png", "b.tif", "counts.tif"):
        Image.fromarray(counts).save(tmp_path / name)
    np.save(tmp_path / "stack.npy", np.stack([counts[:64, :64]] * 2))
    shutil.copy(tmp_path / "stack.npy", tmp_path / "frames.npy")
    np.save(tmp_path / "c.npy", counts)
    (tmp_path / "field.fits").write_bytes(frames.fits(counts))
    (tmp_path / "rows.raw").write_bytes(bytes(640 * 512 * 2))
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "pretrained").symlink_to(DEFAULT.parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_flights(folder: Path) -> None:
    """A sequence of two frames."""
    (folder / "flights" / "one").mkdir(parents=True)
    for number in (1, 2):
        shutil.copy(folder / "frame.png", folder / "flights" / "one" / f"{number}.png")


def write_command_line_inputs(folder: Path) -> None:
    """What the examples of the command line take: frames, a camera's program, datasets, models, predictions."""
    for name in ("frames", "images", "dumps", "models", "bin"):
        (folder / name).mkdir()
    for number in (1, 2):
        Image.fromarray(make_scene(number, 64, 80).counts(8).astype(np.uint8)).save(folder / "images" / f"{number}.png")
    shutil.copy(folder / "images" / "1.png", folder / "frames")
    shutil.copy(folder / "rows.raw", folder / "dumps")
    images = [{"id": number, "file_name": f"{number}.png", "width": 80, "height": 64} for number in (1, 2)]
    (folder / "annotations.json").write_text(json.dumps({"images": images, "categories": [{"id": 1, "name": "t"}]}))
    camera = folder / "bin" / "camera-dump"
    camera.write_text(f"#!/bin/sh\ncat {folder / 'rows.raw'}\n")
    camera.chmod(0o755)
    for dataset in ("NUAA-SIRST", "camera"):
        write_scenes(folder / "datasets" / dataset, count=2)
    shutil.copytree(folder / "datasets" / "NUAA-SIRST" / "masks", folder / "masks")
    (folder / "results.json").write_text("[]")
    for name in ("old", "new"):
        shutil.copy(DEFAULT, folder / "models" / f"{name}.onnx")


INPUTS = {"cli.md": write_command_line_inputs, "sequences.md": write_flights}


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_other_block_of_a_page_runs(page: Path, folder: Path, client: httpx.Client) -> None:
    INPUTS.get(page.name, lambda _: None)(folder)
    address = f"{client.base_url.host}:{client.base_url.port}"
    variables: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.is_run:
            text = ADDRESSES.sub(address, block.text)
            try:
                _run_python(text, variables) if block.language == "python" else _run_shell(text, folder)
            except BaseException as error:
                error.add_note(f"{block}: {text}")
                raise


def _run_python(text: str, variables: dict[str, Any]) -> None:
    """Blocks of a page share their variables."""
    exec(compile(text, "<block>", "exec"), variables)


def _run_shell(text: str, folder: Path) -> None:
    """Commands of rrcanet run in this process, which saves the time to import it; a shell runs everything else."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    commands = [RRCANET.fullmatch(line.strip()) for line in lines]
    if all(commands):
        for command in commands:
            assert command is not None
            result = CliRunner().invoke(main, shlex.split(command["arguments"], comments=True))
            assert result.exit_code == 0, result.output
        return
    if "curl " in text:
        require_tool("curl")
    rrcanet = f"{shlex.quote(sys.executable)} -m service "
    script = re.sub(r"(?:\.venv(?:-dev)?/bin/)?\brrcanet ", rrcanet, text.replace("curl ", "curl --fail --silent -S "))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-euc", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    if text.startswith("curl "):
        assert done.stdout.startswith('{"'), done.stdout
