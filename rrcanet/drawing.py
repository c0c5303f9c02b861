"""Draws targets on a frame. Markers are four corners around a target; no marker and no label covers a target."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from rrcanet.pictures import to_picture

GAP: Final = 2  # pixels of the frame between a target's box and its marker
COLOUR: Final = "#ffd43b"
OUTLINE: Final = "black"
FONT_SIZE: Final = 11
LABEL_GAP: Final = 3  # pixels of the picture between a marker and its label


class Rectangle(NamedTuple):
    """Pixels of a picture, half-open."""

    left: int
    top: int
    right: int
    bottom: int

    def grown(self, by: int) -> "Rectangle":
        return Rectangle(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def times(self, scale: int) -> "Rectangle":
        return Rectangle(*(scale * side for side in self))


def draw_targets(
    image: NDArray[Any] | Image.Image,
    boxes: ArrayLike,
    labels: Sequence[str] = (),
    *,
    colours: Sequence[str] = (),
    span: tuple[float, float] | None = None,
    scale: int = 1,
) -> Image.Image:
    """Mark targets on a frame.

    Pixels inside any box are never drawn on. A label stands beside its marker, where it covers no target, no marker and
    no other label; where there is no such place it is left out.

    Args:
        image: counts ``[H, W]``, colours ``[H, W, 3]`` of uint8, or a picture.
        boxes: ``[N, 4]``: left, top, right, bottom in pixels of the frame, half-open.
        labels: a text for each box, or none at all.
        colours: a colour for each box, as Pillow names them; one colour for all boxes; or none for the default.
        span: the counts that become black and white, as in ``to_picture``.
        scale: enlarges the frame by a whole number first, without smoothing.

    Returns:
        An RGB picture of ``scale`` times the size of the frame.

    Raises:
        ValueError: an argument has another shape or length, or a colour is unknown.
    """
    picture = to_picture(image, span)
    if scale < 1:
        raise ValueError(f"scale must be 1 or more, and not {scale}")
    picture = picture.resize((scale * picture.width, scale * picture.height), Image.Resampling.NEAREST)
    targets = [box.times(scale) for box in _rectangles(boxes)]
    paints = _one_for_each(colours or (COLOUR,), len(targets), "colours")
    texts = _one_for_each(labels or ("",), len(targets), "labels")
    drawn = picture.copy()
    _draw_markers(drawn, targets, paints, scale)
    _keep_targets(drawn, picture, targets)
    _draw_labels(drawn, targets, texts, paints, scale)
    return drawn


def _rectangles(boxes: ArrayLike) -> list[Rectangle]:
    """Whole pixels that hold the boxes."""
    sides = np.asarray(boxes, np.float64).reshape(-1, 4) if np.size(boxes) else np.zeros((0, 4))
    outer = np.concatenate([np.floor(sides[:, :2]), np.ceil(sides[:, 2:])], axis=1)
    return [Rectangle(*map(int, box)) for box in outer.tolist()]


def _one_for_each(given: Sequence[str], count: int, what: str) -> list[str]:
    if len(given) == 1:
        return list(given) * count
    if len(given) != count:
        raise ValueError(f"there are {len(given)} {what} for {count} boxes")
    return list(given)


def _draw_markers(picture: Image.Image, targets: Sequence[Rectangle], paints: Sequence[str], scale: int) -> None:
    draw, width = ImageDraw.Draw(picture), _line_width(scale)
    for target, paint in zip(targets, paints, strict=True):
        for line in _corners(_marker(target, scale), width):
            draw.rectangle((line.left, line.top, line.right - 1, line.bottom - 1), fill=ImageColor.getrgb(paint))


def _line_width(scale: int) -> int:
    return max(1, scale // 3)


def _marker(target: Rectangle, scale: int) -> Rectangle:
    """The rectangle whose corners are drawn, with the lines inside it."""
    return target.grown(GAP * scale + _line_width(scale))


def _corners(marker: Rectangle, width: int) -> Iterator[Rectangle]:
    """Two bars at each corner; the sides between them stay open."""
    left, top, right, bottom = marker
    across, down = (max(2 * width, (end - start) // 4) for start, end in ((left, right), (top, bottom)))
    for start, end in ((left, left + across), (right - across, right)):
        yield Rectangle(start, top, end, top + width)
        yield Rectangle(start, bottom - width, end, bottom)
    for start, end in ((top, top + down), (bottom - down, bottom)):
        yield Rectangle(left, start, left + width, end)
        yield Rectangle(right - width, start, right, end)


def _keep_targets(drawn: Image.Image, picture: Image.Image, targets: Sequence[Rectangle]) -> None:
    """Put the pixels of all targets back: the marker of one may cross another."""
    for target in targets:
        inside = (
            max(target.left, 0),
            max(target.top, 0),
            min(target.right, drawn.width),
            min(target.bottom, drawn.height),
        )
        if inside[0] < inside[2] and inside[1] < inside[3]:
            drawn.paste(picture.crop(inside), inside[:2])


def _draw_labels(
    picture: Image.Image, targets: Sequence[Rectangle], texts: Sequence[str], paints: Sequence[str], scale: int
) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    markers = [_marker(target, scale) for target in targets]
    taken = Taken(markers, (picture.width, picture.height))
    for marker, text, paint in zip(markers, texts, paints, strict=True):
        if not text:
            continue
        left, top, right, bottom = map(round, draw.textbbox((0, 0), text, font, stroke_width=1))
        place = taken.next_to(marker, right - left, bottom - top)
        if place is not None:
            origin = (place.left - left, place.top - top)
            draw.text(origin, text, ImageColor.getrgb(paint), font, stroke_width=1, stroke_fill=OUTLINE)


class Taken:
    """The parts of a picture that no further label may cover: markers with their targets, and labels."""

    def __init__(self, markers: Sequence[Rectangle], size: tuple[int, int]) -> None:
        self._sides = np.zeros((2 * len(markers), 4), np.int64)
        self._sides[: len(markers)] = np.array(markers, np.int64).reshape(-1, 4)
        self._count, self._size = len(markers), size

    def next_to(self, marker: Rectangle, width: int, height: int) -> Rectangle | None:
        """The first free place beside a marker, which is taken then; None if there is none."""
        for left, top in _places(marker, width, height):
            place = Rectangle(left, top, left + width, top + height)
            if self._is_free(place):
                self._sides[self._count] = place
                self._count += 1
                return place
        return None

    def _is_free(self, place: Rectangle) -> bool:
        """Whether a place lies in the picture and meets nothing."""
        if min(place.left, place.top) < 0 or place.right > self._size[0] or place.bottom > self._size[1]:
            return False
        left, top, right, bottom = self._sides[: self._count].T
        across = (place.left < right) & (left < place.right)
        return not bool((across & (place.top < bottom) & (top < place.bottom)).any())


def _places(marker: Rectangle, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Left and top of a label: to the right, to the left, above and below, near ones first."""
    middle = (marker.left + marker.right - width) // 2
    for away in (LABEL_GAP, LABEL_GAP + height):
        right, left = marker.right + away, marker.left - away - width
        above, below = marker.top - away - height, marker.bottom + away
        yield from ((right, marker.top), (left, marker.top), (right, marker.bottom - height))
        yield from ((left, marker.bottom - height), (middle, above), (middle, below))
        yield from ((right, above), (left, above), (right, below), (left, below))
