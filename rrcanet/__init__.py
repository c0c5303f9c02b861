"""RRCA-Net for programs: find small targets in infrared frames, with a server or without.

``Client`` and ``AsyncClient`` ask a server. ``Detector`` runs a model in this process. All answer with ``Detections``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rrcanet.async_client import AsyncClient
    from rrcanet.client import Client
    from rrcanet.detections import Detections, FrameError, Model, Target
    from rrcanet.detector import Detector
    from rrcanet.options import Options

__all__ = ["AsyncClient", "Client", "Detections", "Detector", "FrameError", "Model", "Options", "Target"]

# imported when they are used: parts of this package serve the server too, which needs no client
HOMES: Final = {
    "AsyncClient": "async_client",
    "Client": "client",
    "Detections": "detections",
    "Detector": "detector",
    "FrameError": "detections",
    "Model": "detections",
    "Options": "options",
    "Target": "detections",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
