"""A small network exported once, and scenes to score it on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from export.commands.export import export_command
from model.network.checkpoint import TrainingRecord, build_network, save_checkpoint
from model.recipe import Network
from tests.export.tracing import traced_once
from tests.support.scenes import write_scenes

__all__ = ["traced_once"]  # a fixture

SMALL = Network(in_channels=1, widths=(8, 16), units=(1, 1), passes=2)
SMALL_COLOUR = Network(in_channels=3, widths=(8, 16), units=(1, 1), passes=1)


def write_checkpoint(path: Path, network: Network, seed: int = 0, **record: Any) -> Path:
    """Random weights whose batch norms have seen something, so that a wrong graph shows.

    ``record`` tells more of them.
    """
    torch.manual_seed(seed)
    built = build_network(network).train()
    with torch.no_grad():
        for _ in range(3):
            built(torch.randn(4, network.in_channels, 32, 32))
    told: dict[str, Any] = {
        "recipe": "small",
        "description": "for tests",
        "datasets": ("scenes",),
        "steps": 3,
        "network": network,
    }
    save_checkpoint(path, built.state_dict(), TrainingRecord(**(told | record)))
    return path


def export(checkpoint: Path, output: Path, *options: str) -> Result:
    """``rrcanet export``."""
    return CliRunner().invoke(export_command, [str(checkpoint), "-o", str(output), *options])


@pytest.fixture(scope="session", autouse=True)
def _traced_once(traced_once: None) -> None:
    """Every test of exports."""


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """Checkpoint, model file, and what the command printed."""
    folder = tmp_path_factory.mktemp("exported")
    checkpoint = write_checkpoint(folder / "small.safetensors", SMALL)
    output = folder / "small.onnx"
    return (
        checkpoint,
        output,
        export(checkpoint, output, "--name", "small", "--model-version", "7", "--threshold", "0.3"),
    )


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 8-bit scenes."""
    folder = tmp_path_factory.mktemp("data") / "scenes"
    write_scenes(folder, count=24)
    return folder
