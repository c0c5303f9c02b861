"""Loads samples with the values and at the places that the file stores: Pillow changes and rotates those of a TIFF."""

from typing import Final

from PIL import ExifTags, ImageFile, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from intensity.tiff_tags import PHOTOMETRIC

# libtiff returns samples in the byte order of the machine; Pillow takes this into account for its ``I;16`` modes only
FROM_LIBTIFF: Final = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
NOT_INVERTED: Final = {
    "1;I": "1", "L;2I": "L;2", "L;4I": "L;4", "L;I": "L",
    "1;IR": "1;R", "L;2IR": "L;2R", "L;4IR": "L;4R", "L;IR": "L;R",
}  # fmt: skip
INVERSE: Final = {6: 8, 8: 6}  # the orientation that undoes another one; the rest are their own inverse


def load_stored(image: TiffImageFile) -> None:
    """Decode a page of a TIFF in place; it must be opened but not yet decoded.

    Raises:
        Exception: the bytes are damaged. Hostile bytes raise nearly any exception in Pillow's readers.
    """
    black_is_zero = PHOTOMETRIC not in image.tag_v2  # libtiff's default; Pillow assumes that white is zero, in 8 bits
    image.tile = [_unpacked(tile, black_is_zero) for tile in image.tile]
    image.filename = ""  # else Pillow maps an uncompressed file into memory with its width and height swapped
    orientation = image.getexif().get(ExifTags.Base.Orientation)  # from the tag, or from XMP; loading removes it
    image.load()
    if orientation is not None:
        image.getexif()[ExifTags.Base.Orientation] = INVERSE.get(orientation, orientation)
        ImageOps.exif_transpose(image, in_place=True)


def _unpacked(tile: ImageFile._Tile, black_is_zero: bool) -> ImageFile._Tile:
    """The strip or tile with a sample layout that leaves values unchanged; the layout is the first of ``args``."""
    assert isinstance(tile.args, tuple)
    layout, *rest = tile.args
    layout = layout.replace("RGBa", "RGBA")  # else Pillow divides colours by alpha
    if black_is_zero:
        layout = NOT_INVERTED.get(layout, layout)
    if tile.codec_name == "libtiff":
        layout = FROM_LIBTIFF.get(layout, layout)
    return tile._replace(args=(layout, *rest))
