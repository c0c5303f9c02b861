"""NumPy ``.npy`` bodies (NEP 1). Pickled objects are refused; nothing is allocated before the size is checked."""

import io
import math
import re
from typing import Final

import numpy as np
from numpy.lib import format as npy_format

from intensity.counts import REAL, make_counts
from service.errors import ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

MEDIA_TYPE: Final = "application/x-npy"
MAGIC: Final = b"\x93NUMPY"
ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")  # of an object of this process, which is nobody's concern
COLOUR_CHANNELS: Final = 4
LARGEST_SIDE: Final = 2**31 - 1
CASTABLE: Final = "bf"  # kinds of other NumPy types that can be cast to float32
SHAPES: Final = "[H, W], [N, H, W], [H, W, 1] or [N, 1, H, W]"


def read_npy(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read ``[H, W]``, ``[N, H, W]``, ``[H, W, 1]`` or ``[N, 1, H, W]`` of any integer or float type up to 64 bits.

    Byte order and memory order may be any.
    """
    file = io.BytesIO(body)
    shape, fortran, dtype = _header(file)
    stored_as = dtype.name
    _check(shape, dtype, stored_as)
    count, height, width = _frames_of(shape)
    data = memoryview(body)[file.tell() :]
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise undecodable(f"the header describes {expected} bytes of pixels, but {len(data)} bytes follow it")
    for _ in range(count):
        budget.take(width, height)
    stack = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return [
        frame_or_fault(make_counts(stack.reshape(count, height, width)[index]), stored_as, name)
        for index in range(count)
    ]


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        version = npy_format.read_magic(file)
        read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file)
        if bool in map(type, shape):  # NumPy would accept True as 1
            raise ValueError(f"shape {shape}")
    except Exception as error:  # a hostile header raises nearly any exception
        raise undecodable(f"the .npy header cannot be read: {ADDRESS.sub('', str(error))}") from error
    return shape, fortran, dtype


def _check(shape: tuple[int, ...], dtype: np.dtype[np.generic], stored_as: str) -> None:
    if any(side > LARGEST_SIDE for side in shape):  # Python refuses to print much larger numbers
        raise undecodable(f"a side has more than {LARGEST_SIDE} pixels")
    if stored_as not in REAL:
        hint = ', for example array.astype("float32")' if dtype.kind in CASTABLE else ""
        raise undecodable(f"pixels of type {dtype} are not supported; send integers or floats of at most 64 bits{hint}")
    _frames_of(shape)
    if min(shape) < 1:
        raise undecodable(f"shape {shape} has no pixels")


def _frames_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Number of frames, height and width of an array.

    Raises:
        ServiceError: the array has another form.
    """
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) == 3 and shape[-1] == 1 and shape[1] > 1:
        return 1, shape[0], shape[1]
    if len(shape) == 3 and 1 < shape[-1] <= COLOUR_CHANNELS:
        raise undecodable(f"shape {shape} looks like a colour image; send {SHAPES}")
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 4 and shape[1] == 1:
        return shape[0], shape[2], shape[3]
    raise undecodable(f"shape {shape} is not supported; send {SHAPES}")
