"""Pages of a TIFF that follow each other in circles come to an end, and soon."""

import struct
import time

import httpx
import numpy as np
import pytest

from tests.support import frames
from tests.support import tiff_by_hand as by_hand

WITHIN_S = 5.0  # on machines that are shared; an endless chain would take the server's whole deadline
PAGE = by_hand.tiff(b"\1\2", by_hand.gray(2, 1, 8, 2), next_page=lambda own: own)


def circle(pages: int) -> bytes:
    """Pages of which the last is followed by the first."""
    body = bytearray(frames.tiff(*(np.full((8, 8), page, np.uint8) for page in range(pages))))
    first = at = struct.unpack_from("<I", body, 4)[0]
    while True:
        link = at + 2 + 12 * struct.unpack_from("<H", body, at)[0]
        following = struct.unpack_from("<I", body, link)[0]
        if not following:
            struct.pack_into("<I", body, link, first)
            return bytes(body)
        at = following


def row_of(pages: int) -> bytes:
    """Pages of one pixel, which they share; Pillow takes half a minute to write so many."""
    alone = by_hand.tiff(b"\1", by_hand.gray(1, 1, 8, 1))
    first = struct.unpack_from("<I", alone, 4)[0]
    directory = alone[first:-4]
    length = len(directory) + 4
    links = [*(first + length * (page + 1) for page in range(pages - 1)), 0]
    return alone[:first] + b"".join(directory + struct.pack("<I", link) for link in links)


@pytest.mark.parametrize("body", [PAGE, circle(2), circle(7)], ids=["itself", "two pages", "seven pages"])
def test_a_circle_of_pages_ends(client: httpx.Client, body: bytes) -> None:
    began = time.monotonic()
    answer = client.post("/v1/detect?mask=none", content=body)
    assert answer.status_code in (200, 413, 422)
    assert time.monotonic() - began < WITHIN_S


def test_more_pages_than_a_request_may_have_are_not_read(client: httpx.Client) -> None:
    answer = client.post("/v1/detect?mask=none", content=row_of(3000))
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_frames")
    few = client.post("/v1/detect?mask=none", content=row_of(64))
    assert (few.status_code, len(few.json()["frames"])) == (200, 64)
