"""The directories of a TIFF or BigTIFF (TIFF 6.0, section 2), read so that no file can make reading costly.

Only tags that decoding needs are kept. The number of values of a tag is checked before any value is read, and never
more values are read than a frame of that size can need.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from intensity.counts import UnreadableCountsError
from intensity.tiff.tags import WANTED

MAX_ENTRIES: Final = 4_096  # of a directory
INTEGERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # field types
BYTES: Final = (1, 2, 6, 7)  # field types of one byte
BIG: Final = 43  # version of a BigTIFF; that of a classic TIFF is 42


class BrokenChainError(UnreadableCountsError):
    """A directory lies outside the file, so that no page behind it can be found either."""


@dataclass(frozen=True, slots=True)
class Field:
    """Values of a tag: field type, number of values, and where they lie in the file."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Directory:
    """The wanted tags of a page."""

    body: bytes
    order: str
    fields: dict[int, Field]

    def number(self, tag: int, otherwise: int) -> int:
        """The first value of a tag, or ``otherwise`` if the tag is missing, empty or no integer."""
        values = self.numbers(tag, 1)
        return values[0] if values else otherwise

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """At most the first ``most`` values of a tag; empty if it is missing, no integer, or outside the file."""
        field = self.fields.get(tag)
        if field is None or field.kind not in INTEGERS:
            return ()
        layout = f"{self.order}{min(field.count, most)}{INTEGERS[field.kind]}"
        if field.at + struct.calcsize(layout) > len(self.body):
            return ()
        return struct.unpack_from(layout, self.body, field.at)

    def count(self, tag: int) -> int:
        """How many values the tag claims to have."""
        return self.fields[tag].count if tag in self.fields else 0

    def content(self, tag: int, most: int) -> bytes:
        """At most the first ``most`` bytes of a tag of bytes or text."""
        field = self.fields.get(tag)
        if field is None or field.kind not in BYTES:
            return b""
        return self.body[field.at : field.at + min(field.count, most)]


def directories(body: bytes) -> Iterator[Directory]:
    """The directories in the order of their chain. The chain ends where it returns to an earlier directory.

    Raises:
        BrokenChainError: the next directory is outside the file; the ones before it have been returned.
    """
    order = "<" if body[:2] == b"II" else ">"
    is_big = body[2:4] in (b"+\0", b"\0+")
    try:
        (at,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", body, 8 if is_big else 4)
    except struct.error:
        raise BrokenChainError("the header is cut off") from None
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        try:
            directory, at = _read(body, at, order, is_big)
        except (struct.error, OverflowError):
            raise BrokenChainError("its directory lies outside the file") from None
        yield directory


def _read(body: bytes, at: int, order: str, is_big: bool) -> tuple[Directory, int]:
    """A directory, and the offset of the next one."""
    counted, entry, link = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    (number,) = struct.unpack_from(order + counted, body, at)
    if number > MAX_ENTRIES:
        raise BrokenChainError(f"its directory has {number} entries")
    start, size = at + struct.calcsize(order + counted), struct.calcsize(order + entry)
    end = start + number * size
    if end > len(body):
        raise BrokenChainError("its directory is cut off")
    inline = 8 if is_big else 4
    fields: dict[int, Field] = {}
    for index, (tag, kind, count, value) in enumerate(struct.iter_unpack(order + entry, body[start:end])):
        if tag not in WANTED or tag in fields or not count:
            continue
        width = struct.calcsize(INTEGERS.get(kind, "B"))
        where = start + (index + 1) * size - inline
        if count * width > inline:
            (where,) = struct.unpack(f"{order}{link}", value)
        fields[tag] = Field(kind, count, where)
    try:
        (following,) = struct.unpack_from(order + link, body, end)
    except struct.error:
        following = 0  # some writers end the file without a link
    return Directory(body, order, fields), following
