"""Describes TIFF pages that are not damaged but have samples that Pillow cannot read, and what to send instead."""

import io
from collections.abc import Mapping
from typing import Any, Final

from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from intensity.tiff_tags import BITS_PER_SAMPLE, FILL_ORDER, PHOTOMETRIC, SAMPLE_FORMAT, SAMPLES_PER_PIXEL

FORMATS: Final = {1: "unsigned", 2: "signed", 3: "float", 4: "untyped", 5: "complex", 6: "complex"}
PHOTOMETRICS: Final = {
    0: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab",
}  # fmt: skip
REVERSED: Final = 2  # value of FILL_ORDER
BIG: Final = 43  # third byte of a BigTIFF, whose header has 16 bytes instead of 8


def no_mode_for(error: Exception) -> bool:
    """Whether Pillow refused a page because of its samples, and not because it is damaged."""
    return isinstance(error, SyntaxError) and str(error) == "unknown pixel mode"


def first_page_samples(body: bytes) -> str | None:
    """A description of the samples on the first page; None if Pillow can read them or the page is damaged."""
    try:
        TiffImageFile(io.BytesIO(body))
    except Exception as error:  # hostile bytes raise nearly any exception in Pillow's readers
        return describe_samples(_first_page(body)) if no_mode_for(error) else None
    return None


def describe_samples(tags: ImageFileDirectory_v2) -> str:
    """The error detail for a page whose samples cannot be read."""
    photometric = _number(tags, PHOTOMETRIC, 0)
    return (
        f"TIFF samples of this kind are not supported: {_number(tags, SAMPLES_PER_PIXEL, 1)} x "
        f"{_number(tags, BITS_PER_SAMPLE, 1)} bits per pixel, "
        f"{FORMATS.get(_number(tags, SAMPLE_FORMAT, 1), 'of unknown format')}, "
        f"{PHOTOMETRICS.get(photometric, f'photometric interpretation {photometric}')}, "
        f"{'big' if tags.prefix == b'MM' else 'little'}-endian"
        f"{', bits reversed' if _number(tags, FILL_ORDER, 1) == REVERSED else ''}; "
        "save it as gray of uint8, uint16 or float32, black is zero, little-endian"
    )


def _first_page(body: bytes) -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2(body[: 16 if body[2] == BIG else 8])
    file = io.BytesIO(body)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _number(tags: Mapping[int, Any], tag: int, otherwise: int) -> int:
    """The first value of a tag; a hostile file may store text of any length instead of a number."""
    value = tags.get(tag, otherwise)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else otherwise
