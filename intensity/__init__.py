"""What both worlds know of frames: counts of any sensor, and the 8-bit intensity scale that the network reads.

Training maps frames by the rule of the service, then rounds to whole levels to save memory; the service does not.
"""

from intensity.scale import FULL_SCALE, Range, auto_range, to_intensity, without_invalid

__all__ = ["FULL_SCALE", "Range", "auto_range", "to_intensity", "without_invalid"]
