"""Samples as and where the file stores them: Pillow changes and turns those of a TIFF while it decodes them."""

from typing import Final

from PIL import ExifTags, Image, ImageFile, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from intensity.tiff_tags import PHOTOMETRIC

# libtiff gives samples in the machine's own order; Pillow knows that of its ``I;16`` modes only
FROM_LIBTIFF: Final = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
NOT_INVERTED: Final = {
    "1;I": "1", "L;2I": "L;2", "L;4I": "L;4", "L;I": "L",
    "1;IR": "1;R", "L;2IR": "L;2R", "L;4IR": "L;4R", "L;IR": "L;R",
}  # fmt: skip
BACK: Final = {6: 8, 8: 6}  # what undoes an orientation; the others undo themselves


def load_stored(image: Image.Image) -> None:
    """Decode ``image``, opened and not yet decoded, in place.

    Raises:
        Exception: the bytes are damaged; hostile ones raise nearly anything in Pillow's readers.
    """
    if not isinstance(image, TiffImageFile):
        image.load()
        return
    black_is_zero = PHOTOMETRIC not in image.tag_v2  # as libtiff takes it; Pillow takes white for zero, in 8 bits only
    image.tile = [_unpacked(tile, black_is_zero) for tile in image.tile]
    image.filename = ""  # else Pillow maps an uncompressed file into memory, with the sides that it has when turned
    orientation = image.getexif().get(ExifTags.Base.Orientation)  # of the tag, or of XMP; loading forgets it
    image.load()
    if orientation is not None:
        image.getexif()[ExifTags.Base.Orientation] = BACK.get(orientation, orientation)
        ImageOps.exif_transpose(image, in_place=True)


def _unpacked(tile: ImageFile._Tile, black_is_zero: bool) -> ImageFile._Tile:
    """How Pillow is to unpack a strip or tile; its ``args`` begin with the layout of the samples."""
    assert isinstance(tile.args, tuple)
    layout, *rest = tile.args
    layout = layout.replace("RGBa", "RGBA")  # else colours are divided by alpha
    if black_is_zero:
        layout = NOT_INVERTED.get(layout, layout)
    if tile.codec_name == "libtiff":
        layout = FROM_LIBTIFF.get(layout, layout)
    return tile._replace(args=(layout, *rest))
