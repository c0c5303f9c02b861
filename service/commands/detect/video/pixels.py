"""The counts of a video frame. Gray is read as it is stored; of other video the luminance is read."""

import re
from typing import Any, Final, Literal

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from intensity.counts import luminance

GRAY: Final = re.compile(r"gray(8|9|10|12|14|16)?(le|be)?|grayf32(le|be)")
LUMA_FIRST: Final = re.compile(r"yuva?j?4\d\dp(\d+(le|be))?|nv(12|21|16|24|42)")  # the first plane is the luma
BLACK, SPAN = 16, 219  # luma of limited range, in steps of 8 bits (ITU-R BT.601 and BT.709)


def counts_of(frame: "av.VideoFrame") -> tuple[NDArray[np.generic], str]:
    """Counts ``[H, W]`` and the name of their type.

    Gray of 8 to 16 bits and of float32 is read exactly. Luma of limited range is spread to the full range of its bits.
    Colours become luminance (Rec. 601), as those of other frames.
    """
    name = frame.format.name
    if GRAY.fullmatch(name):
        counts = _first_plane(frame)
    elif LUMA_FIRST.fullmatch(name):
        bits = frame.format.components[0].bits
        is_full = frame.color_range == ColorRange.JPEG or "j4" in name
        counts = _first_plane(frame) if is_full else spread_luma(_first_plane(frame), bits)
    else:
        is_deep = frame.format.components[0].bits > 8
        colours: NDArray[Any] = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24")
        return luminance(colours), colours.dtype.name
    return counts, counts.dtype.name


def spread_luma(luma: NDArray[Any], bits: int) -> NDArray[Any]:
    """Luma of limited range, 16 to 235 in 8 bits, as gray of full range; codes beyond become black or white."""
    step, top = 2 ** (bits - 8), 2**bits - 1
    codes = np.arange(2 ** (8 * luma.dtype.itemsize), dtype=np.float64)
    gray = np.clip(np.rint((codes - BLACK * step) * top / (SPAN * step)), 0, top)
    return np.asarray(gray.astype(luma.dtype)[luma])


def _first_plane(frame: "av.VideoFrame") -> NDArray[Any]:
    """The first plane without the bytes that pad its rows, in native byte order."""
    plane, bits = frame.planes[0], frame.format.components[0].bits
    stored = np.dtype("f4" if bits == 32 else "u1" if bits <= 8 else "u2")
    order: Literal[">", "<"] = ">" if frame.format.is_big_endian else "<"
    rows = np.frombuffer(plane, np.uint8)[: plane.line_size * frame.height].reshape(frame.height, plane.line_size)
    pixels = rows[:, : frame.width * stored.itemsize].copy().view(stored.newbyteorder(order))
    return pixels.astype(stored, copy=False)
