"""Answers of ``POST /v1/detect``. Anything may have sent them, so every field that is used is checked."""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from rrcanet.detections import Detections
from rrcanet.errors import AnswerError, Refusal, TooLarge
from rrcanet.frames import Item
from rrcanet.http.steps import Reply

KINDS: Final[dict[Any, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
}
Entry = dict[str, Any]


def read_answer(reply: Reply, items: Sequence[Item]) -> list[Detections]:
    """The detections of every frame of the items that were sent, in order.

    Raises:
        AnswerError: the content is no answer of ``POST /v1/detect``, or it does not fit to the items.
    """
    try:
        answer = json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"it is no JSON: {error}") from error
    if not isinstance(answer, dict):
        raise AnswerError("it must be an object")
    frames = _field(answer, "frames", list)
    if not frames:
        raise AnswerError("frames: must have at least one entry")
    rest = {"model": answer.get("model"), "timing_ms": answer.get("timing_ms")}
    request_id = reply.headers.get("x-request-id")
    return [
        read_frame(entry, f"frames.{number}", item_of(entry, items), rest, request_id)
        for number, entry in enumerate(frames)
    ]


def read_frame(
    entry: Any,
    place: str,
    item: Item,
    rest: dict[str, Any] | None = None,
    request_id: str | None = None,
) -> Detections:
    """The detections of one frame: an entry of ``frames``.

    Args:
        entry: as it was parsed from JSON.
        place: of the entry in the answer, for messages.
        item: what was sent.
        rest: the fields beside ``frames``.
        request_id: of the answer.

    Raises:
        AnswerError: the entry is not as ``POST /v1/detect`` writes it.
    """
    if not isinstance(entry, dict):
        raise AnswerError(f"{place}: must be an object")
    entry = entry | {"name": item.name}
    if "error" in entry:
        fault = _field(entry, "error", dict, place)
        _field(fault, "reason", str, f"{place}.error")
        _field(fault, "detail", str, f"{place}.error")
        return Detections(entry, request_id=request_id, source=item.source)
    _check_frame(entry, place)
    return Detections(entry, **(rest or {}), request_id=request_id, source=item.source)


def failed(item: Item, error: Refusal) -> Detections:
    """The detections of an item that was refused while others were answered.

    Of a file that is too large only because of its many frames, the error says what to do.
    """
    detail = error.detail
    if isinstance(error, TooLarge) and item.frames > 1:
        detail += f"; {item.name or 'the file'} has {item.frames} frames: split it, or pass its frames one by one"
    entry = {"index": 0, "name": item.name, "error": {"reason": error.reason, "detail": detail}}
    refused = type(error)(error.reason, error.status, detail, error.request_id, error.retry_after_s)
    return Detections(entry, request_id=error.request_id, source=item.source, refusal=refused)


def item_of(entry: Any, items: Sequence[Item]) -> Item:
    """The item that a frame belongs to: the parts of a request are named by their numbers."""
    if len(items) == 1 or not isinstance(entry, dict):
        return items[0]
    name = str(entry.get("name"))
    if not name.isdecimal() or int(name) >= len(items):
        raise AnswerError(f"a frame belongs to the part {name!r}, which was not sent")
    return items[int(name)]


def _check_frame(entry: Entry, place: str) -> None:
    width, height = (_number(entry, name, place, least=1) for name in ("width", "height"))
    for number, target in enumerate(_field(entry, "targets", list, place)):
        _check_target(target, f"{place}.targets.{number}", width, height)
    if sum(target["area"] for target in entry["targets"]) > width * height:
        raise AnswerError(f"{place}: the targets are larger than the frame")
    for name in ("mask", "preview"):
        if name in entry:
            _field(entry, name, dict, place)


def _check_target(target: Any, place: str, width: int, height: int) -> None:
    if not isinstance(target, dict):
        raise AnswerError(f"{place}: must be an object")
    peak, centroid, box = (_field(target, name, dict, place) for name in ("peak", "centroid", "bbox"))
    x, y = (_number(peak, name, f"{place}.peak") for name in ("x", "y"))
    if x >= width or y >= height:
        raise AnswerError(f"{place}.peak: a peak lies outside the frame")
    for name in ("x", "y"):
        _finite(centroid, name, f"{place}.centroid")
        _number(box, name, f"{place}.bbox")
    for name in ("width", "height"):
        _number(box, name, f"{place}.bbox", least=1)
    _number(target, "area", place, least=1)
    _share(peak, "probability", f"{place}.peak")
    _share(target, "confidence", place)


def _field(owner: Entry, name: str, kind: type, place: str = "") -> Any:
    where = f"{place}.{name}" if place else name
    if name not in owner:
        raise AnswerError(f"{where}: is missing")
    value = owner[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise AnswerError(f"{where}: must be {KINDS[kind]}")
    return value


def _number(owner: Entry, name: str, place: str, least: int = 0) -> int:
    value: int = _field(owner, name, int, place)
    if not least <= value <= 2**31:
        raise AnswerError(f"{place}.{name}: must be {least} or more")
    return value


def _finite(owner: Entry, name: str, place: str) -> float:
    value = owner.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise AnswerError(f"{place}.{name}: must be a number")
    return value


def _share(owner: Entry, name: str, place: str) -> None:
    if not 0 <= _finite(owner, name, place) <= 1:
        raise AnswerError(f"{place}.{name}: must be between 0 and 1")
