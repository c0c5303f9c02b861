"""Frames as users send them."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.simulation.scene import make_scene


def png(pixels: NDArray[np.generic]) -> bytes:
    """PNG of uint8 or uint16 gray, or uint8 colour."""
    return _save(Image.fromarray(pixels), "PNG")


def tiff(*pages: NDArray[np.generic], big_endian: bool = False) -> bytes:
    """TIFF with a page an array; big-endian is written by hand, since Pillow writes little-endian only."""
    if big_endian:
        (page,) = pages
        return _big_endian_tiff(page)
    first, *rest = (Image.fromarray(page) for page in pages)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=bool(rest), append_images=rest)
    return buffer.getvalue()


def npy(array: NDArray[np.generic]) -> bytes:
    """``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """JPEG of best quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=100, subsampling=0)
    return buffer.getvalue()


def bmp(pixels: NDArray[np.uint8]) -> bytes:
    """BMP."""
    return _save(Image.fromarray(pixels), "BMP")


def fits(pixels: NDArray[np.generic]) -> bytes:
    """FITS of counts of up to 15 bits, written by hand, because the extra ``fits`` may be missing."""
    height, width = pixels.shape
    keywords = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": width, "NAXIS2": height}
    cards = [f"{name:8}= {value!s:>20}" for name, value in keywords.items()]
    data = pixels.astype(">i2").tobytes()
    header = "".join(card.ljust(80) for card in [*cards, "END"]).ljust(2_880).encode()
    return header + data.ljust(-(-len(data) // 2_880) * 2_880, b"\0")


def _save(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def _big_endian_tiff(page: NDArray[np.generic]) -> bytes:
    """TIFF 6.0: header, one strip of big-endian samples, one directory."""
    height, width = page.shape
    samples = page.astype(page.dtype.newbyteorder(">")).tobytes()
    short, long = 3, 4
    entries = [
        (256, long, width),
        (257, long, height),
        (258, short, 8 * page.dtype.itemsize),
        (259, short, 1),
        (262, short, 1),
        (273, long, 8),
        (277, short, 1),
        (278, long, height),
        (279, long, len(samples)),
    ]
    directory = len(entries).to_bytes(2, "big")
    for tag, kind, value in entries:
        content = value.to_bytes(4, "big") if kind == long else value.to_bytes(2, "big") + b"\0\0"
        directory += tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + (1).to_bytes(4, "big") + content
    return b"MM\0*" + (8 + len(samples)).to_bytes(4, "big") + samples + directory + bytes(4)


GOOD = png(make_scene(1, 64, 64).counts(8))  # a small frame with targets that every server answers
