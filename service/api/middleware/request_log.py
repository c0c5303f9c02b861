"""What the operator is told of every answer: metrics, and a line in the log, unless a probe went well."""

from http import HTTPStatus
from typing import Final

from service.api.middleware.api_keys import HEALTH
from service.observability.logs import LogWriter
from service.observability.metrics import Metrics
from service.settings import LogFormat

STATE: Final = "account"  # its place in the state that the server shares with the application
UNMATCHED: Final = "unmatched"  # one label for every path that is no route
PROBED: Final = HEALTH | {"/metrics"}  # every few seconds: a line for each that went well would bury the others


class RequestLog:
    """Of one process."""

    def __init__(self, metrics: Metrics, style: LogFormat) -> None:
        self._metrics, self._log = metrics, LogWriter(style, __name__)

    def record(
        self,
        method: str,
        status: int,
        request_id: object,
        route: str = UNMATCHED,
        reason: object = None,
        seconds: float = 0.0,
        key: object = None,
    ) -> None:
        """One more answer.

        Args:
            reason: why it was refused, if it was.
            seconds: since the request's head.
            key: name of the key that it came with, where keys are asked for.
        """
        self._metrics.count_request(route, str(status), seconds)
        if reason is not None:
            self._metrics.rejected.labels(str(reason)).inc()
        if route in PROBED and status < HTTPStatus.MULTIPLE_CHOICES:
            return
        known: dict[str, object] = {"request_id": request_id, "duration_ms": round(1e3 * seconds, 3)}
        if reason is not None:
            known["reason"] = reason
        if key is not None:
            known["key"] = key
        self._log.write(f"{method} {route} {status}", known)
