"""Kinds of PNG that no library of the tests writes."""

import struct
import zlib

import numpy as np
import pytest

from service.frames import Budget, Frame, decode
from tests.support import tiff_by_hand as by_hand


@pytest.mark.parametrize("colour", [0, 2, 3, 4, 6])
@pytest.mark.parametrize("sides", [(1, 1), (3, 2), (8, 8), (17, 5)])
def test_interlaced_png_are_read(colour: int, sides: tuple[int, int]) -> None:
    width, height = sides
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + bytes([9]) * (samples * len(range(left, width, across)))
        for left, across, top, down in passes
        for _ in range(top, height, down)
        if left < width
    )
    header = by_hand.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 1))
    palette = by_hand.chunk(b"PLTE", bytes([9] * 30)) if colour == 3 else b""
    pixels = by_hand.chunk(b"IDAT", zlib.compress(rows)) + by_hand.chunk(b"IEND", b"")
    (frame,) = decode(b"\x89PNG\r\n\x1a\n" + header + palette + pixels, None, Budget())
    assert isinstance(frame, Frame), frame
    np.testing.assert_allclose(frame.counts.astype(float), np.full((height, width), 9.0), rtol=1e-5)


@pytest.mark.parametrize("surplus", [1, 4_000])
def test_some_bytes_behind_the_last_pixel_do_no_harm(surplus: int) -> None:
    rows = b"\0\1\2" + b"\0\3\4" + bytes(surplus)
    (frame,) = decode(by_hand.png(2, 2, 8, 0, rows), None, Budget())
    assert isinstance(frame, Frame)
    assert frame.counts.tolist() == [[1, 2], [3, 4]]
