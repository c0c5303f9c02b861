"""The parts in other networks, as docs/how-to/plug-ins.md shows them."""

import re
from typing import Any

import pytest
import torch

from model.network.blocks import DIAAM
from model.training.losses import dptk_loss
from tests.support.paths import DOCS

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
