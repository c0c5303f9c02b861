"""What the engine does for a request, whichever API it came by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.detection.detector import Detection, Detector, Prepared
from service.detection.options import Options
from service.observability.timing import Timing

A = TypeVar("A", covariant=True)
Tensor = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Order:
    """What a request wants; ``deadline`` is time.monotonic's."""

    detector: Detector
    options: Options
    deadline: float


class Work(Protocol[A]):
    """A request whose frames were read. Its methods run off the event loop."""

    @property
    def order(self) -> Order: ...

    @property
    def ready(self) -> Sequence[Prepared]: ...

    @property
    def unreadable(self) -> int:
        """Frames that could not be read."""

    def answer(self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], timing: Timing) -> A:
        """What to send, of ``[H, W]`` of each frame; ``detect`` finds targets in them.

        Raises:
            ServiceError: nothing can be sent.
        """
