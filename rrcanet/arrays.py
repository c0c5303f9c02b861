"""Arrays as frames: the shapes and types of the field, by the same rules as the server's."""

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

COLOUR_CHANNELS: Final = 4
WIDEST: Final = 8  # bytes of a pixel
SHAPES: Final = "[H, W], [N, H, W], [H, W, 1] or [N, 1, H, W]"


def frames_of(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Each frame ``[H, W]`` of an array ``[H, W]``, ``[N, H, W]``, ``[H, W, 1]`` or ``[N, 1, H, W]``.

    Raises:
        TypeError: the pixels are neither integers nor floats of at most 64 bits.
        ValueError: the array has another shape.
    """
    check_type(array.dtype)
    return iter(array.reshape(_stack_of(array.shape)))


def check_type(dtype: np.dtype[Any]) -> None:
    """Refuse pixels that no server reads.

    Raises:
        TypeError: they are neither integers nor floats of at most 64 bits.
    """
    if dtype.kind not in "iuf" or dtype.itemsize > WIDEST:
        hint = ', for example array.astype("float32")' if dtype.kind in "bf" else ""
        raise TypeError(f"an array of {dtype} is no frame: pixels are integers or floats of at most 64 bits{hint}")


def to_npy(frame: NDArray[Any]) -> bytes:
    """A frame as the content of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, frame, allow_pickle=False)
    return buffer.getvalue()


def _stack_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Number of frames, height and width."""
    if 0 in shape:
        raise ValueError(f"an array of shape {shape} has no pixels")
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) == 3 and shape[-1] == 1 and shape[1] > 1:
        return 1, shape[0], shape[1]
    if len(shape) == 3 and 1 < shape[-1] <= COLOUR_CHANNELS:
        raise ValueError(f"an array of shape {shape} looks like a colour image; frames are {SHAPES}")
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 4 and shape[1] == 1:
        return shape[0], shape[2], shape[3]
    raise ValueError(f"an array of shape {shape} is no frame; frames are {SHAPES}")
