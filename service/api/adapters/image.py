"""The targets of one image, for adapters."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from starlette.requests import Request

from service.api.detect.work import Bad, Part, read_single
from service.api.middleware.envelope import REQUEST_ID
from service.detection.detector import Detection, Detector
from service.detection.options import Options
from service.engine.admission import Places
from service.engine.work import Plan, Tensor, Work
from service.frames import AS_STORED, Budget
from service.observability.timing import Timing
from service.server.state import ServerState


async def detect_image(
    request: Request,
    content: bytes,
    options: Options,
    places: Places,
    model: str | None = None,
    is_patient: bool = False,
) -> tuple[Detector, Detection]:
    """The model that answered, and what it found.

    Args:
        content: a file of one frame, in any format that ``POST /v1/detect`` takes.
        places: of this image.
        model: ``NAME`` or ``NAME@VERSION``.
        is_patient: the latency objective does not hold; the answer may take as long as any request.

    Raises:
        ServiceError: the image cannot be read or exceeds a limit, there is no such model, or the deadline passes.
    """
    server: ServerState = request.app.state.server
    detector = server.repository.find(model, request.scope["state"][REQUEST_ID])
    detector.check(options)
    plan = Plan(detector, options, time.monotonic() + server.settings.request_timeout_s, asked=is_patient)
    read = partial(_read, [Part(content, None, None, None)], plan, server.settings.max_pixels)
    return detector, await server.engine.answer(read, places, Timing(), plan.deadline)


def _read(parts: list[Part], plan: Plan, most_pixels: int, _: Budget) -> Work[Detection]:
    entry = read_single(parts, plan, most_pixels, AS_STORED)
    if isinstance(entry, Bad):
        raise entry.fault
    return Work(plan, [entry], 0, _first)


def _first(_: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], __: Timing) -> Detection:
    return detect()[0]
