"""The model that ships, in versions that differ in their card alone."""

from pathlib import Path

from export.onnx.card import read_model, write_model
from service.pretrained import DEFAULT


def write_version(folder: Path, version: int) -> None:
    """Replace the folder's model, in one step as an operator should."""
    graph, card = read_model(DEFAULT)
    write_model(folder / DEFAULT.name, graph, card.model_copy(update={"version": str(version)}))
