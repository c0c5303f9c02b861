"""Versions of the model that ships; only the model card differs."""

from pathlib import Path

from export.onnx.card import read_model, write_model
from service.pretrained import DEFAULT


def write_version(folder: Path, version: int) -> None:
    """Replace the model file in ``folder`` atomically, as an operator should."""
    graph, card = read_model(DEFAULT)
    write_model(folder / DEFAULT.name, graph, card.model_copy(update={"version": str(version)}))
