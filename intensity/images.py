"""Files of one image: which reader opens them. The first bytes decide."""

from collections.abc import Callable
from typing import Final

from intensity import bmp, jpeg, jpeg2000, pgm, png
from intensity.counts import StoredImage

READERS: Final[tuple[tuple[tuple[bytes, ...], Callable[[bytes], StoredImage]], ...]] = (
    ((png.SIGNATURE,), png.open_png),
    ((jpeg.MAGIC,), jpeg.open_jpeg),
    ((bmp.MAGIC,), bmp.open_bmp),
    (jpeg2000.MAGICS, jpeg2000.open_jpeg2000),
    ((pgm.MAGIC,), pgm.open_pgm),
)


def open_image(body: bytes) -> StoredImage | None:
    """Read the header of a file of one image; None if it begins like none of them.

    Raises:
        UnreadableCountsError: the header is damaged, or decoding would be costly.
    """
    for magics, open_file in READERS:
        if body.startswith(magics):
            return open_file(body)
    return None
