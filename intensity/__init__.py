"""Maps the counts of any sensor to the 8-bit intensity scale that the network reads.

Training and serving share this package, so both map a frame by the same rule. Training then rounds intensities to whole
levels to save memory; the service does not round.
"""

from intensity.scale import FULL_SCALE, Range, auto_range, to_intensity, without_invalid

__all__ = ["FULL_SCALE", "Range", "auto_range", "to_intensity", "without_invalid"]
