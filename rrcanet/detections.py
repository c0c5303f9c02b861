"""What was found in one frame, as NumPy columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rrcanet.errors import Refusal
from rrcanet.masks.mask import MAX_LEVEL, NONE, decode_mask, decode_png, encode_as
from rrcanet.masks.own_pixels import connected

if TYPE_CHECKING:
    import supervision as sv
    from PIL.Image import Image

Point = tuple[float, float]
Box = tuple[int, int, int, int]


class Model(NamedTuple):
    """The model that answered."""

    name: str
    version: str
    sha256: str


class FrameError(NamedTuple):
    """Why a frame has no targets: a reason for programs, and a detail for people."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Target:
    """One target. Positions are in pixels; (0, 0) is the centre of the top-left pixel.

    Attributes:
        id: rank by confidence, from 1.
        confidence: calibrated, 0 to 1.
        centroid: x and y, weighted by probability.
        xyxy: left, top, right, bottom in whole pixels, half-open.
        area: number of pixels.
        peak: x and y of the most probable pixel.
        peak_probability: its probability.
        signal: counts of the target and of its background, if the server measures them.
        track: of a stream with ``track=True``: id, age, velocity, confirmed.
    """

    id: int
    confidence: float
    centroid: Point
    xyxy: Box
    area: int
    peak: tuple[int, int]
    peak_probability: float
    signal: Mapping[str, float]
    track: Mapping[str, Any] | None


