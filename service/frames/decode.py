"""Chooses the decoder of a body or a file."""

from typing import Final

from service.errors import Reason, ServiceError
from service.frames import npy, raster, tiff
from service.frames.frame import Budget, Frame, undecodable
from service.frames.raw import MEDIA_TYPE as RAW_TYPE
from service.frames.raw import RawLayout, RawType, read_raw

ACCEPTED: Final = ("image/png", tiff.MEDIA_TYPE, "image/jpeg", "image/bmp", npy.MEDIA_TYPE, RAW_TYPE)
MAGICS: Final = (npy.MAGIC, *tiff.MAGICS, *(magic for magics in raster.MAGICS.values() for magic in magics))
UNMISTAKABLE: Final = tuple(magic for magic in MAGICS if len(magic) >= 4)  # raw rows may begin with BMP's two bytes
FORMATS: Final = "PNG, TIFF, JPEG, BMP and NumPy's .npy"


def decode(
    body: bytes,
    media_type: str | None,
    budget: Budget,
    *,
    name: str | None = None,
    raw: RawLayout | None = None,
) -> list[Frame | ServiceError]:
    """Read every frame of a body.

    Args:
        body: a file, or raw rows. It is read as raw rows if ``raw`` is given and it begins like no known file format.
        media_type: as declared; it only decides which error an unknown body gets.
        budget: the limits of the whole request.
        name: the name of every frame.
        raw: the layout of raw rows.

    Returns:
        One entry for each frame, in order. The error of an unreadable page takes that page's place.

    Raises:
        ServiceError: a limit, which fails the request; ``unsupported_media_type``; or ``undecodable_frame`` if not even
            the number of frames is known.
    """
    if not body:
        raise undecodable("the body is empty")
    if raw is not None and not body.startswith(UNMISTAKABLE):
        return read_raw(body, raw, budget, name)
    frames = _read_by_magic(body, budget, name)
    if frames is None:
        raise _unknown(media_type)
    return frames


def decode_file(
    content: bytes, budget: Budget, name: str | None = None, *, raw: RawLayout | None = None, hint: str = ""
) -> list[Frame | ServiceError]:
    """Read every frame of a file on this machine, as ``decode`` does; a file has no declared media type.

    Args:
        content: the bytes of the file.
        budget: the limits of this file.
        name: the name of every frame.
        raw: the layout of raw rows.
        hint: appended to the error for a file of unknown format.

    Raises:
        ServiceError: a limit, or ``undecodable_frame`` if not even the number of frames is known.
    """
    if not content:
        raise undecodable("the file is empty")
    if raw is not None and not content.startswith(UNMISTAKABLE):
        return read_raw(content, raw, budget, name)
    frames = _read_by_magic(content, budget, name)
    if frames is None:
        raise undecodable(f"the file is none of the supported formats: {FORMATS}{hint}")
    return frames


def _read_by_magic(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError] | None:
    """The frames of a body that begins like a known format; None for any other body."""
    if body.startswith(npy.MAGIC):
        return npy.read_npy(body, budget, name)
    if body.startswith(tiff.MAGICS):
        return tiff.read_tiff_frames(body, budget, name)
    for format_name, magics in raster.MAGICS.items():
        if body.startswith(magics):
            return raster.read_raster(body, format_name, budget, name)
    return None


def _unknown(media_type: str | None) -> ServiceError:
    """The error for a body that begins like no known format; it depends on the declared media type."""
    if media_type == RAW_TYPE:
        needed = f"width, height and dtype ({', '.join(RawType)})"
        return undecodable(f"{RAW_TYPE}: raw rows need {needed} in the query; or send a file: {FORMATS}")
    if media_type in ACCEPTED:
        return undecodable(f"the body is neither {media_type} nor another supported format: {FORMATS}")
    declared = f"media type {media_type} is not supported" if media_type else "the body has no media type"
    return ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"{declared}; send one of: {', '.join(ACCEPTED)}")
