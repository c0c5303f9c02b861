"""Records every answer in the metrics and in the log; successful probes are not logged."""

from http import HTTPStatus
from typing import Final

from service.api.middleware.api_keys import HEALTH
from service.observability.logs import LogWriter
from service.observability.metrics import Metrics
from service.settings import LogFormat

STATE: Final = "request_log"  # the server shares the log with the application under this name
UNMATCHED: Final = "unmatched"  # one label for every path without a route
PROBED: Final = HEALTH | {"/metrics"}  # probed every few seconds; their successes would hide other log lines


class RequestLog:
    """The request log of one process."""

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
        """Record one answer.

        Args:
            method: of the request.
            status: of the answer.
            request_id: of the request.
            route: the path template of the route, not the path of the request.
            reason: why the request was refused, if it was.
            seconds: since the headers of the request arrived.
            key: the name of the request's API key, if the service needs keys.
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
