"""Decompresses request bodies: ``Content-Encoding: gzip`` or ``deflate``, never to more than the limit of a body."""

import io
import zlib
from collections.abc import Callable
from typing import Final

from service.errors import Reason, ServiceError

PLAIN: Final = ("", "identity")
ANY_HEADER: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, found by the first bytes
RAW_DEFLATE: Final = -zlib.MAX_WBITS
ENCODINGS: Final = ("gzip", "x-gzip", "deflate")
STEP: Final = 1 << 20  # bytes; after so many the caller is asked whether there is room for them
MOST_MEMBERS: Final = 64  # of a gzip file; each costs the start of a new decompressor


def check_encoding(encoding: str) -> None:
    """Refuse an encoding that ``inflate`` cannot decode, before the body is read.

    Raises:
        ServiceError: ``unsupported_media_type``.
    """
    if encoding.strip().lower() not in (*PLAIN, *ENCODINGS):
        raise ServiceError(
            Reason.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding {encoding[:64]!r} is not supported; send gzip, deflate, or the body uncompressed",
        )


def inflate(body: bytes, encoding: str, limit: int, hold: Callable[[int], object] = lambda _: None) -> bytes:
    """The body as it was before it was compressed.

    Args:
        body: as it arrived.
        encoding: the header ``Content-Encoding``; empty and ``identity`` leave the body as it is.
        limit: most bytes of the decompressed body. At most one byte more is ever decompressed.
        hold: called with the number of bytes that were decompressed, again and again; what it raises is raised.

    Raises:
        ServiceError: ``unsupported_media_type``; ``body_too_large``; or ``bad_parameter`` for a body that is damaged,
            incomplete, or followed by other bytes.
    """
    check_encoding(encoding)
    if encoding.strip().lower() in PLAIN:
        return body
    try:
        return _inflated(body, encoding.strip().lower(), limit, hold)
    except zlib.error as error:
        raise ServiceError(Reason.BAD_PARAMETER, f"the {encoding} body cannot be decompressed: {error}") from error


def _inflated(body: bytes, encoding: str, limit: int, hold: Callable[[int], object]) -> bytes:
    inflated = io.BytesIO()  # joining pieces would keep all other threads for as long as the copy takes
    size, rest = 0, body
    for _ in range(MOST_MEMBERS):
        decompressor = zlib.decompressobj(_window(rest, encoding))
        while not decompressor.eof:
            piece = decompressor.decompress(rest, min(limit + 1 - size, STEP))
            rest = decompressor.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise ServiceError(Reason.BODY_TOO_LARGE, f"the decompressed body is larger than {limit} bytes")
            if not (piece or rest or decompressor.eof):
                raise ServiceError(Reason.BAD_PARAMETER, f"the {encoding} body is not complete")
            hold(len(piece))
            inflated.write(piece)
        rest = decompressor.unused_data
        if not rest:
            return inflated.getvalue()
        if encoding == "deflate":
            break
    raise ServiceError(Reason.BAD_PARAMETER, f"the {encoding} body is followed by other bytes")


def _window(body: bytes, encoding: str) -> int:
    """``deflate`` means zlib's format (RFC 9110, section 8.4.1.2), but some clients send it without its header."""
    has_header = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return RAW_DEFLATE if encoding == "deflate" and not has_header else ANY_HEADER
