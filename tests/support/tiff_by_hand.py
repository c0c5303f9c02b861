"""Files that no library writes: damaged, hostile, or of a kind that Pillow cannot save."""

import struct
import zlib
from collections.abc import Callable, Mapping

SHORT, LONG = 3, 4  # TIFF field types
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES = 273, 274, 277, 278, 279
PLANES, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_AT, TILE_BYTES, EXTRA, FORMAT = 284, 317, 322, 323, 324, 325, 338, 339
DEFLATE, PACKBITS = 8, 32773  # of COMPRESSION
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # of FORMAT


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, before: bytes = b"", between: bytes = b""
) -> bytes:
    """PNG of filtered ``rows``; chunks may stand before the header and between it and the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + before + header + between + pixels


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(
    data: bytes,
    fields: Mapping[int, int | tuple[int, int]],
    *,
    order: str = "<",
    next_page: Callable[[int], int] = lambda directory_at: 0,
) -> bytes:
    """One page of ``data`` at offset 8; ``next_page`` makes the offset of the next from that of its directory."""
    data += b"\0" * (len(data) % 2)
    at = 8 + len(data)
    directory = struct.pack(order + "H", len(fields))
    for tag, value in sorted(fields.items()):
        if isinstance(value, tuple):
            directory += struct.pack(order + "HHIHH", tag, SHORT, 2, *value)
        else:
            directory += struct.pack(order + "HHII", tag, LONG, 1, value)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", at) + data + directory + struct.pack(order + "I", next_page(at))


def gray(width: int, height: int, bits: int, size: int) -> dict[int, int]:
    """Fields of one uncompressed strip."""
    return {
        WIDTH: width, LENGTH: height, BITS: bits, COMPRESSION: 1, PHOTOMETRIC: 1, STRIP: 8, SAMPLES: 1, ROWS: height,
        STRIP_BYTES: size,
    }  # fmt: skip
