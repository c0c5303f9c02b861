"""Reads TIFF and BigTIFF files as frames of counts."""

from collections.abc import Iterator
from typing import Final

from intensity.counts import StoredPage, UnreadableCountsError

MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the first bytes of a file


def read_tiff(body: bytes) -> Iterator[StoredPage | UnreadableCountsError]:
    """The pages of a file, as ``intensity.tiff.frames`` describes them."""
    from intensity.tiff import frames  # with the first file: a service would start 10 ms later

    return frames.read_tiff(body)
