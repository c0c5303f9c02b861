"""Counts of any sensor -> the 8-bit intensity scale that the network reads.

Training and serving must map a frame to the same intensities.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FULL_SCALE: Final = 255.0
TAIL: Final = 1e-3  # share of pixels at either end that may be hot, dead or a target
SAMPLE: Final = 4_096  # size of the sample that locates the ends of the bulk
SPARE: Final = 8  # counts sorted for each count that is skipped
FENCE: Final = 2.0  # counts up to so many spans of the bulk beyond its ends still map linearly


class Range(NamedTuple):
    """Counts that map to intensity 0 and 255."""

    low: float
    high: float


def without_invalid(counts: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Replace NaN and infinity by the median of the valid counts, which looks like background and widens no range.

    Args:
        counts: any shape.
        valid: the same shape; True where a pixel is a finite number. At least one must be.
    """
    if valid.all():
        return counts
    median = np.median(counts[valid].astype(np.float64))  # in float32 the mean of two large counts could overflow
    return np.where(valid, counts, median.astype(counts.dtype))


def auto_range(counts: NDArray[np.generic]) -> Range:
    """Minimum and maximum, but never farther out than a fence around the bulk of the pixels.

    The rule follows Tukey's fences. The bulk lies between two order statistics, which leave out ``TAIL`` of the pixels
    (at least one) at either end. The fence lies ``FENCE`` spans of the bulk beyond it. So a small bright target keeps
    its contrast, and one hot pixel cannot press the scene into a few levels. The rule commutes with
    ``a * counts + b``: a frame stored in 8, 14 or 16 bits gives the same intensities.

    Args:
        counts: any shape, integer or float; NaN and infinity are ignored.

    Returns:
        ``low <= high``; they are equal for a constant frame.

    Raises:
        ValueError: no pixel is a finite number.
    """
    values = counts.ravel()
    if np.issubdtype(values.dtype, np.floating):
        values = values[np.isfinite(values)]
    if values.size == 0:
        raise ValueError("no finite pixel")
    last = values.size - 1
    minimum, maximum = float(values.min()), float(values.max())
    bulk_low, bulk_high = _ends_of_bulk(values, min(max(1, int(TAIL * values.size)), last // 2))
    reach = FENCE * (bulk_high - bulk_low) or _reach_of_sparse_frame(values, bulk_low)
    return Range(max(minimum, bulk_low - reach), min(maximum, bulk_high + reach))


def to_intensity(counts: NDArray[np.generic], span: Range) -> NDArray[np.float32]:
    """Map ``span`` linearly to 0..255 and clip the counts outside it.

    Args:
        counts: any shape. NaN becomes 0.
        span: an empty span (constant frame) gives zeros.
    """
    if span.high <= span.low:
        return np.zeros(counts.shape, np.float32)
    gain = FULL_SCALE / (span.high - span.low)
    # float64 only where float32 would lose counts
    scaled = np.subtract(counts, span.low, dtype=_working_type(counts.dtype))
    scaled *= gain
    np.clip(scaled, 0.0, FULL_SCALE, out=scaled)
    scaled[np.isnan(scaled)] = 0.0
    intensities: NDArray[np.float32] = scaled.astype(np.float32, copy=False)
    return intensities


def _ends_of_bulk(values: NDArray[Any], skipped: int) -> tuple[float, float]:
    """The order statistics at ``skipped`` from either end of ``values [N]``.

    A small sample says which few counts are surely beyond them, with some to spare. So only these few are sorted. If
    they are too few after all, every count is.
    """
    if values.size < 2 * SAMPLE:
        ordered = np.partition(values, (skipped, values.size - 1 - skipped))
        return float(ordered[skipped]), float(ordered[-1 - skipped])
    sample = np.sort(values[:: values.size // SAMPLE | 1])  # odd, or it would keep to a few columns of the frame
    at = SPARE * skipped * sample.size // values.size + SPARE
    few_low, few_high = values[values <= sample[at]], values[values >= sample[-1 - at]]
    lows = few_low if few_low.size > skipped else values
    highs = few_high if few_high.size > skipped else values
    from_start = highs.size - 1 - skipped
    return float(np.partition(lows, skipped)[skipped]), float(np.partition(highs, from_start)[from_start])


def _reach_of_sparse_frame(values: NDArray[np.generic], background: float) -> float:
    """The reach where nearly all pixels are equal (a simulated star field): the few others set the scale."""
    deviations = np.abs(values[values != background].astype(np.float64) - background)
    return 4.0 * float(np.median(deviations)) if deviations.size else 0.0


def _working_type(dtype: np.dtype[np.generic]) -> type[np.floating]:
    return np.float32 if dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) else np.float64
