"""One inference: from the bytes of a request to the bytes of its answer. Free of HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from service.api.openinference.models import Model
from service.api.openinference.request import read_request
from service.api.openinference.response import EncodedResponse, Output, read_outputs, write_response
from service.api.openinference.tensors import read_tensor
from service.api.openinference.wire import InferRequest
from service.detection.detector import Detection
from service.engine.work import Plan, Tensor, Work
from service.frames import Budget
from service.observability.timing import Timing


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request.

    Attributes:
        json_length: how many bytes of ``content`` are JSON; None if all.
        began, latest: time.monotonic when the request began, and of the latest deadline that it may ask for.
    """

    content: bytes
    json_length: int | None
    began: float
    latest: float

    def read(self, model: Model, budget: Budget) -> Work[EncodedResponse]:
        """Read the body as a request to ``model``. Limits are checked on the shape, before any value is read.

        Raises:
            ServiceError: what is wrong with the request. One frame that cannot be read fails the whole.
        """
        request, binary = read_request(self.content, self.json_length)
        options, outputs = model.options(request.parameters.model_extra or {}), read_outputs(request, model.outputs)
        (tensor,) = request.inputs
        model.input.check(tensor)
        frames, height, width = model.size_of(tensor.shape)
        for _ in range(frames):
            budget.take(width, height)
        ready = model.prepare(read_tensor(tensor, binary), options)
        timeout_us = request.parameters.timeout
        plan = Plan(model.detector, options, self._deadline(timeout_us), asked=timeout_us > 0)
        return Work(plan, ready, 0, partial(_answer, model, request, outputs))

    def _deadline(self, timeout_us: int) -> float:
        is_shorter = timeout_us and timeout_us < 1e6 * (self.latest - self.began)
        return self.began + timeout_us / 1e6 if is_shorter else self.latest


def _answer(
    model: Model,
    request: InferRequest,
    outputs: Sequence[Output],
    probabilities: Sequence[Tensor],
    detect: Callable[[], Sequence[Detection]],
    _: Timing,
) -> EncodedResponse:
    """Every output that the request asks for."""
    values, parameters = model.conclude(probabilities, detect)
    return write_response((model.name, model.version), request, outputs, values, parameters)
