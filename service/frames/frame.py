"""A decoded frame, and the limits on the frames of a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import StoredImage, UnreadableCountsError
from service.errors import Reason, ServiceError

Celsius = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # counts of any shape -> degrees Celsius
SMALLEST_SIDE: Final = 32  # pixels; smaller sides are padded to this before the network runs


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """A frame without its pixels, as answers describe it; the attributes are those of ``Frame``."""

    width: int
    height: int
    dtype: str
    name: str | None
    invalid_pixels: int
    page: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """The counts of one frame, as the sensor measured them.

    Attributes:
        counts: ``[H, W]`` uint8, uint16, float32 or float64, C order, native byte order.
        dtype: type of the pixels in the file. Luminance of a colour file is float32 here, its ``dtype`` is uint8.
        name: file name, if the frame has one.
        invalid_pixels: number of NaN and infinity in ``counts``; pixels without data are NaN.
        page: position of the page in its file, from 0; None if the file has no pages, or one frame.
        warnings: sentences about how the frame was read that a person should know.
        celsius: what the file says about the temperatures that its counts stand for; None if it says nothing.
    """

    counts: NDArray[np.generic]
    dtype: str
    name: str | None = None
    invalid_pixels: int = 0
    page: int | None = None
    warnings: tuple[str, ...] = ()
    celsius: Celsius | None = None

    @property
    def height(self) -> int:
        return int(self.counts.shape[0])

    @property
    def width(self) -> int:
        return int(self.counts.shape[1])

    @property
    def info(self) -> FrameInfo:
        """The frame without its pixels."""
        return FrameInfo(self.width, self.height, self.dtype, self.name, self.invalid_pixels, self.page, self.warnings)


def make_frame(
    counts: NDArray[np.generic], dtype: str, name: str | None, page: int | None = None, warnings: tuple[str, ...] = ()
) -> Frame:
    """Make a frame of ``counts [H, W]``.

    Raises:
        ServiceError: ``undecodable_frame``; no pixel is a finite number.
    """
    native = np.ascontiguousarray(counts, counts.dtype.newbyteorder("="))
    invalid = int(native.size - np.count_nonzero(np.isfinite(native))) if native.dtype.kind == "f" else 0
    if invalid == native.size:
        raise undecodable("every pixel is NaN or infinite")
    return Frame(native, dtype, name, invalid, page, warnings)


def read_stored(image: StoredImage, budget: "Budget", name: str | None) -> "list[Frame | ServiceError]":
    """Decode a file of one image if the budget allows its size.

    Raises:
        ServiceError: a limit.
    """
    budget.take(image.width, image.height)
    try:
        return [make_frame(*image.read(), name)]
    except UnreadableCountsError as error:
        return [undecodable(str(error))]
    except ServiceError as fault:
        return [fault.bare()]


def frame_or_fault(
    counts: NDArray[np.generic], dtype: str, name: str | None, page: int | None = None
) -> "Frame | ServiceError":
    """Make one of several frames of a body; an error is returned and not raised, so that the others are still read."""
    try:
        return make_frame(counts, dtype, name, page)
    except ServiceError as fault:
        return fault


def undecodable(detail: str) -> ServiceError:
    """The error of a frame that cannot be read."""
    return ServiceError(Reason.UNDECODABLE_FRAME, detail)


class Budget:
    """The number of frames and pixels that a request may still contain, counted from headers before decoding.

    A side counts as at least ``SMALLEST_SIDE`` pixels, because smaller sides are padded to that.

    Args:
        max_frames: of one request.
        max_pixels: of all frames of a request together; this bounds its memory and its time on the device.
    """

    def __init__(self, max_frames: int = 64, max_pixels: int = 4_194_304) -> None:
        self._max_frames, self._max_pixels = max_frames, max_pixels
        self._frames = self._pixels = 0

    def take(self, width: int, height: int) -> None:
        """Count one frame.

        Raises:
            ServiceError: ``too_many_frames`` or ``too_many_pixels``.
        """
        self._frames += 1
        self._pixels += max(width, SMALLEST_SIDE) * max(height, SMALLEST_SIDE)
        if self._frames > self._max_frames:
            raise ServiceError(Reason.TOO_MANY_FRAMES, f"the request has more than {self._max_frames} frames")
        if self._pixels > self._max_pixels:
            narrow = f" (each side counts as at least {SMALLEST_SIDE})" if min(width, height) < SMALLEST_SIDE else ""
            detail = f"with a frame of {width}x{height} the request has more than {self._max_pixels} pixels{narrow}"
            raise ServiceError(Reason.TOO_MANY_PIXELS, detail)