class Detections:
    """The targets of one frame, by falling confidence. ``len``, iteration and slicing work on targets.

    Args:
        entry: the frame's entry in the answer of ``POST /v1/detect``.
        model: the model that answered.
        timing_ms: milliseconds of each stage of the request that carried the frame.
        request_id: of that request.
        source: the frame as it was given, to draw on.
        refusal: the error of a frame that was refused alone.
        is_part: whether targets were left out after the answer, so that the mask holds more than them.
    """

    def __init__(
        self,
        entry: Mapping[str, Any],
        *,
        model: Mapping[str, Any] | None = None,
        timing_ms: Mapping[str, float] | None = None,
        request_id: str | None = None,
        source: object = None,
        refusal: Refusal | None = None,
        is_part: bool = False,
    ) -> None:
        self._entry, self._model, self._is_part = entry, model, is_part
        self._targets: Sequence[Mapping[str, Any]] = entry.get("targets", ())
        self.timing_ms: Mapping[str, float] = timing_ms or {}
        self.request_id, self.source, self.refusal = request_id, source, refusal
        self.index: int = entry.get("index", 0)
        self.name: str | None = entry.get("name")
        self.page: int | None = entry.get("page")
        self.width: int = entry.get("width", 0)
        self.height: int = entry.get("height", 0)
        self.input: Mapping[str, Any] = entry.get("input", {})
        self.warnings: Sequence[str] = tuple(entry.get("warnings", ()))
        self.dropped: int = entry.get("dropped", 0)
        self.is_truncated: bool = entry.get("truncated", False)
        fault = entry.get("error")
        self.error = FrameError(fault["reason"], fault["detail"]) if fault else None

    @property
    def model(self) -> Model | None:
        """The model that answered; None for a frame that was refused."""
        if not self._model:
            return None
        return Model(*(str(self._model.get(name, "")) for name in Model._fields))

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """``[N]``: rank by confidence, from 1."""
        return self._column("id", np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """``[N]``, 0 to 1."""
        return self._column("confidence", np.float64)

    @cached_property
    def area(self) -> NDArray[np.int64]:
        """``[N]``: pixels of each target."""
        return self._column("area", np.int64)

    @cached_property
    def centroids(self) -> NDArray[np.float64]:
        """``[N, 2]``: x and y, weighted by probability."""
        return self._pairs("centroid", np.float64)

    @cached_property
    def peaks(self) -> NDArray[np.int64]:
        """``[N, 2]``: x and y of the most probable pixel of each target."""
        return self._pairs("peak", np.int64)

    @cached_property
    def peak_probability(self) -> NDArray[np.float64]:
        """``[N]``: the highest probability of each target."""
        return np.array([target["peak"]["probability"] for target in self._targets], np.float64)

    @cached_property
    def xyxy(self) -> NDArray[np.int64]:
        """``[N, 4]``: left, top, right, bottom of each box in whole pixels, half-open."""
        return np.array([_xyxy(target["bbox"]) for target in self._targets], np.int64).reshape(-1, 4)

    @cached_property
    def signal(self) -> Mapping[str, NDArray[np.float64]]:
        """A column ``[N]`` for each count that the server measured, by its name; NaN where a target has none."""
        names = dict.fromkeys(name for target in self._targets for name in target.get("signal") or ())
        return {
            name: np.array([_or_nan((target.get("signal") or {}).get(name)) for target in self._targets], np.float64)
            for name in names
        }

    @cached_property
    def track_ids(self) -> NDArray[np.int64] | None:
        """``[N]``: the track of each target, -1 for none; None if the answer has no tracks."""
        if not any("track" in target for target in self._targets):
            return None
        return np.array([(target.get("track") or {}).get("id", -1) for target in self._targets], np.int64)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """``[H, W]``: the pixels of the targets.

        Raises:
            ValueError: the answer has no mask, because ``mask='none'`` was asked for, or the frame has an error.
            AnswerError: the mask cannot be decoded.
        """
        carried = self._entry.get("mask")
        if carried is None:
            raise ValueError(NONE)
        areas = zip(self._peaks, self.area.tolist(), strict=True)
        mask = decode_mask(carried, (self.height, self.width), areas)
        if not self._is_part:
            return mask
        own = np.zeros(mask.shape, np.bool_)
        for (left, top, right, bottom), crop in zip(self.xyxy.tolist(), self._crops_of(mask), strict=True):
            own[top:bottom, left:right] |= crop
        return own

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """``[H, W]``: the probability of every pixel, in steps of 1/65535.

        Raises:
            ValueError: the answer has none, because another mask than ``mask='probability'`` was asked for.
            AnswerError: they cannot be decoded.
        """
        return (self.levels / np.float32(MAX_LEVEL)).astype(np.float32)

    @cached_property
    def levels(self) -> NDArray[np.uint16]:
        """``[H, W]``: probabilities as the answer carries them; 65535 is 1. Errors are those of ``probabilities``."""
        carried = self._entry.get("mask") or {}
        if carried.get("encoding") != "probability":
            raise ValueError("the answer has no probabilities: ask for them with mask='probability'")
        return decode_png(carried, (self.height, self.width))

    @cached_property
    def preview(self) -> NDArray[np.uint8] | None:
        """``[H, W]``: what the network saw; None if ``preview='png'`` was not asked for.

        Raises:
            AnswerError: it cannot be decoded.
        """
        carried = self._entry.get("preview")
        return None if carried is None else decode_png(carried, (self.height, self.width)).astype(np.uint8)

    @property
    def crops(self) -> list[NDArray[np.bool_]]:
        """For each target the pixels ``[h, w]`` of its box that belong to it. Errors are those of ``mask``."""
        return self._crops_of(self.mask)

    @overload
    def __getitem__(self, which: int) -> Target: ...
    @overload
    def __getitem__(self, which: slice | NDArray[Any] | Sequence[int]) -> Self: ...
    def __getitem__(self, which: int | slice | NDArray[Any] | Sequence[int]) -> "Target | Self":
        """One target, or the detections of several: by a slice, by positions, or by a boolean array ``[N]``."""
        if isinstance(which, int | np.integer):
            return _target(self._targets[which])
        return self._only(np.arange(len(self))[which])

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[Target]:
        return map(_target, self._targets)

    def __repr__(self) -> str:
        what = f"error={self.error.reason!r}" if self.error else f"{len(self)} targets"
        return f"<Detections {self.index}: {self.name or 'frame'} {self.width}x{self.height}, {what}>"

    def filter(
        self,
        where: ArrayLike | None = None,
        *,
        min_confidence: float = 0,
        min_area: int = 0,
        max_area: float = np.inf,
        min_scr: float = -np.inf,
    ) -> Self:
        """The detections of the targets that fulfil all conditions.

        Args:
            where: ``[N]`` True for targets to keep.
            min_confidence: of a target.
            min_area: in pixels.
            max_area: in pixels.
            min_scr: signal-to-clutter ratio; a target without one is left out if this is given.

        Raises:
            ValueError: ``where`` has another length, or it is not boolean.
        """
        kept = (self.confidence >= min_confidence) & (self.area >= min_area) & (self.area <= max_area)
        if min_scr > -np.inf:
            kept &= self.signal.get("scr", np.full(len(self), np.nan)) >= min_scr
        if where is not None:
            given = np.asarray(where)
            if given.shape != kept.shape or given.dtype != np.bool_:
                raise ValueError(f"where must be {len(self)} booleans, and not {given.dtype} of shape {given.shape}")
            kept &= given
        return self._only(np.flatnonzero(kept))

    def draw(self, frame: object = None, *, labels: Sequence[str] | None = None, scale: int = 1) -> "Image":
        """A picture of the frame whose markers and labels cover no target.

        Args:
            frame: counts ``[H, W]``, a picture or a path. By default the preview of the answer, or what was given to
                ``detect``.
            labels: a text for each target; by default its confidence.
            scale: enlarges the frame by a whole number first.

        Raises:
            ValueError: there is no frame, or it cannot be read here. Pass an array then.
        """
        from rrcanet.drawing import draw_targets
        from rrcanet.pictures import open_frame

        shown = self._shown() if frame is None else open_frame(frame, self.page or 0)
        texts = [f"{value:.2f}" for value in self.confidence] if labels is None else labels
        span = None if frame is None and self.preview is not None else self._span
        return draw_targets(shown, self.xyxy, texts, span=span, scale=scale)

    def to_dict(self) -> dict[str, Any]:
        """The frame's entry as the server writes it, with ``model`` and ``timing_ms``: plain objects for JSON."""
        entry = {**self._entry, "targets": [dict(target) for target in self._targets]}
        if self.error:
            entry.pop("targets")
        if self._is_part and "mask" in entry:
            entry["mask"] = encode_as(entry["mask"], self.mask)
        return entry | {"model": dict(self._model or {}), "timing_ms": dict(self.timing_ms)}

    def to_coco(self, image_id: int | str | None = None, category_id: int = 1) -> list[dict[str, Any]]:
        """COCO's list of results, as ``COCO.loadRes`` reads it; with segmentations if the answer has a mask.

        Args:
            image_id: by default the frame's position in the call.
            category_id: of all targets.
        """
        from rrcanet.conversion.coco import coco_results

        return coco_results(self, self.index if image_id is None else image_id, category_id)

    def to_supervision(self) -> "sv.Detections":
        """Detections of ``supervision``, with masks if the answer has one.

        Raises:
            ModuleNotFoundError: ``supervision`` is not installed.
        """
        from rrcanet.conversion.supervision import supervision_detections

        return supervision_detections(self)

    def to_fiftyone(self, label: str = "target") -> Any:
        """``fiftyone.Detections`` for a field of a sample: relative boxes, and masks if the answer has one.

        Raises:
            ModuleNotFoundError: ``fiftyone`` is not installed.
        """
        from rrcanet.conversion.fiftyone import fiftyone_detections

        return fiftyone_detections(self, label)

    @property
    def has_mask(self) -> bool:
        """Whether the answer carries a mask."""
        return "mask" in self._entry

    def at(self, index: int) -> Self:
        """The same detections at another position of a call."""
        return self._with({**self._entry, "index": index}, self._is_part)

    @property
    def _peaks(self) -> list[tuple[int, int]]:
        """Row and column of each peak."""
        return [(y, x) for x, y in self.peaks.tolist()]

    @property
    def _span(self) -> tuple[float, float] | None:
        low, high = self.input.get("range") or (0.0, 0.0)
        return (low, high) if high > low else None

    def _shown(self) -> Any:
        from rrcanet.pictures import open_frame

        if self.preview is not None:
            return self.preview
        if self.source is None:
            raise ValueError("there is no frame to draw on: pass an array or a picture")
        return open_frame(self.source, self.page or 0)

    def _crops_of(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        return [
            connected(mask[top:bottom, left:right], (row - top, column - left))
            for (left, top, right, bottom), (row, column) in zip(self.xyxy.tolist(), self._peaks, strict=True)
        ]

    def _only(self, positions: NDArray[np.intp]) -> Self:
        targets = [self._targets[position] for position in positions]
        return self._with({**self._entry, "targets": targets}, self._is_part or len(targets) < len(self))

    def _with(self, entry: Mapping[str, Any], is_part: bool) -> Self:
        return type(self)(
            entry,
            model=self._model,
            timing_ms=self.timing_ms,
            request_id=self.request_id,
            source=self.source,
            refusal=self.refusal,
            is_part=is_part,
        )

    def _column(self, name: str, dtype: type[Any]) -> NDArray[Any]:
        return np.array([target.get(name, 0) for target in self._targets], dtype)

    def _pairs(self, name: str, dtype: type[Any]) -> NDArray[Any]:
        return np.array([(target[name]["x"], target[name]["y"]) for target in self._targets], dtype).reshape(-1, 2)


def _target(target: Mapping[str, Any]) -> Target:
    centroid, peak = target["centroid"], target["peak"]
    return Target(
        id=target.get("id", 0),
        confidence=target["confidence"],
        centroid=(centroid["x"], centroid["y"]),
        xyxy=_xyxy(target["bbox"]),
        area=target["area"],
        peak=(peak["x"], peak["y"]),
        peak_probability=peak["probability"],
        signal={name: _or_nan(value) for name, value in (target.get("signal") or {}).items()},
        track=target.get("track"),
    )


def _xyxy(box: Mapping[str, int]) -> Box:
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


__all__: Final = ["Detections", "FrameError", "Model", "Target"]
