"""Chooses the decoder of a body or a file, and applies what the caller says about its counts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from intensity import fits, jpeg, jpeg2000, png, tiff
from intensity.counts import UnreadableCountsError, without_fill
from intensity.images import READERS
from service.errors import Reason, ServiceError
from service.frames import npy, pages, radiometric
from service.frames.frame import Budget, Frame, make_frame, read_stored, undecodable
from service.frames.raw import MEDIA_TYPE as RAW_TYPE
from service.frames.raw import RawLayout, RawType, read_raw

IMAGES: Final = ("image/png", "image/jpeg", "image/bmp", "image/jp2", "image/x-portable-graymap")
ACCEPTED: Final = (*IMAGES, *pages.MEDIA_TYPES, npy.MEDIA_TYPE, RAW_TYPE)
# raw rows may begin with the few bytes of BMP, PGM and JPEG
UNMISTAKABLE: Final = (npy.MAGIC, *tiff.MAGICS, *jpeg2000.MAGICS, png.SIGNATURE, fits.MAGIC)
FORMATS: Final = "PNG, TIFF, JPEG, BMP, JPEG 2000, PGM, FITS and NumPy's .npy"
RAW_COUNTS_UNREAD: Final = (
    "the file carries raw counts, but its 8-bit picture was read; send radiometric=true for the raw counts of FLIR, or "
    "extract them first"
)
SMOOTHER: Final = 16.0  # swapped counts must differ less from their neighbours by this factor
FEW_ROWS, FEW_COLUMNS = 12, 160  # about how many are looked at for swapped bytes
FEW_NEIGHBOURS: Final = 12
ROUGH: Final = 256.0  # counts; neighbours in a frame of swapped bytes differ by more
BORDER_SHARE: Final = 1e-3  # of the pixels
SWAPPED: Final = (
    "the frame would be much smoother if the two bytes of each count were swapped; if the camera swaps them, send "
    "byteswap=true"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How counts are read, with the names of the query parameters.

    Attributes:
        fill: a count that means no data; such pixels are left out as NaN is.
        byteswap: the two bytes of each count are swapped in the file.
        radiometric: of a radiometric JPEG, the raw counts and not the picture are read.
    """

    fill: float | None = None
    byteswap: bool = False
    radiometric: bool = False


AS_STORED: Final = Reading()
T = TypeVar("T")


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
            finished.append(_finish_frame(frame, reading) if isinstance(frame, Frame) else frame)
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
        return pages.read_pages(tiff.read_tiff(body), budget, name)
    if body.startswith(fits.MAGIC):
        return pages.read_pages(fits.read_fits(body), budget, name)
    if body.startswith(jpeg.MAGIC):
        return _read_jpeg(body, budget, name, reading)
    for magics, open_header in READERS:
        if body.startswith(magics):
            return read_stored(_opened(open_header, body), budget, name)
    return None


def _opened(open_header: Callable[[bytes], T], body: bytes) -> T:
    """What can be read of a file before its pixels are decoded.

    Raises:
        ServiceError: ``undecodable_frame``.
    """
    try:
        return open_header(body)
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error


def _read_jpeg(body: bytes, budget: Budget, name: str | None, reading: Reading) -> list[Frame | ServiceError]:
    """The picture of a JPEG, or the raw counts that it carries."""
    parts = _opened(jpeg.split_jpeg, body)
    if reading.radiometric:
        found = radiometric.read_raw_counts(body, parts)
        return [_with_temperatures(one, found) for one in _read_raw_counts(found, budget, name)]
    frames = read_stored(jpeg.open_parts(parts), budget, name)
    if not radiometric.has_raw_counts(body, parts):
        return frames
    return [replace(one, warnings=(RAW_COUNTS_UNREAD,)) if isinstance(one, Frame) else one for one in frames]


def _read_raw_counts(
    found: radiometric.RawCounts | None, budget: Budget, name: str | None
) -> list[Frame | ServiceError]:
    if found is None:
        raise undecodable("radiometric=true: the JPEG carries no raw counts of a FLIR camera that can be read")
    if not found.is_image:
        kind = RawType.U16LE if found.order == "<" else RawType.U16BE
        return read_raw(found.content, RawLayout(found.width, found.height, kind), budget, name)
    frames = _read_by_magic(found.content, budget, name, AS_STORED)
    is_png = found.content.startswith(png.SIGNATURE)  # the cameras store its counts with the low byte first
    swapped = [
        replace(one, counts=one.counts.byteswap())
        if is_png and isinstance(one, Frame) and one.dtype == "uint16"
        else one
        for one in frames or ()
    ]
    return swapped or [undecodable("radiometric=true: the raw counts of the JPEG cannot be read")]


