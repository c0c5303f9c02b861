"""The errors that programs may catch. All derive from ``RrcanetError``."""

from typing import Final


class RrcanetError(Exception):
    """Base of all errors of this package."""


class AddressError(RrcanetError):
    """No request can be sent to the address, or no header can carry the API key. The message says why."""


class Unreachable(RrcanetError, ConnectionError):
    """No answer came.

    Args:
        message: which address, and why.
        is_stale: whether a kept connection ended before the answer; the same request on a new one may succeed.
    """

    def __init__(self, message: str, is_stale: bool = False) -> None:
        super().__init__(message)
        self.is_stale = is_stale


class AnswerError(RrcanetError, ValueError):
    """Something answers at the address, but not as ``POST /v1/detect`` does."""


class Unsupported(RrcanetError):
    """The server is older than this package and does not have what was asked for."""


class MissingExtra(RrcanetError, ModuleNotFoundError):
    """A package is missing. The message has the command that installs it."""


class ModelError(RrcanetError):
    """A model file or a device cannot be used."""


class Refusal(RrcanetError):
    """The server answered with an error.

    Attributes:
        reason: for programs, such as ``queue_full``; empty if the answer named none.
        status: of HTTP.
        detail: for people.
        request_id: finds the request in the server's log; None if the answer had none.
        retry_after_s: seconds until a retry makes sense; None if it does not.
    """

    def __init__(
        self,
        reason: str,
        status: int,
        detail: str,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{status}: {detail}")
        self.reason, self.status, self.detail = reason, status, detail
        self.request_id, self.retry_after_s = request_id, retry_after_s


class BadRequest(Refusal):
    """400, 405, 406, 431: an option has a value that the server does not accept."""


class Unauthorized(Refusal):
    """401, 403: the server needs an API key, and this one is not valid."""


class NotFound(Refusal):
    """404: there is no such model (``unknown_model``), or the address is not that of a server."""


class TooLarge(Refusal):
    """413: a frame is larger than the server takes."""


class Undecodable(Refusal):
    """415, 422: a frame cannot be read."""


class Busy(Refusal):
    """429, 503: the server had no room, also after the retries."""


class DeadlineExceeded(Refusal):
    """408, 504: the answer was not ready in time."""


class ServerFault(Refusal):
    """500 and every other status: a fault of the server, or of something in front of it."""


CLASSES: Final[dict[int, type[Refusal]]] = {
    **dict.fromkeys((400, 405, 406, 431), BadRequest),
    **dict.fromkeys((401, 403), Unauthorized),
    404: NotFound,
    413: TooLarge,
    **dict.fromkeys((415, 422), Undecodable),
    **dict.fromkeys((429, 503), Busy),
    **dict.fromkeys((408, 504), DeadlineExceeded),
}


def refusal(
    reason: str, status: int, detail: str, request_id: str | None = None, retry_after_s: float | None = None
) -> Refusal:
    """The error of the class that belongs to the status."""
    return CLASSES.get(status, ServerFault)(reason, status, detail, request_id, retry_after_s)
