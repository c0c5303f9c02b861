"""The model files that come with the package."""

from importlib import resources
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(str(resources.files(__name__)))
DEFAULT: Final = SHIPPED / "rrcanet.onnx"
