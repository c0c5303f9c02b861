"""Raw sensor rows. They have no header, so the caller describes them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from service.errors import ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

MEDIA_TYPE: Final = "application/octet-stream"
LONGEST_SIDE: Final = 1_000_000  # pixels; the largest width or height that a caller may give


class RawType(StrEnum):
    """Type and byte order of a raw pixel."""

    U8 = "u8"
    U16LE = "u16le"
    U16BE = "u16be"
    F32LE = "f32le"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype({"u8": "u1", "u16le": "<u2", "u16be": ">u2", "f32le": "<f4"}[self.value])


@dataclass(frozen=True, slots=True)
class RawLayout:
    """Frames of ``height`` rows of ``width`` pixels, back to back."""

    width: int
    height: int
    type: RawType


def read_raw(body: bytes, layout: RawLayout, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Cut a body into frames.

    Raises:
        ServiceError: the body is not a whole number of frames, or exceeds a limit.
    """
    dtype = layout.type.dtype
    size = layout.width * layout.height * dtype.itemsize
    count, rest = divmod(len(body), size)
    if rest:
        raise undecodable(
            f"{len(body)} bytes are not a whole number of frames of {size} bytes; check width, height and dtype"
        )
    for _ in range(count):
        budget.take(layout.width, layout.height)
    stack = np.frombuffer(body, dtype).reshape(count, layout.height, layout.width)
    return [frame_or_fault(counts, dtype.name, name) for counts in stack]
