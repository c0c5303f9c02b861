"""Chooses the decoder of a body or a file."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from service.errors import Reason, ServiceError
from service.frames import camera_images, npy, radiometric, raster, tiff
from service.frames.frame import Budget, Frame, undecodable
from service.frames.raw import MEDIA_TYPE as RAW_TYPE
from service.frames.raw import RawLayout, RawType, read_raw
from service.frames.reading import AS_STORED, Reading, finish_frame

ACCEPTED: Final = (
    "image/png",
    tiff.MEDIA_TYPE,
    "image/jpeg",
    "image/bmp",
    camera_images.JPEG2000_TYPE,
    camera_images.PGM_TYPE,
    npy.MEDIA_TYPE,
    RAW_TYPE,
)
# raw rows may begin with the few bytes of BMP, PGM and JPEG
UNMISTAKABLE: Final = (npy.MAGIC, *tiff.MAGICS, *camera_images.JPEG2000_MAGICS, *raster.MAGICS["PNG"])
JPEG: Final = raster.MAGICS["JPEG"]
FORMATS: Final = "PNG, TIFF, JPEG, BMP, JPEG 2000, PGM and NumPy's .npy"
Read = Callable[[bytes, Budget, str | None], list[Frame | ServiceError]]
OTHERS: Final[tuple[tuple[tuple[bytes, ...], Read], ...]] = (
    (raster.MAGICS["PNG"], partial(raster.read_raster, "PNG")),
    (raster.MAGICS["BMP"], partial(raster.read_raster, "BMP")),
    (camera_images.JPEG2000_MAGICS, camera_images.read_jpeg2000),
    ((camera_images.PGM_MAGIC,), camera_images.read_pgm),
)
RAW_COUNTS_UNREAD: Final = (
    "the file carries raw counts, but its 8-bit picture was read; send radiometric=true for the raw counts of FLIR, or "
    "extract them first"
)


def decode(
    body: bytes,
    media_type: str | None,
    budget: Budget,
    *,
    name: str | None = None,
    raw: RawLayout | None = None,
    reading: Reading = AS_STORED,
) -> list[Frame | ServiceError]:
    """Read every frame of a body.

    Args:
        body: a file, or raw rows. It is read as raw rows if ``raw`` is given and it begins like no known file format.
        media_type: as declared; it only decides which error an unknown body gets.
        budget: the limits of the whole request.
        name: the name of every frame.
        raw: the layout of raw rows.
        reading: how counts are read.

    Returns:
        One entry for each frame, in order. The error of an unreadable page takes that page's place.

    Raises:
        ServiceError: a limit, which fails the request; ``unsupported_media_type``; or ``undecodable_frame`` if not even
            the number of frames is known.
    """
    if not body:
        raise undecodable("the body is empty")
    if raw is not None and not body.startswith(UNMISTAKABLE):
        return _finished(read_raw(body, raw, budget, name), reading)
    frames = _read_by_magic(body, budget, name, reading)
    if frames is None:
        raise _unknown(media_type)
    return _finished(frames, reading)


def decode_file(
    content: bytes,
    budget: Budget,
    name: str | None = None,
    *,
    raw: RawLayout | None = None,
    hint: str = "",
    reading: Reading = AS_STORED,
) -> list[Frame | ServiceError]:
    """Read every frame of a file on this machine, as ``decode`` does; a file has no declared media type.

    Args:
        content: the bytes of the file.
        budget: the limits of this file.
        name: the name of every frame.
        raw: the layout of raw rows.
        hint: appended to the error for a file of unknown format.
        reading: how counts are read.

    Raises:
        ServiceError: a limit, or ``undecodable_frame`` if not even the number of frames is known.
    """
    if not content:
        raise undecodable("the file is empty")
    if raw is not None and not content.startswith(UNMISTAKABLE):
        return _finished(read_raw(content, raw, budget, name), reading)
    frames = _read_by_magic(content, budget, name, reading)
    if frames is None:
        raise undecodable(f"the file is none of the supported formats: {FORMATS}{hint}")
    return _finished(frames, reading)


def _finished(frames: list[Frame | ServiceError], reading: Reading) -> list[Frame | ServiceError]:
    """The frames as the caller describes them; a frame of which no pixel is left becomes an error."""
    finished: list[Frame | ServiceError] = []
    for frame in frames:
        try:
            finished.append(finish_frame(frame, reading) if isinstance(frame, Frame) else frame)
        except ServiceError as fault:
            if fault.reason is not Reason.UNDECODABLE_FRAME:
                raise
            finished.append(fault)
    return finished


def _read_by_magic(
    body: bytes, budget: Budget, name: str | None, reading: Reading
) -> list[Frame | ServiceError] | None:
    """The frames of a body that begins like a known format; None for any other body."""
    if body.startswith(npy.MAGIC):
        return npy.read_npy(body, budget, name)
    if body.startswith(tiff.MAGICS):
        return tiff.read_tiff_frames(body, budget, name)
    if body.startswith(JPEG):
        return _read_jpeg(body, budget, name, reading)
    for magics, read in OTHERS:
        if body.startswith(magics):
            return read(body, budget, name)
    return None


def _read_jpeg(body: bytes, budget: Budget, name: str | None, reading: Reading) -> list[Frame | ServiceError]:
    """The picture of a JPEG, or the raw counts that it carries."""
    raster.refuse_costly(body, "JPEG")
    if reading.radiometric:
        return _read_raw_counts(body, budget, name)
    described = camera_images.is_deep_jpeg(body)
    if described is not None:
        return camera_images.read_deep_jpeg(body, described, budget, name)
    frames = raster.read_raster("JPEG", body, budget, name)
    if not radiometric.has_raw_counts(body):
        return frames
    return [replace(one, warnings=(RAW_COUNTS_UNREAD,)) if isinstance(one, Frame) else one for one in frames]


def _read_raw_counts(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    found = radiometric.read_raw_counts(body)
    if found is None:
        raise undecodable("radiometric=true: the JPEG carries no raw counts of a FLIR camera that can be read")
    if not found.is_image:
        kind = RawType.U16LE if found.order == "<" else RawType.U16BE
        return read_raw(found.content, RawLayout(found.width, found.height, kind), budget, name)
    frames = _read_by_magic(found.content, budget, name, AS_STORED)
    is_png = found.content.startswith(raster.MAGICS["PNG"])  # the cameras store its counts with the low byte first
    swapped = [
        replace(one, counts=one.counts.byteswap())
        if is_png and isinstance(one, Frame) and one.dtype == "uint16"
        else one
        for one in frames or ()
    ]
    return swapped or [undecodable("radiometric=true: the raw counts of the JPEG cannot be read")]


def _swapped(frame: Frame | ServiceError) -> Frame | ServiceError:
    """The frame with the two bytes of each count swapped."""
    is_deep = isinstance(frame, Frame) and frame.counts.dtype == np.uint16
    return replace(frame, counts=frame.counts.byteswap()) if isinstance(frame, Frame) and is_deep else frame


def _unknown(media_type: str | None) -> ServiceError:
    """The error for a body that begins like no known format; it depends on the declared media type."""
    if media_type == RAW_TYPE:
        needed = f"width, height and dtype ({', '.join(RawType)})"
        return undecodable(f"{RAW_TYPE}: raw rows need {needed} in the query; or send a file: {FORMATS}")
    if media_type in ACCEPTED:
        return undecodable(f"the body is neither {media_type} nor another supported format: {FORMATS}")
    declared = f"media type {media_type} is not supported" if media_type else "the body has no media type"
    return ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"{declared}; send one of: {', '.join(ACCEPTED)}")
