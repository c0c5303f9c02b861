"""What one request may carry, as the server says in ``GET /v1/limits``."""

import json
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
    """

    max_body_bytes: int = 16_777_216
    max_pixels: int = 2_097_152
    smallest_side: int = 32
    max_frames: int = 16
    max_parts: int = 16
    parameters: frozenset[str] | None = None

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Parse the answer of the route.

        Raises:
            AnswerError: it is something else.
        """
        try:
            said = json.loads(content)
            counts = {name: _count(said[name]) for name in COUNTS}
            return cls(**counts, parameters=frozenset(map(str, said["parameters"])))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnswerError(f"GET {PATH} answers with something else than limits: {error!r}") from error

    def pixels(self, sides: tuple[int, int]) -> int:
        """Pixels that a frame of this width and height counts."""
        return max(sides[0], self.smallest_side) * max(sides[1], self.smallest_side)


COUNTS: Final = ("max_body_bytes", "max_pixels", "smallest_side", "max_frames", "max_parts")


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is no limit")
    return value
