"""The model files that ship."""

from importlib import resources
from pathlib import Path
from typing import Final

DEFAULT: Final = "rrcanet.onnx"


def default_model() -> Path:
    """The model that is served where none is named."""
    return Path(str(resources.files(__name__).joinpath(DEFAULT)))