def _with_temperatures(frame: Frame | ServiceError, found: radiometric.RawCounts | None) -> Frame | ServiceError:
    """The frame with what its file says about temperatures, or with a warning that it says nothing."""
    if isinstance(frame, ServiceError) or found is None:
        return frame
    try:
        return replace(frame, celsius=radiometric.read_celsius(found.camera))
    except radiometric.UnknownTemperaturesError as fault:
        return replace(frame, warnings=(*frame.warnings, str(fault)))


def _unknown(media_type: str | None) -> ServiceError:
    """The error for a body that begins like no known format; it depends on the declared media type."""
    if media_type == RAW_TYPE:
        needed = f"width, height and dtype ({', '.join(RawType)})"
        return undecodable(f"{RAW_TYPE}: raw rows need {needed} in the query; or send a file: {FORMATS}")
    if media_type in ACCEPTED:
        return undecodable(f"the body is neither {media_type} nor another supported format: {FORMATS}")
    declared = f"media type {media_type} is not supported" if media_type else "the body has no media type"
    return ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"{declared}; send one of: {', '.join(ACCEPTED)}")


def _finish_frame(frame: Frame, reading: Reading) -> Frame:
    """Apply ``reading`` to a decoded frame, and add what a person should know about it.

    Raises:
        ServiceError: ``bad_parameter``; the bytes of its counts cannot be swapped. Or ``undecodable_frame``; no pixel
            is left.
    """
    counts = frame.counts
    warnings = list(frame.warnings)
    if reading.byteswap:
        if counts.dtype != np.uint16 or frame.dtype != "uint16":
            detail = f"byteswap=true needs unsigned counts of 16 bits, but this frame is {frame.dtype}"
            raise ServiceError(Reason.BAD_PARAMETER, detail)
        counts = counts.byteswap()
    elif counts.dtype == np.uint16 and _is_smoother_swapped(counts):
        warnings.append(SWAPPED)
    if reading.fill is not None:
        counts = without_fill(counts, reading.fill)
    elif (border := _dead_border(counts)) is not None:
        warnings.append(border)
    if counts is not frame.counts:
        finished = make_frame(counts, frame.dtype, frame.name, frame.page, tuple(warnings))
        return replace(finished, celsius=frame.celsius) if frame.celsius else finished
    return replace(frame, warnings=tuple(warnings)) if warnings else frame


def _is_smoother_swapped(counts: NDArray[Any]) -> bool:
    """Whether neighbours differ far less once the bytes are swapped. Counts whose low byte is empty do not count."""
    if not any(max(some) - min(some) >= ROUGH for some in _few_neighbours(counts)):
        return False  # most frames, at a tenth of the cost of what follows
    some = counts[:: max(1, len(counts) // FEW_ROWS), :FEW_COLUMNS]
    if some.shape[1] < 2 or (as_stored := _roughness(some)) < ROUGH:
        return False
    if not (some & 0xFF).any():
        return False
    return as_stored > SMOOTHER * _roughness(some.byteswap())


def _few_neighbours(counts: NDArray[Any]) -> Iterator[list[int]]:
    """The first counts of some rows."""
    for share in (1, 2, 3):
        yield counts[len(counts) * share // 4, :FEW_NEIGHBOURS].tolist()


def _roughness(counts: NDArray[Any]) -> float:
    """The median difference of neighbours in a row."""
    signed = counts.astype(np.int32)
    differences = np.abs(signed[:, 1:] - signed[:, :-1]).ravel()
    differences.partition(differences.size // 2)
    return float(differences[differences.size // 2]) + 0.5


def _dead_border(counts: NDArray[np.generic]) -> str | None:
    """The warning about rows or columns at the edge that hold nothing but the lowest or the highest count."""
    height, width = counts.shape
    edges = (counts[0], counts[-1], counts[:, 0], counts[:, -1])
    values = {edge[0].item() for edge in edges if edge.size > 1 and _is_constant(edge)}
    if not values:
        return None
    low, high = counts.min().item(), counts.max().item()
    for value in values & {low, high}:
        if low == high:
            return None
        dead = counts == value
        rows, columns = (_edge_lines(dead.all(axis=axis)) for axis in (1, 0))
        pixels = rows * width + columns * height - rows * columns
        if pixels >= max(BORDER_SHARE * counts.size, 1):
            which = "lowest" if value == low else "highest"
            return (
                f"a border of {pixels} pixels has the single count {value:g}, the {which} of the frame; "
                f"if the sensor has no data there, send fill={value:g}"
            )
    return None


def _is_constant(line: NDArray[np.generic]) -> bool:
    """Whether all counts are equal. Most lines are not, which two of their counts show."""
    return line.item(0) == line.item(line.size // 2) and bool((line == line[0]).all())


def _edge_lines(is_dead: NDArray[np.bool_]) -> int:
    """How many lines at the two ends are dead."""
    alive = np.flatnonzero(~is_dead)
    return len(is_dead) if not alive.size else int(alive[0] + len(is_dead) - 1 - alive[-1])
