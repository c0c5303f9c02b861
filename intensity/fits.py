"""FITS (standard 4.0) -> counts, scaled by astropy, which the extra ``fits`` installs.

astropy never sees the file. Sizes and offsets are read and checked here, and astropy gets a file of one unit with the
keywords that describe its counts. Rows stay in the order of the file: programs that show FITS put the first one at the
bottom.
"""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import Counts, StoredPage, UnreadableCountsError, make_counts, without_fill

MAGIC: Final = b"SIMPLE  ="
EXTENSION: Final = b"XTENSION="
BLOCK, CARD = 2_880, 80  # bytes
MAX_CARDS: Final = 36_000  # of a header
MAX_AXES: Final = 8
MAX_OTHER_UNITS: Final = 1_024  # tables, errors and masks
NUMBER: Final = re.compile(r"[+-]?\d{1,19}")
WANTED: Final = frozenset(
    ("BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO", "BLANK", "XTENSION", "EXTNAME", "ZIMAGE")
) | {f"NAXIS{axis}" for axis in range(1, MAX_AXES + 1)}
BITS: Final = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}  # values of BITPIX
NO_FRAMES: Final = frozenset(("ERR", "ERROR", "DQ", "VAR", "IVAR", "MASK", "BPM", "WHT", "WEIGHT", "UNCERT"))  # EXTNAME


class MissingAstropyError(UnreadableCountsError):
    """astropy is not installed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A header, and where its data lies.

    Attributes:
        values: the wanted keywords, as they are written; those that are missing are empty.
        axes: ``NAXIS1`` (width), ``NAXIS2`` (height), and the others.
        data: start and end of the data in the file.
    """

    values: dict[str, str]
    axes: tuple[int, ...]
    data: tuple[int, int]

    @property
    def is_image(self) -> bool:
        """Whether the unit holds an image of at least two axes, and not what belongs to one: errors, weights, masks."""
        named = _text(self.values.get("EXTNAME", "")) in NO_FRAMES
        return _text(self.values.get("XTENSION", "'IMAGE'")) == "IMAGE" and len(self.axes) > 1 and not named

    @property
    def is_compressed(self) -> bool:
        """Whether the unit is a table that holds a compressed image."""
        return self.values.get("ZIMAGE") == "T"


def read_fits(body: bytes) -> Iterator[StoredPage | UnreadableCountsError]:
    """The images of a file, unit by unit; the fault of a unit takes its place.

    Raises:
        UnreadableCountsError: astropy is missing, not even the first header can be read, or no unit is an image.
    """
    _require_astropy()
    found = others = 0
    for index, unit in enumerate(_units(body)):
        if isinstance(unit, UnreadableCountsError):
            if not index:
                raise unit
            yield unit
        elif unit.is_compressed:
            yield UnreadableCountsError("the FITS image is compressed; unpack it, for example with funpack")
        elif unit.is_image and 0 not in unit.axes:
            width, height, *more = unit.axes
            yield StoredPage(index, math.prod(more), width, height, partial(_read, body, unit))
        else:
            others += 1
            if others > MAX_OTHER_UNITS:
                raise UnreadableCountsError(f"the FITS file has more than {MAX_OTHER_UNITS} units without an image")
            continue
        found += 1
    if not found:
        raise UnreadableCountsError("no unit of the FITS file is an image of two or more axes")


def _require_astropy() -> None:
    try:
        import astropy.io.fits
    except ImportError:
        raise MissingAstropyError(
            "reading FITS needs the extra fits: pip install 'rrcanet-serve[fits]'; or send TIFF or .npy"
        ) from None
    astropy.log.setLevel("CRITICAL")  # damaged files must not write to the log of the service


