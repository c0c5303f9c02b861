"""Samples as and where the file stores them: Pillow changes and turns those of a TIFF while it decodes them."""

from typing import Final

from PIL import ExifTags, Image, ImageFile, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

# libtiff gives samples in the machine's own order; Pillow knows that of its ``I;16`` modes only
FROM_LIBTIFF: Final = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
BACK: Final = {6: 8, 8: 6}  # what undoes an orientation; the others undo themselves


def load_stored(image: Image.Image) -> None:
    """Decode ``image``, opened and not yet decoded, in place.

    Raises:
        Exception: the bytes are damaged; hostile ones raise nearly anything in Pillow's readers.
    """
    if not isinstance(image, TiffImageFile):
        image.load()
        return
    image.tile = [_unpacked(tile) for tile in image.tile]
    orientation = image.getexif().get(ExifTags.Base.Orientation)  # of the tag, or of XMP; loading forgets it
    image.load()
    if orientation is not None:
        image.getexif()[ExifTags.Base.Orientation] = BACK.get(orientation, orientation)
        ImageOps.exif_transpose(image, in_place=True)


def _unpacked(tile: ImageFile._Tile) -> ImageFile._Tile:
    """How Pillow is to unpack a strip or tile; its ``args`` begin with the layout of the samples."""
    assert isinstance(tile.args, tuple)
    layout, *rest = tile.args
    layout = layout.replace("RGBa", "RGBA")  # else colours are divided by alpha
    if tile.codec_name == "libtiff":
        layout = FROM_LIBTIFF.get(layout, layout)
    return tile._replace(args=(layout, *rest))
