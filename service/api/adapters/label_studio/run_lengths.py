"""Label Studio's own run lengths of a mask, which are not COCO's.

They are the format of thi.ng/rle-pack for the pixels as red, green, blue and alpha. A header has the number of values
(32 bits), the bits of a value less one (5), and four times the bits of a kind of length less one (4). Each run has
whether one value is repeated (1 bit), the kind of its length (2), the length less one, and the value.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHANNELS: Final = 4
VALUE_BITS: Final = 8
LENGTH_BITS: Final = (3, 4, 8, 16)
LONGEST: Final = 1 << LENGTH_BITS[-1]
OPAQUE: Final = 255


def encode_mask(mask: NDArray[np.bool_]) -> list[int]:
    """The bytes for ``mask [H, W]``."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = [0, *edges.tolist(), flat.size]
    bits = [_header(CHANNELS * flat.size)]
    for start, end in pairwise(bounds):
        bits.extend(_runs(CHANNELS * (end - start), OPAQUE if flat[start] else 0))
    text = "".join(bits)
    size = -(-len(text) // 8)
    return list(int(text.ljust(8 * size, "0"), 2).to_bytes(size, "big"))


def _header(values: int) -> str:
    return f"{values:032b}{VALUE_BITS - 1:05b}" + "".join(f"{bits - 1:04b}" for bits in LENGTH_BITS)


def _runs(length: int, value: int) -> Iterator[str]:
    """One value repeated, in as many runs as its length needs."""
    while length:
        run = min(length, LONGEST)
        kind = next(index for index, bits in enumerate(LENGTH_BITS) if run <= 1 << bits)
        yield f"1{kind:02b}{run - 1:0{LENGTH_BITS[kind]}b}{value:0{VALUE_BITS}b}"
        length -= run
