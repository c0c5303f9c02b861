"""One inference: from the bytes of a request to those of its answer, free of HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from service.api.openinference.models import Model
from service.api.openinference.request import read_request
from service.api.openinference.response import EncodedResponse as Answer
from service.api.openinference.response import Output as Wanted
from service.api.openinference.response import read_outputs as read_wanted
from service.api.openinference.response import write_response as write_answer
from service.api.openinference.tensors import read_tensor
from service.api.openinference.wire import InferRequest
from service.detection.detector import Detection, Prepared
from service.engine.request import Plan, Tensor
from service.frames import Budget
from service.observability.timing import Timing


@dataclass(frozen=True, slots=True)
class Inference:
    """A request that was read, as the engine runs it."""

    model: Model
    request: InferRequest
    wanted: Sequence[Wanted]
    plan: Plan
    ready: Sequence[Prepared]
    unreadable: ClassVar[int] = 0  # one frame that cannot be read fails its request

    def answer(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], timing: Timing
    ) -> Answer:
        """Everything that was asked for."""
        values, parameters = self.model.conclude(probabilities, detect)
        return write_answer((self.model.name, self.model.version), self.request, self.wanted, values, parameters)


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request.

    Attributes:
        json_length: of ``content``, how many bytes are JSON; None if all.
        began, latest: time.monotonic of the request's begin, and of the latest deadline that it may ask for.
    """

    content: bytes
    json_length: int | None
    began: float
    latest: float

    def read(self, model: Model, budget: Budget) -> Inference:
        """Read it as a request to ``model``; limits are checked on the shape, before any value is read.

        Raises:
            ServiceError: what is wrong with it.
        """
        request, binary = read_request(self.content, self.json_length)
        options, wanted = model.options(request.parameters.model_extra or {}), read_wanted(request, model.outputs)
        (tensor,) = request.inputs
        model.input.check(tensor)
        frames, height, width = model.size_of(tensor.shape)
        for _ in range(frames):
            budget.take(width, height)
        ready = model.prepare(read_tensor(tensor, binary), options)
        plan = Plan(model.detector, options, self._deadline(request.parameters.timeout))
        return Inference(model, request, wanted, plan, ready)

    def _deadline(self, timeout_us: int) -> float:
        asked = timeout_us and timeout_us < 1e6 * (self.latest - self.began)
        return self.began + timeout_us / 1e6 if asked else self.latest
