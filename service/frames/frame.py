"""A decoded frame, and how many of them a request may hold."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.errors import Reason, ServiceError

SMALLEST_SIDE: Final = 32  # pixels to which the network has a smaller one padded


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is told of a frame once its pixels are gone; attributes as of ``Frame``."""

    width: int
    height: int
    dtype: str
    name: str | None
    invalid_pixels: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels as the sensor counted them.

    Attributes:
        counts: ``[H, W]`` uint8, uint16, float32 or float64, C order, native byte order.
        dtype: of the pixels as sent; colour is luminance in float32, sent as uint8.
        name: file name, where there was one.
        invalid_pixels: NaN and infinity among ``counts``.
    """

    counts: NDArray[np.generic]
    dtype: str
    name: str | None = None
    invalid_pixels: int = 0

    @property
    def height(self) -> int:
        return int(self.counts.shape[0])

    @property
    def width(self) -> int:
        return int(self.counts.shape[1])

    @property
    def info(self) -> FrameInfo:
        """All but the pixels."""
        return FrameInfo(self.width, self.height, self.dtype, self.name, self.invalid_pixels)


def make_frame(counts: NDArray[np.generic], dtype: str, name: str | None) -> Frame:
    """Check the pixels of ``counts [H, W]``.

    Raises:
        ServiceError: no pixel is a finite number.
    """
    native = np.ascontiguousarray(counts, counts.dtype.newbyteorder("="))
    invalid = int(native.size - np.count_nonzero(np.isfinite(native))) if native.dtype.kind == "f" else 0
    if invalid == native.size:
        raise undecodable("every pixel is NaN or infinite")
    return Frame(native, dtype, name, invalid)


def frame_or_fault(
    counts: NDArray[np.generic], dtype: np.dtype[np.generic], name: str | None
) -> "Frame | ServiceError":
    """One of several frames of a body: its fault stands in its place."""
    try:
        return make_frame(counts, dtype.name, name)
    except ServiceError as fault:
        return fault


def undecodable(detail: str) -> ServiceError:
    """The fault of one frame."""
    return ServiceError(Reason.UNDECODABLE_FRAME, detail)


class Budget:
    """Frames and pixels that one request may still bring; counted from headers, before decoding.

    A side counts as ``SMALLEST_SIDE`` at least: a frame of one row takes the memory and the time of that many.

    Args:
        max_frames: of the request.
        max_pixels: of the request, all frames together: that bounds its memory and its time on the device.
    """

    def __init__(self, max_frames: int = 64, max_pixels: int = 4_194_304) -> None:
        self._max_frames, self._max_pixels = max_frames, max_pixels
        self._frames = self._pixels = 0

    def take(self, width: int, height: int) -> None:
        """Account for one frame.

        Raises:
            ServiceError: ``too_many_frames`` or ``too_many_pixels``.
        """
        self._frames += 1
        self._pixels += max(width, SMALLEST_SIDE) * max(height, SMALLEST_SIDE)
        if self._frames > self._max_frames:
            raise ServiceError(Reason.TOO_MANY_FRAMES, f"more than {self._max_frames} frames in one request")
        if self._pixels > self._max_pixels:
            narrow = f", a side counted as {SMALLEST_SIDE} at least" if min(width, height) < SMALLEST_SIDE else ""
            detail = f"a {width}x{height} frame takes the request over {self._max_pixels} pixels{narrow}"
            raise ServiceError(Reason.TOO_MANY_PIXELS, detail)
