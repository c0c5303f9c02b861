"""Numbers of the TIFF tags that decoding reads (TIFF 6.0; GDAL_NODATA is a tag of GDAL, the depths are of SGI)."""

from typing import Final

NEW_SUBFILE_TYPE: Final = 254
SUBFILE_TYPE: Final = 255
IMAGE_WIDTH: Final = 256
IMAGE_LENGTH: Final = 257
BITS_PER_SAMPLE: Final = 258
COMPRESSION: Final = 259
PHOTOMETRIC: Final = 262
FILL_ORDER: Final = 266
DESCRIPTION: Final = 270
STRIP_OFFSETS: Final = 273
SAMPLES_PER_PIXEL: Final = 277
ROWS_PER_STRIP: Final = 278
STRIP_BYTE_COUNTS: Final = 279
PLANES: Final = 284  # PlanarConfiguration
T4_OPTIONS: Final = 292
PREDICTOR: Final = 317
COLOR_MAP: Final = 320
TILE_WIDTH: Final = 322
TILE_LENGTH: Final = 323
TILE_OFFSETS: Final = 324
TILE_BYTE_COUNTS: Final = 325
EXTRA_SAMPLES: Final = 338
SAMPLE_FORMAT: Final = 339
JPEG_TABLES: Final = 347
SUBSAMPLING: Final = 530  # YCbCrSubSampling
IMAGE_DEPTH: Final = 32997
TILE_DEPTH: Final = 32998
GDAL_NODATA: Final = 42113
LERC_PARAMETERS: Final = 50674

WANTED: Final = frozenset(value for value in tuple(globals().values()) if isinstance(value, int))
