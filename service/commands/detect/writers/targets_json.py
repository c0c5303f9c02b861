"""``--format json``: one document, like an answer of the service."""

import json
from typing import Any, TextIO

from service.commands.detect.writers.result import Result, Writer
from service.detection.description import MaskEncoding, describe_detection, describe_fault
from service.errors import ServiceError


class JsonWriter(Writer):
    """Writes the service's answer without masks and times; every frame also has its ``page``."""

    def __init__(self, stream: TextIO, model: dict[str, str]) -> None:
        self._stream, self._model = stream, model
        self._frames: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        """Add an entry of ``frames``."""
        self._append(result.page, describe_detection(len(self._frames), result.detection, MaskEncoding.NONE))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Add an entry of ``frames`` with ``error``."""
        self._append(page, describe_fault(len(self._frames), name, fault))

    def close(self) -> None:
        """Write the document."""
        json.dump({"model": self._model, "frames": self._frames}, self._stream, indent=1, ensure_ascii=False)
        self._stream.write("\n")

    def _append(self, page: int, entry: dict[str, Any]) -> None:
        self._frames.append({"index": entry["index"], "name": entry["name"], "page": page} | entry | {"page": page})
