"""Small models, loaded once, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from service.detection.detector import Detector
from service.models.repository import load_detector
from service.runtime import Device
from tests.support.small_models import Rule, write_small_model
from tests.support.tools import chromium


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser
