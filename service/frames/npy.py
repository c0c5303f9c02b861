"""NumPy ``.npy`` bodies (NEP 1). Pickled objects are refused; nothing is allocated before the size is checked."""

import io
import math
from typing import Final

import numpy as np
from numpy.lib import format as npy_format

from service.errors import ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

MEDIA_TYPE: Final = "application/x-npy"
MAGIC: Final = b"\x93NUMPY"
ACCEPTED: Final = ("uint8", "uint16", "float32")
COLOUR_CHANNELS: Final = 4
LARGEST_SIDE: Final = 2**31 - 1
CASTABLE: Final = "biuf"  # kinds of NumPy types that can be cast to float32


def read_npy(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read ``[H, W]`` or ``[N, H, W]`` of uint8, uint16 or float32, either byte order, either memory order."""
    file = io.BytesIO(body)
    shape, fortran, dtype = _header(file)
    _check(shape, dtype)
    count, height, width = shape if len(shape) == 3 else (1, *shape)
    data = memoryview(body)[file.tell() :]
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise undecodable(f"the header describes {expected} bytes of pixels, but {len(data)} bytes follow it")
    for _ in range(count):
        budget.take(width, height)
    stack = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return [frame_or_fault(stack.reshape(count, height, width)[index], dtype.name, name) for index in range(count)]


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        version = npy_format.read_magic(file)
        read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file)
        if bool in map(type, shape):  # NumPy would accept True as 1
            raise ValueError(f"shape {shape}")
    except Exception as error:  # a hostile header raises nearly any exception
        raise undecodable(f"the .npy header cannot be read: {error}") from error
    return shape, fortran, dtype


def _check(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if any(side > LARGEST_SIDE for side in shape):  # Python refuses to print much larger numbers
        raise undecodable(f"a side has more than {LARGEST_SIDE} pixels")
    if dtype.name not in ACCEPTED:
        hint = ', for example array.astype("float32")' if dtype.kind in CASTABLE else ""
        raise undecodable(f"pixels of type {dtype} are not supported; send one of {', '.join(ACCEPTED)}{hint}")
    if len(shape) not in (2, 3):
        raise undecodable(f"shape {shape} is not supported; send [H, W] or [N, H, W]")
    if len(shape) == 3 and shape[-1] <= COLOUR_CHANNELS:
        raise undecodable(f"shape {shape} looks like a colour image; send [H, W] or [N, H, W]")
    if min(shape) < 1:
        raise undecodable(f"shape {shape} has no pixels")
