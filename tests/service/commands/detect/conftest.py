"""``rrcanet detect`` with a small model, and a frame for it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.service.commands.detect.detecting import SCENE, Detect
from tests.support import frames as files


@pytest.fixture
def detect(brightness_model: Path) -> Detect:
    """Runs ``rrcanet detect`` on the CPU, with a model that finds what is brighter than half of the range."""

    def run(*arguments: object, content: bytes | None = None) -> Result:
        options = ["--model", brightness_model, "--device", "cpu"]
        return CliRunner().invoke(main, [str(one) for one in ("detect", *options, *arguments)], input=content)

    return run


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A frame with two targets."""
    path = tmp_path / "frames" / "scene.png"
    path.parent.mkdir()
    path.write_bytes(files.png(SCENE))
    return path
