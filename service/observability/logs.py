"""Log lines on standard error: text for people, or one JSON object per line."""

import json
import logging
import time
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple

from service.observability.log_writer import STANDARD_ERROR
from service.observability.metrics import Metrics
from service.settings import LogFormat

REQUESTS: Final = "service.requests"  # the logger of requests
UNMATCHED: Final = "unmatched"  # one label for every path without a route
EXTRA: Final = ("request_id", "duration_ms")


class Line(NamedTuple):
    """One log line; ``known`` holds further fields of the request."""

    created: float
    level: str
    logger: str
    message: str
    known: Mapping[str, object]
    exception: str | None = None


def json_of(line: Line) -> str:
    """The line as one JSON object, with the time in RFC 3339."""
    entry = {
        "time": datetime.fromtimestamp(line.created, UTC).isoformat(timespec="milliseconds"),
        "level": line.level.lower(),
        "logger": line.logger,
        "message": line.message,
        **line.known,
    }
    if line.exception:
        entry["exception"] = line.exception
    return json.dumps(entry, ensure_ascii=False)


def text_of(line: Line) -> str:
    """Time, level, first line of the message and further fields; then its other lines and the exception."""
    moment = datetime.fromtimestamp(line.created).isoformat(" ", "milliseconds")
    known = "".join([f" {name}={value}" for name, value in line.known.items()])
    first, *rest = line.message.split("\n")
    if line.exception:
        rest.append(line.exception)
    return "\n".join([f"{moment} {line.level:<7} {first}{known}", *rest])


WRITERS: Final = {LogFormat.JSON: json_of, LogFormat.TEXT: text_of}


class Formatter(logging.Formatter):
    """Formats a record of ``logging`` as text or JSON."""

    def __init__(self, style: LogFormat) -> None:
        super().__init__()
        self._write = WRITERS[style]

    def format(self, record: logging.LogRecord) -> str:
        """The record as ``json_of`` or ``text_of`` writes it."""
        known = {name: getattr(record, name) for name in EXTRA if hasattr(record, name)}
        exception = self.formatException(record.exc_info) if record.exc_info else None
        return self._write(Line(record.created, record.levelname, record.name, record.getMessage(), known, exception))


class RequestLog:
    """Records every answer in the metrics and in the log.

    It writes past the records, locks and handlers of ``logging``: those cost more than the rest of recording a request.

    Args:
        metrics: of the process.
        style: of log lines.
        probes: routes whose successes are not logged, because monitoring asks for them every few seconds.
    """

    def __init__(self, metrics: Metrics, style: LogFormat, probes: Set[str]) -> None:
        self._metrics, self._probes, self._write = metrics, probes, WRITERS[style]
        self._logger = logging.getLogger(REQUESTS)

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
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.request_duration.labels(route).observe(seconds)
        if reason is not None:
            self._metrics.rejected.labels(str(reason)).inc()
        if (route in self._probes and status < HTTPStatus.MULTIPLE_CHOICES) or not self._logger.isEnabledFor(
            logging.INFO
        ):
            return
        known: dict[str, object] = {"request_id": request_id, "duration_ms": round(1e3 * seconds, 3)}
        known |= {name: value for name, value in (("reason", reason), ("key", key)) if value is not None}
        line = self._write(Line(time.time(), "INFO", REQUESTS, f"{method} {route} {status}", known))
        STANDARD_ERROR.write(f"{line}\n")


class _ToWriter(logging.Handler):
    """Hands lines to the thread that writes them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record."""
        try:
            STANDARD_ERROR.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait for the last lines; ``logging`` calls it when the process ends."""
        STANDARD_ERROR.flush()


def set_up_logs(style: LogFormat) -> None:
    """Send the lines of every logger in the process, including uvicorn's, to standard error."""
    handler = _ToWriter()
    handler.setFormatter(Formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    _skip_unused_fields()
    logging.getLogger("uvicorn.error").name = "uvicorn"
    for reader in ("PIL", "python_multipart"):  # what they find wrong with a body is in the answer to the request
        logging.getLogger(reader).setLevel(logging.CRITICAL)


def _skip_unused_fields() -> None:
    """Stop logging from looking up caller, thread and process for every line (logging HOWTO, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
