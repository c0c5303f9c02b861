"""What one request may carry, as the server says in ``GET /v1/limits``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from rrcanet.errors import AnswerError

PATH: Final = "/v1/limits"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request. The defaults are for a server that is too old to say them.

    Attributes:
        max_body_bytes: of one body.
        max_pixels: of all frames together.
        smallest_side: a shorter side counts as so many pixels.
        max_frames: of one request.
        max_parts: of one multipart body.
        parameters: names of the query parameters; None if they are not known.
        longest_ms: the longest ``timeout_ms`` that has an effect, if requests without one are refused after a shorter
            time; otherwise None.
    """

    max_body_bytes: int = 16_777_216
    max_pixels: int = 2_097_152
    smallest_side: int = 32
    max_frames: int = 16
    max_parts: int = 16
    parameters: frozenset[str] | None = None
    longest_ms: float | None = None

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Parse the answer of the route.

        Raises:
            AnswerError: it is something else.
        """
        try:
            said = json.loads(content)
            counts = {name: _count(said[name]) for name in COUNTS}
            longest_ms = 1e3 * float(said["request_timeout_s"]) if "latency_objective_ms" in said else None
            return cls(**counts, parameters=frozenset(map(str, said["parameters"])), longest_ms=longest_ms)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnswerError(f"GET {PATH} answers with something else than limits: {error!r}") from error

    def patient(self, query: Mapping[str, str]) -> dict[str, str]:
        """The query of a request of many: their time together counts, so each may take as long as the server allows."""
        return ({} if self.longest_ms is None else {"timeout_ms": f"{self.longest_ms:g}"}) | dict(query)

    def pixels(self, sides: tuple[int, int]) -> int:
        """Pixels that a frame of this width and height counts."""
        return max(sides[0], self.smallest_side) * max(sides[1], self.smallest_side)


COUNTS: Final = ("max_body_bytes", "max_pixels", "smallest_side", "max_frames", "max_parts")


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is no limit")
    return value
