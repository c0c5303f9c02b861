"""What a caller says about the counts of its frames, and what the service notices about them."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import without_fill
from service.errors import Reason, ServiceError
from service.frames.frame import Frame, make_frame

SMOOTHER: Final = 16.0  # swapped counts must differ less from their neighbours by this factor
FEW_ROWS, FEW_COLUMNS = 12, 160  # about how many are looked at for swapped bytes
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


def finish_frame(frame: Frame, reading: Reading) -> Frame:
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
        return make_frame(counts, frame.dtype, frame.name, frame.page, tuple(warnings))
    return replace(frame, warnings=tuple(warnings)) if warnings else frame


def _is_smoother_swapped(counts: NDArray[Any]) -> bool:
    """Whether neighbours differ far less once the bytes are swapped. Counts whose low byte is empty do not count."""
    some = counts[:: max(1, len(counts) // FEW_ROWS), :FEW_COLUMNS]
    if some.shape[1] < 2 or (as_stored := _roughness(some)) < ROUGH:
        return False
    if not (some & 0xFF).any():
        return False
    return as_stored > SMOOTHER * _roughness(some.byteswap())


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
    values = {edge[0].item() for edge in edges if edge.size > 1 and (edge == edge[0]).all()}
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


def _edge_lines(is_dead: NDArray[np.bool_]) -> int:
    """How many lines at the two ends are dead."""
    alive = np.flatnonzero(~is_dead)
    return len(is_dead) if not alive.size else int(alive[0] + len(is_dead) - 1 - alive[-1])
