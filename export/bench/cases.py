"""Benchmark cases: a batch of frames of one size, sent to a model file or to a service."""

import http.client
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rrcanet.http.address import Address, key_header
from rrcanet.http.exchanges import DETECT
from rrcanet.http.problems import error_detail
from service.errors import ServiceError
from service.runtime import Runtime

TIMEOUT_S: Final = 300.0
Call = Callable[[], None]


class Unreachable(Exception):
    """The service does not answer at all."""


class Refused(Exception):
    """The model or service refuses frames of this size or number. Other cases may succeed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and number of the frames of one call."""

    width: int
    height: int
    batch: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``start`` opens a client; each call of it processes ``shape.batch`` frames or raises ``Refused``."""

    shape: Shape
    start: Callable[[], AbstractContextManager[Call]]


def model_case(runtime: Runtime, shape: Shape) -> Case:
    """Run the model from intensities to probabilities, without a service.

    Raises:
        Refused: the size is no multiple of the model's stride.
    """
    stride = runtime.card.stride
    if shape.width % stride or shape.height % stride:
        raise Refused(f"{shape.size}: sides must be multiples of {stride}")
    intensities = frames(shape).astype(np.float32)[:, None]

    def call() -> None:
        try:
            runtime.probabilities(intensities)
        except ServiceError as error:
            raise Refused(str(error)) from error

    return Case(shape, lambda: nullcontext(call))


def service_case(address: Address, shape: Shape, key: str | None = None) -> Case:
    """Send a ``.npy`` of uint8 frames in one request. Parameters that the address does not hold keep their defaults."""
    buffer = io.BytesIO()
    np.save(buffer, frames(shape), allow_pickle=False)
    body = buffer.getvalue()
    headers = {"Content-Type": "application/x-npy", **key_header(key)}
    return Case(shape, lambda: _client(address, body, headers))


@contextmanager
def _client(address: Address, body: bytes, headers: dict[str, str]) -> Iterator[Call]:
    """A call that posts the same body each time, over one connection."""
    kind = http.client.HTTPSConnection if address.is_secure else http.client.HTTPConnection
    connection, target = kind(address.host, timeout=TIMEOUT_S), address.target(DETECT)

    def post() -> None:
        try:
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{address.text} does not answer: {error}") from error
        if response.status != http.client.OK:
            raise Refused(f"{address.text} answers {response.status}: {error_detail(content)}")

    try:
        yield post
    finally:
        connection.close()


def frames(shape: Shape) -> NDArray[np.uint8]:
    """``[N, H, W]``: noise and one bright pixel per frame, always the same."""
    rng = np.random.default_rng(0)
    counts = rng.integers(80, 100, (shape.batch, shape.height, shape.width), dtype=np.uint8)
    counts[:, shape.height // 2, shape.width // 3] = 240
    return counts
