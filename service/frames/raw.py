"""Raw sensor rows. They have no header, so the caller describes them."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import make_counts
from service.errors import ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

MEDIA_TYPE: Final = "application/octet-stream"
LONGEST_SIDE: Final = 1_000_000  # pixels; the largest width or height that a caller may give
MOST_BYTES: Final = 2**31 - 1  # the largest ``skip`` or ``stride``


class RawType(StrEnum):
    """Type and byte order of a raw pixel. Those of 12 bits share a byte between two pixels."""

    U8 = "u8"
    I8 = "i8"
    U12LE = "u12le"
    U12BE = "u12be"
    U16LE = "u16le"
    U16BE = "u16be"
    I16LE = "i16le"
    I16BE = "i16be"
    U32LE = "u32le"
    U32BE = "u32be"
    I32LE = "i32le"
    I32BE = "i32be"
    U64LE = "u64le"
    U64BE = "u64be"
    I64LE = "i64le"
    I64BE = "i64be"
    F16LE = "f16le"
    F16BE = "f16be"
    F32LE = "f32le"
    F32BE = "f32be"
    F64LE = "f64le"
    F64BE = "f64be"

    @cached_property
    def is_packed(self) -> bool:
        return self in (RawType.U12LE, RawType.U12BE)

    @cached_property
    def bits(self) -> int:
        return int("".join(filter(str.isdecimal, self.value)))

    @cached_property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the counts; uint16 for packed ones."""
        bits = 16 if self.is_packed else self.bits
        return np.dtype(f"{'>' if self.value.endswith('be') else '<'}{self.value[0]}{bits // 8}")


@dataclass(frozen=True, slots=True)
class RawLayout:
    """Frames of ``height`` rows of ``width`` pixels, back to back.

    Attributes:
        skip: bytes before the first frame.
        stride: bytes from the start of a row to the start of the next; None if rows have no padding.
        rows: the first row that belongs to the picture, and the first one after it; None for all rows. Cameras put
            telemetry into the others.
    """

    width: int
    height: int
    type: RawType
    skip: int = 0
    stride: int | None = None
    rows: tuple[int, int] | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of the pixels of a row."""
        return math.ceil(self.width * self.type.bits / 8)


def parse_rows(text: str) -> tuple[int, int]:
    """Rows ``TOP:BOTTOM``, of which BOTTOM is the first that does not belong to the picture.

    Raises:
        ValueError: the text has another form.
    """
    top, _, bottom = text.partition(":")
    if not (top.isascii() and top.isdecimal() and bottom.isascii() and bottom.isdecimal()) or len(text) > 20:
        raise ValueError("must be TOP:BOTTOM, two row numbers from 0")
    if int(top) >= int(bottom):
        raise ValueError("must be TOP:BOTTOM with TOP below BOTTOM")
    return int(top), int(bottom)


def layout_fault(layout: RawLayout) -> str | None:
    """What is contradictory in a layout; None if nothing is."""
    if layout.stride is not None and layout.stride < layout.row_bytes:
        return f"stride must be at least the {layout.row_bytes} bytes of a row"
    if layout.rows is not None and layout.rows[1] > layout.height:
        return f"rows must end at or before the height of {layout.height}"
    return None


def read_raw(body: bytes, layout: RawLayout, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Cut a body into frames.

    Raises:
        ServiceError: the body is not a whole number of frames, or exceeds a limit.
    """
    stride = layout.stride or layout.row_bytes
    size = stride * layout.height
    content = memoryview(body)[layout.skip :]
    count, rest = divmod(len(content), size)
    if rest and rest == size - (stride - layout.row_bytes):  # the last row may come without its padding
        count, content = count + 1, memoryview(body[layout.skip :].ljust((count + 1) * size, b"\0"))
    elif rest or not count:
        after = f" after the first {layout.skip}" if layout.skip else ""
        raise undecodable(
            f"{len(content)} bytes{after} are not a whole number of frames of {size} bytes; "
            "check width, height and dtype"
        )
    top, bottom = layout.rows or (0, layout.height)
    for _ in range(count):
        budget.take(layout.width, bottom - top)
    stack = np.frombuffer(content, np.uint8).reshape(count, layout.height, stride)[:, top:bottom, : layout.row_bytes]
    dtype = layout.type.dtype
    if layout.type.is_packed:
        return [frame_or_fault(_unpacked(rows, layout), dtype.name, name) for rows in stack]
    return [frame_or_fault(make_counts(counts), dtype.name, name) for counts in stack.view(dtype)]


def _unpacked(rows: NDArray[np.uint8], layout: RawLayout) -> NDArray[np.uint16]:
    """Pairs of 12-bit counts in three bytes: low bits first (GenICam's Mono12p) or high bits first (as in TIFF)."""
    pairs = np.zeros((len(rows), math.ceil(layout.width / 2), 3), np.uint16)
    pairs.reshape(len(rows), -1)[:, : layout.row_bytes] = rows
    first, middle, last = pairs[..., 0], pairs[..., 1], pairs[..., 2]
    if layout.type is RawType.U12LE:
        both = first | (middle & 0x0F) << 8, middle >> 4 | last << 4
    else:
        both = first << 4 | middle >> 4, (middle & 0x0F) << 8 | last
    return np.stack(both, axis=2).reshape(len(rows), -1)[:, : layout.width]
