"""Log lines on standard error: text for people, or one JSON object a line."""

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
    """One entry; ``known`` is what else is known of the request."""

    created: float
    level: str
    logger: str
    message: str
    known: Mapping[str, object]
    exception: str | None = None


def json_of(line: Line) -> str:
    """One object, time in RFC 3339; never the content of a frame."""
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
    """Time, level, message and what else is known; below it further lines and any exception."""
    moment = datetime.fromtimestamp(line.created).isoformat(" ", "milliseconds")
    known = "".join([f" {name}={value}" for name, value in line.known.items()])
    first, *rest = line.message.split("\n")
    if line.exception:
        rest.append(line.exception)
    return "\n".join([f"{moment} {line.level:<7} {first}{known}", *rest])


WRITERS: Final = {LogFormat.JSON: json_of, LogFormat.TEXT: text_of}


class Formatter(logging.Formatter):
    """What ``logging`` knows of an event, as a line."""

    def __init__(self, style: LogFormat) -> None:
        super().__init__()
        self._write = WRITERS[style]

    def format(self, record: logging.LogRecord) -> str:
        """As ``json_of`` or ``text_of``."""
        known = {name: getattr(record, name) for name in EXTRA if hasattr(record, name)}
        exception = self.formatException(record.exc_info) if record.exc_info else None
        return self._write(Line(record.created, record.levelname, record.name, record.getMessage(), known, exception))


class LogWriter:
    """Lines for requests, among those of ``logging`` but past its records, locks and handlers.

    Those cost more than the rest of what is done to account for a request.
    """

    def __init__(self, style: LogFormat, name: str) -> None:
        self._write, self._name = WRITERS[style], name
        self._logger = logging.getLogger(name)

    def write(self, message: str, known: Mapping[str, object]) -> None:
        """Write it, unless lines like this are muted; a log that cannot be written fails no request."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        line = self._write(Line(time.time(), "INFO", self._name, message, known))
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")


def set_up_logs(style: LogFormat) -> None:
    """Send every logger of the process, uvicorn's too, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    _leave_out_what_no_line_tells()
    logging.getLogger("uvicorn.error").name = "uvicorn"
    for reader in ("PIL", "python_multipart"):  # what they find wrong with a body, the answer tells its sender
        logging.getLogger(reader).setLevel(logging.CRITICAL)


def _leave_out_what_no_line_tells() -> None:
    """Caller, thread and process, which logging would look up for every line (its HOWTO, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
