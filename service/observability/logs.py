"""Log lines on standard error: text for people, or one JSON object per line."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from service.settings import LogFormat

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


class LogWriter:
    """Writes the log lines of requests without the records, locks and handlers of ``logging``.

    Those would cost more than everything else that is recorded about a request.
    """

    def __init__(self, style: LogFormat, name: str) -> None:
        self._write, self._name = WRITERS[style], name
        self._logger = logging.getLogger(name)

    def write(self, message: str, known: Mapping[str, object]) -> None:
        """Write one line, unless the logger is muted. An error while writing does not fail the request."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        line = self._write(Line(time.time(), "INFO", self._name, message, known))
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")


def set_up_logs(style: LogFormat) -> None:
    """Send the lines of every logger in the process, including uvicorn's, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
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
