"""Data sets small enough to train on in a test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Write = Callable[[str, NDArray[np.generic], NDArray[np.bool_]], None]


@pytest.fixture
def write_sample(tmp_path: Path) -> Write:
    """Adds a frame and its mask to ``tmp_path``, and its name to ``train.txt``."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()

    def write(name: str, counts: NDArray[np.generic], mask: NDArray[np.bool_]) -> None:
        Image.fromarray(counts).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "masks" / f"{name}.png")
        with (tmp_path / "train.txt").open("a") as split:
            split.write(f"{name}\n")

    return write
