"""The parts in other networks, as docs/how-to/plug-ins.md shows them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from model.network.blocks import DIAAM
from model.training.losses import dptk_loss
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "how-to" / "plug-ins.md"


def test_the_example_of_the_documentation_learns() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    torch.manual_seed(0)
    before = dptk_loss(names["Small"]()(names["frames"]), names["masks"])
    assert names["loss"].item() < 0.9 * before.item()
    once, twice = (sum(p.numel() for p in names["Small"](passes).parameters() if p.ndim == 4) for passes in (1, 2))
    kernels = 3 * 3 * (12 * 12 * 2 + 12 * 24 + 24 * 24 * 3)
    assert twice - once < 0.1 * kernels  # another pass has no 3x3 kernel of its own


@pytest.mark.parametrize("channels", [1, 4, 12])
def test_diaam_takes_any_number_of_channels(channels: int) -> None:
    low, high = torch.randn(2, channels, 8, 12), torch.randn(2, 16, 4, 6)
    assert DIAAM(channels, 16, scale=2)(low, high).shape == low.shape


# imports the copy beside it, where the packages of this project cannot be imported
ALONE = """
import sys
ours = {"model", "service", "export", "intensity", "pydantic", "safetensors", "scipy"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ours:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, ".")
import torch
"""


@pytest.mark.parametrize(
    ("file", "use", "printed"),
    [
        (
            "model/network/blocks.py",
            "import blocks; x = blocks.RuCB(1, 8, 2, 3)(torch.ones(1, 1, 8, 8), 2);"
            "print(*blocks.DIAAM(8, 16, 2)(x, torch.ones(1, 16, 4, 4)).shape)",
            "1 8 8 8",
        ),
        (
            "model/training/losses.py",
            "import losses; print(losses.dptk_loss(torch.zeros(2, 2), torch.ones(2, 2)).ndim)",
            "0",
        ),
    ],
)
def test_a_file_copied_alone_needs_only_pytorch(tmp_path: Path, file: str, use: str, printed: str) -> None:
    shutil.copy(ROOT / file, tmp_path)
    command = [sys.executable, "-I", "-c", ALONE + use]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == printed
