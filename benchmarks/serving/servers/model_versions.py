"""Versions of the model that ships; only the model card differs."""

from pathlib import Path

from export.onnx.card import read_model, write_model
from service.pretrained import DEFAULT


def write_version(folder: Path, version: int, name: str = DEFAULT.name) -> None:
    """Write or replace the model file ``name`` in ``folder`` atomically, as an operator should."""
    graph, card = read_model(DEFAULT)
    write_model(folder / name, graph, card.model_copy(update={"version": str(version)}))
