"""Cuts a stream of items into requests that fit into the server's limits."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rrcanet.frames import Item, single_frames
from rrcanet.http.limits import Limits

PART_BYTES: Final = 512  # the boundary and the headers of a part need less
FAVOURED: Final = 16  # frames; larger requests only wait longer, since the server makes its own batches


def batches_of(items: Iterable[Item], limits: Limits, in_flight: int) -> Iterator[list[Item]]:
    """Requests of one item or more, in order. An item that is too large goes alone, and a ``.npy`` file is cut.

    Args:
        items: are read one by one, when they are due.
        limits: of one request.
        in_flight: requests at a time. Together they hold at most the frames that one request may hold, since the
            server's queue may have room for no more.
    """
    most_frames = max(1, min(FAVOURED, limits.max_frames // in_flight))
    batch: list[Item] = []
    for item in _cut(items, limits):
        if batch and not _fits([*batch, item], limits, most_frames):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _cut(items: Iterable[Item], limits: Limits) -> Iterator[Item]:
    """The same frames; the frames of a ``.npy`` file that one request cannot hold become an item each."""
    for item in items:
        yield from [item] if _fits([item], limits, limits.max_frames) else single_frames(item)


def _fits(items: Sequence[Item], limits: Limits, most_frames: int) -> bool:
    return (
        len(items) <= limits.max_parts
        and sum(item.frames for item in items) <= most_frames
        and sum(len(item.content) + PART_BYTES for item in items) <= limits.max_body_bytes
        and sum(limits.pixels(sides) for item in items for sides in item.sides) <= limits.max_pixels
    )
