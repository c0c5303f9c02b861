"""What an API hands to the engine: the frames of a request, and how to answer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.detection.detector import Detection, Detector, Prepared
from service.detection.options import Options
from service.observability.cameras import UNNAMED
from service.observability.timing import Timing

A = TypeVar("A")
Tensor = NDArray[np.float32]
Key = tuple[Detector, tuple[int, ...]]  # tensors of one model and one shape may run together


@dataclass(frozen=True, slots=True)
class Plan:
    """Which model answers a request, how, and until when.

    Attributes:
        deadline: a time of ``time.monotonic``.
        camera: of the frames, as the client names it.
        asked: the client named the deadline, so it holds in place of the latency objective.
    """

    detector: Detector
    options: Options
    deadline: float
    camera: str = UNNAMED
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Work(Generic[A]):
    """The frames of a request once they are read.

    Attributes:
        plan: as it was read; its deadline may be earlier than the request's.
        ready: the frames that could be read.
        unreadable: how many could not.
        answer: writes the answer, in a thread. It takes ``[H, W]`` probabilities of each frame that is ready, a
            function that finds the targets in them, and the request's timing. It may raise a ServiceError.
        frame_by_frame: ``answer`` is called for each frame that is ready, in order, as soon as it is inferred.
    """

    plan: Plan
    ready: Sequence[Prepared]
    unreadable: int
    answer: Callable[[Sequence[Tensor], Callable[[], Sequence[Detection]], Timing], A]
    frame_by_frame: bool = False
