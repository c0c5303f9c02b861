"""``--format json``: one document, like an answer of the service; for videos one line for each frame."""

import json
from typing import Any, TextIO

from service.commands.detect.writers.result import Result, Writer
from service.detection.description import MaskEncoding, describe_detection, describe_fault
from service.errors import ServiceError
from service.tracking.track import attach_tracks


class JsonWriter(Writer):
    """Writes the service's answer without masks and times; every frame also has its ``page``."""

    def __init__(self, stream: TextIO, model: dict[str, str]) -> None:
        self._stream, self._model = stream, model
        self._frames: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        """Add an entry of ``frames``."""
        self._append(result.page, describe_result(len(self._frames), result))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Add an entry of ``frames`` with ``error``."""
        self._append(page, describe_fault(len(self._frames), name, fault))

    def close(self) -> None:
        """Write the document."""
        json.dump({"model": self._model, "frames": self._frames}, self._stream, indent=1, ensure_ascii=False)
        self._stream.write("\n")

    def _append(self, page: int, entry: dict[str, Any]) -> None:
        self._frames.append({"index": entry["index"], "name": entry["name"], "page": page} | entry | {"page": page})


class JsonLinesWriter(Writer):
    """Writes one line for each frame at once: its entry of ``frames``, with ``model`` and ``time_s``."""

    def __init__(self, stream: TextIO, model: dict[str, str]) -> None:
        self._stream, self._model, self._index = stream, model, 0

    def add(self, result: Result) -> None:
        """Write the line of a frame."""
        time_s = None if result.time_s is None else round(result.time_s, 6)
        self._write(result.page, {"time_s": time_s} | describe_result(self._index, result))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Write a line with ``error``."""
        self._write(page, describe_fault(self._index, name, fault))

    def _write(self, page: int, entry: dict[str, Any]) -> None:
        line = (
            {"index": self._index, "name": entry["name"], "page": page} | entry | {"page": page, "model": self._model}
        )
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()  # a stream may run for days
        self._index += 1


def describe_result(index: int, result: Result) -> dict[str, Any]:
    """The entry of a frame, with the tracks of its targets if there are any."""
    entry = describe_detection(index, result.detection, MaskEncoding.NONE)
    if result.tracks is not None:
        attach_tracks(entry["targets"], result.tracks)
    return entry