def _units(body: bytes) -> Iterator[Unit | UnreadableCountsError]:
    """The units in their order; last the fault of the one behind which nothing can be found."""
    at = 0
    while at == 0 or body.startswith(EXTENSION, at):
        try:
            unit = _unit(body, at)
        except UnreadableCountsError as fault:
            yield fault
            return
        yield unit
        at = -(-unit.data[1] // BLOCK) * BLOCK


def _unit(body: bytes, at: int) -> Unit:
    values, start = _header(body, at)
    bits, number = _integer(values, "BITPIX"), _integer(values, "NAXIS")
    if bits not in BITS or not 0 <= number <= MAX_AXES or values.get("GROUPS") == "T":
        raise UnreadableCountsError(f"the FITS data cannot be read: BITPIX {bits}, NAXIS {number}, or groups")
    axes = tuple(_integer(values, f"NAXIS{axis}") for axis in range(1, number + 1))
    parameters, groups = _integer(values, "PCOUNT", 0), _integer(values, "GCOUNT", 1)
    is_image = values.get("XTENSION", "'IMAGE'").startswith("'IMAGE")
    if min((parameters, groups, *axes)) < 0 or (is_image and (parameters, groups) != (0, 1)):
        raise UnreadableCountsError("the FITS data is damaged: PCOUNT, GCOUNT or an axis")
    size = abs(bits) // 8 * groups * (parameters + math.prod(axes)) if axes else 0
    if start + size > len(body):
        raise UnreadableCountsError(f"the FITS data is truncated: {size} bytes are needed")
    return Unit(values, axes, (start, start + size))


def _header(body: bytes, at: int) -> tuple[dict[str, str], int]:
    """The wanted keywords, each as it comes first, and where the data begins."""
    values: dict[str, str] = {}
    for place in range(at, min(len(body), at + MAX_CARDS * CARD), CARD):
        key = body[place : place + 8]
        if key == b"END     ":
            return values, at + -(-(place + CARD - at) // BLOCK) * BLOCK
        name = key.rstrip().decode("latin-1")
        if name in WANTED and name not in values and body[place + 8 : place + 9] == b"=":
            text = body[place + 9 : place + CARD].decode("latin-1")
            values[name] = text.strip() if "'" in text else text.partition("/")[0].strip()
    raise UnreadableCountsError(f"the FITS file cannot be read: a header has no end within {MAX_CARDS} keywords")


def _integer(values: dict[str, str], name: str, otherwise: int | None = None) -> int:
    if name not in values and otherwise is not None:
        return otherwise
    text = values.get(name, "")
    if NUMBER.fullmatch(text) is None:
        raise UnreadableCountsError(f"the FITS data is damaged: {name} is no whole number")
    return int(text)


def _real(values: dict[str, str], name: str, otherwise: float) -> float:
    try:
        number = float(values[name].upper().replace("D", "E")) if name in values else otherwise
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnreadableCountsError(f"the FITS data is damaged: {name} is no finite number")
    return number


def _text(value: str) -> str:
    """A text without its quotes."""
    return value.partition("'")[2].partition("'")[0].strip().upper()


def _read(body: bytes, unit: Unit) -> list[Counts]:
    width, height, *_ = unit.axes
    bits = _integer(unit.values, "BITPIX")
    scale, zero = _real(unit.values, "BSCALE", 1.0), _real(unit.values, "BZERO", 0.0)
    blank = _integer(unit.values, "BLANK") if "BLANK" in unit.values and bits > 0 else None
    if not scale:
        raise UnreadableCountsError("the FITS data is damaged: BSCALE is 0")
    try:
        samples = _scaled(body[slice(*unit.data)], unit.axes, bits, scale, zero, blank)
    except Exception as error:  # hostile bytes may raise any exception
        raise UnreadableCountsError(f"the FITS data is truncated or damaged: {error}") from error
    counts = make_counts(samples.reshape(-1, height, width))
    if blank is not None and samples.dtype.kind == "u":  # astropy leaves unsigned counts as they are
        counts = without_fill(counts, blank + zero)
    return [Counts(frame, samples.dtype.name) for frame in counts]


def _scaled(
    data: bytes, axes: tuple[int, ...], bits: int, scale: float, zero: float, blank: int | None
) -> NDArray[Any]:
    """The samples of an image as astropy scales them: ``BZERO + BSCALE * stored``; blank pixels of floats are NaN."""
    from astropy.io import fits

    cards = [("SIMPLE", "T"), ("BITPIX", str(bits)), ("NAXIS", str(len(axes)))]
    cards += [(f"NAXIS{number}", str(side)) for number, side in enumerate(axes, 1)]
    cards += [("BSCALE", _written(scale)), ("BZERO", _written(zero))]
    cards += [] if blank is None else [("BLANK", str(blank))]
    header = "".join(f"{f'{name:8}= {value:>20}':80}" for name, value in cards) + f"{'END':80}"
    content = _in_blocks(header.encode(), b" ") + _in_blocks(data, b"\0")
    with np.errstate(all="ignore"), fits.open(io.BytesIO(content), memmap=False) as units:
        samples: NDArray[Any] = units[0].data
        return samples


def _in_blocks(content: bytes, filling: bytes) -> bytes:
    return content.ljust(-(-len(content) // BLOCK) * BLOCK, filling)


def _written(number: float) -> str:
    """A number as it stands in a header; astropy recognises unsigned integers by a BZERO that is a whole number."""
    return str(int(number)) if number.is_integer() and abs(number) < 2**64 else repr(number).upper()
