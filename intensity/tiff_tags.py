"""Numbers of the TIFF 6.0 tags that decoding reads."""

from typing import Final

IMAGE_WIDTH: Final = 256
IMAGE_LENGTH: Final = 257
BITS_PER_SAMPLE: Final = 258
PHOTOMETRIC: Final = 262
FILL_ORDER: Final = 266
SAMPLES_PER_PIXEL: Final = 277
PLANES: Final = 284  # PlanarConfiguration
TILE_WIDTH: Final = 322
TILE_LENGTH: Final = 323
EXTRA_SAMPLES: Final = 338
SAMPLE_FORMAT: Final = 339
