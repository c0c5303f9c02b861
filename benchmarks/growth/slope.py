"""How a cost grows: the exponent of the power of a step that fits it best."""

from collections.abc import Sequence
from typing import Final

import numpy as np

LAST: Final = 2  # steps: there the fixed cost weighs least


def slope(steps: Sequence[float], costs: Sequence[float]) -> float:
    """The least-squares slope of log(cost) over log(step): 0 is no growth, 1 is linear, 2 is quadratic."""
    return float(np.polyfit(np.log(steps), np.log(costs), 1)[0])


def last_slope(steps: Sequence[float], costs: Sequence[float]) -> float:
    """The same over the largest steps only."""
    return slope(steps[-LAST:], costs[-LAST:])
