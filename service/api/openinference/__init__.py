"""Open Inference Protocol v2 under ``/v2``, with the binary tensor data extension."""

from service.api.openinference.routes import router

__all__ = ["router"]
