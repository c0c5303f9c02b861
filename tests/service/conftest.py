"""Small models, loaded once, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, sync_playwright

from service.cli import main
from service.detection.detector import Detector
from service.models.repository import load_detector
from service.runtime import Device
from tests.conftest import require_tool
from tests.support import frames as files
from tests.support.detecting import SCENE, Detect
from tests.support.small_models import Rule, write_small_model


@pytest.fixture(scope="session")
def brightness_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose model takes a pixel's intensity for its probability."""
    return write_small_model(tmp_path_factory.mktemp("models") / "brightness.onnx")


@pytest.fixture(scope="session")
def brightness(brightness_model: Path) -> Detector:
    """Finds what is brighter than half of the range."""
    return load_detector(brightness_model, Device.CPU)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Finds a target in every pixel."""
    path = tmp_path_factory.mktemp("models") / "everything.onnx"
    return load_detector(write_small_model(path, Rule.EVERYTHING), Device.CPU)


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    program = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # CI runs as root
        yield browser
        browser.close()
