"""What the tags of a page say about its samples, checked before anything is decoded."""

import json
import math
import re
from dataclasses import dataclass
from typing import Final

from intensity.counts import UnreadableCountsError
from intensity.tiff import tags
from intensity.tiff.directory import Directory

NONE: Final = 1  # value of COMPRESSION
COMPRESSIONS: Final = {
    NONE: "none", 2: "CCITT RLE", 3: "CCITT T.4", 4: "CCITT T.6", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits",
    32946: "deflate", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC",
    34925: "LZMA", 34926: "zstd", 50000: "zstd",
}  # fmt: skip
UNSIGNED, SIGNED, FLOAT, UNTYPED = 1, 2, 3, 4  # values of SAMPLE_FORMAT
FORMATS: Final = {
    UNSIGNED: "unsigned",
    SIGNED: "signed",
    FLOAT: "float",
    UNTYPED: "untyped",
    5: "complex",
    6: "complex",
}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6  # values of PHOTOMETRIC
PHOTOMETRICS: Final = {
    WHITE_IS_ZERO: "white is zero", BLACK_IS_ZERO: "black is zero", RGB: "RGB", PALETTE: "palette", 4: "mask",
    5: "CMYK", YCBCR: "YCbCr", 8: "Lab",
}  # fmt: skip
JPEG: Final = 7
SEPARATE: Final = 2  # value of PLANES
REDUCED, MASK = 1, 4  # bits of NEW_SUBFILE_TYPE
REDUCED_OF_OLD: Final = 2  # value of SUBFILE_TYPE
LONGEST_SIDE: Final = 2**31 - 1
SMALLEST_TILE: Final = 64  # pixels; TIFF 6.0 asks for 256, and each tile takes time of its own
DESCRIPTION_BYTES: Final = 65_536
NODATA_BYTES: Final = 64
IMAGEJ_IMAGES: Final = re.compile(rb"^images=(\d{1,9})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        width, height: of a frame, in pixels.
        frames: how many frames lie in this page one after the other (``ImageDepth``, or a stack that the description
            names); 1 for most pages.
        bits, samples, form: bits of a sample, samples of a pixel, and ``SAMPLE_FORMAT``.
        segment_width, segment_height: of a tile or a strip.
        segments: number of tiles or strips that hold the page.
        fill: the value that means no data, from ``GDAL_NODATA``.
    """

    directory: Directory
    width: int
    height: int
    frames: int
    bits: int
    samples: int
    form: int
    photometric: int
    compression: int
    predictor: int
    is_tiled: bool
    is_separate: bool
    is_reversed: bool
    segment_width: int
    segment_height: int
    segments: int
    fill: float | None

    @property
    def is_frame(self) -> bool:
        """Whether the page is a frame, and no overview, preview or mask."""
        subfile = self.directory.number(tags.NEW_SUBFILE_TYPE, 0)
        old = self.directory.number(tags.SUBFILE_TYPE, 0)
        return not subfile & (REDUCED | MASK) and old != REDUCED_OF_OLD and self.photometric != MASK

    @property
    def is_rendering(self) -> bool:
        """Whether the page has 8-bit colours: a picture for people, if the first page holds deep counts."""
        return self.photometric in (RGB, PALETTE, YCBCR) and self.bits == 8

    @property
    def allocated(self) -> tuple[int, int]:
        """Width and height that decoding allocates: a tile may be larger than its frame."""
        return max(self.width, self.segment_width), max(self.height, self.segment_height)

    def refuse(self) -> UnreadableCountsError:
        """The error for samples of this kind."""
        directory = self.directory
        return UnreadableCountsError(
            f"TIFF samples of this kind are not supported: {self.samples} x {self.bits} bits per pixel, "
            f"{FORMATS.get(self.form, 'of unknown format')}, "
            f"{PHOTOMETRICS.get(self.photometric, f'photometric interpretation {self.photometric}')}, "
            f"{'big' if directory.order == '>' else 'little'}-endian"
            f"{', bits reversed' if self.is_reversed else ''}; "
            "save it as gray of uint8, uint16 or float32, black is zero, little-endian"
        )


def read_page(directory: Directory, is_alone: bool) -> Page:
    """The page of a directory.

    Args:
        directory: its tags.
        is_alone: whether it is the only page of its file, so that its description may name a stack.

    Raises:
        UnreadableCountsError: the tags contradict each other, or the page cannot be read by this code.
    """
    number = directory.number
    width, height = number(tags.IMAGE_WIDTH, 0), number(tags.IMAGE_LENGTH, 0)
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise UnreadableCountsError(f"the TIFF data is damaged: a page of {width}x{height} pixels")
    samples = number(tags.SAMPLES_PER_PIXEL, 1)
    is_tiled = directory.count(tags.TILE_OFFSETS) > 0
    if is_tiled:
        across, down = number(tags.TILE_WIDTH, 0), number(tags.TILE_LENGTH, 0)
    else:
        across, down = width, min(number(tags.ROWS_PER_STRIP, height) or height, height)
    if not (0 < across <= LONGEST_SIDE and 0 < down <= LONGEST_SIDE):
        raise UnreadableCountsError(f"the TIFF data is damaged: tiles of {across}x{down} pixels")
    if is_tiled and across * down < min(SMALLEST_TILE, width * height):
        raise UnreadableCountsError(f"the TIFF has tiles of {across}x{down} pixels; save it with larger tiles")
    depth = max(1, number(tags.IMAGE_DEPTH, 1))
    separate = number(tags.PLANES, 1) == SEPARATE and samples > 1
    return Page(
        directory=directory,
        width=width,
        height=height,
        frames=max(depth, _stacked(directory, width, height, samples) if is_alone else 1),
        bits=_uniform(directory, tags.BITS_PER_SAMPLE, 1, samples),
        samples=samples,
        form=_uniform(directory, tags.SAMPLE_FORMAT, UNSIGNED, samples),
        photometric=number(tags.PHOTOMETRIC, BLACK_IS_ZERO),
        compression=number(tags.COMPRESSION, NONE),
        predictor=number(tags.PREDICTOR, 1),
        is_tiled=is_tiled,
        is_separate=separate,
        is_reversed=number(tags.FILL_ORDER, 1) == 2,
        segment_width=across,
        segment_height=down,
        segments=math.ceil(width / across) * math.ceil(height / down) * (samples if separate else 1),
        fill=_nodata(directory),
    )


def check_page(page: Page) -> None:
    """Refuse a page whose samples or compression cannot be read.

    Raises:
        UnreadableCountsError: as described.
    """
    if page.compression not in COMPRESSIONS:
        raise UnreadableCountsError(f"TIFF compression {page.compression} is not supported; save it with deflate")
    gray = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) and page.samples in (1, 2)
    colour = page.photometric in (RGB, YCBCR) and page.samples in (3, 4) and page.bits in (8, 16)
    palette = page.photometric == PALETTE and page.samples in (1, 2) and page.bits <= 8
    integer = page.form in (UNSIGNED, UNTYPED) or (page.form == SIGNED and gray and page.bits in (8, 16, 32, 64))
    floats = page.form == FLOAT and gray and page.bits in (16, 24, 32, 64)
    packed = 1 <= page.bits <= 32 or page.bits == 64
    if not (gray or colour or palette) or not ((integer and packed) or floats):
        raise page.refuse()
    if page.photometric == YCBCR and page.compression != JPEG:
        raise page.refuse()
    if page.photometric == WHITE_IS_ZERO and floats:
        raise UnreadableCountsError(
            "a TIFF of float samples cannot be white-is-zero; save it with black as zero (BlackIsZero)"
        )
    if page.photometric == WHITE_IS_ZERO and page.form == SIGNED:
        raise page.refuse()
    if page.directory.number(tags.TILE_DEPTH, 1) > 1:
        raise UnreadableCountsError("a TIFF of three-dimensional tiles is not supported; save a page for each frame")


def _uniform(directory: Directory, tag: int, otherwise: int, samples: int) -> int:
    """The value that all samples share.

    Raises:
        UnreadableCountsError: they differ.
    """
    values = set(directory.numbers(tag, min(max(samples, 1), 8)))
    if len(values) > 1:
        what = "bits" if tag == tags.BITS_PER_SAMPLE else "sample formats"
        raise UnreadableCountsError(f"the samples of a TIFF pixel have different {what}: {sorted(values)}")
    return values.pop() if values else otherwise


def _nodata(directory: Directory) -> float | None:
    text = directory.content(tags.GDAL_NODATA, NODATA_BYTES).partition(b"\0")[0].strip()
    try:
        fill = float(text.replace(b",", b"."))
    except ValueError:
        return None
    return fill if math.isfinite(fill) else None


def _stacked(directory: Directory, width: int, height: int, samples: int) -> int:
    """The number of frames that the description of the only page names: ImageJ's, or the shape of tifffile's."""
    text = directory.content(tags.DESCRIPTION, DESCRIPTION_BYTES).partition(b"\0")[0]
    if text.startswith(b"ImageJ="):
        images = IMAGEJ_IMAGES.search(text)
        return max(1, int(images[1])) if images else 1
    if not text.startswith(b'{"shape"'):
        return 1
    try:
        shape = json.loads(text)["shape"]
        pixels = math.prod(shape) if len(shape) <= 8 and all(0 < side < 2**31 for side in shape) else 0
    except (ValueError, TypeError, KeyError, RecursionError):
        return 1
    frames, rest = divmod(pixels, width * height * max(1, samples))
    return frames if frames and not rest else 1
