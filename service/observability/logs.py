"""Log lines on standard error: text for people, or one JSON object per line.

Whatever standard error is, a reader that stalls or goes away costs lines, and never stops a request.
"""

import io
import json
import logging
import os
import socket
import stat
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from http import HTTPStatus
from threading import Lock, Thread
from types import MappingProxyType
from typing import Final, NamedTuple

from service.observability.metrics import NO_MODEL, LogLinesDropped, Metrics
from service.settings import LogFormat

REQUESTS: Final = "service.requests"  # the logger of requests
UNMATCHED: Final = "unmatched"  # one label for every path without a route
IN_MESSAGE: Final = ("method", "route", "status")  # a line of text has them once
EXTRA: Final = ("request_id", "duration_ms")
MOST_BYTES: Final = 1 << 20  # that wait to be written; further lines are dropped
GATHER_S: Final = 0.02  # lines of so short a time are written together: waking the thread costs more than a line
LAST_LINES_S: Final = 1.0  # at the end of the process


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
    known = "".join([f" {name}={value}" for name, value in line.known.items() if _adds_something(name, value, line)])
    first, *rest = line.message.split("\n")
    if line.exception:
        rest.append(line.exception)
    return "\n".join([f"{moment} {line.level:<7} {first}{known}", *rest])


def _adds_something(name: str, value: object, line: Line) -> bool:
    """Whether the message of a line of text does not have this field already."""
    return name not in IN_MESSAGE and not (name == "path" and value == line.known.get("route"))


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
    """Writes to standard error. Lines that nobody takes are dropped and counted.

    Attributes:
        dropped: lines that were not written.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._lines: list[bytes] = []
        self._bytes = 0
        self._lock = Lock()
        self._wake = Lock()  # the thread sleeps in ``acquire``
        self._wake.acquire()
        self._thread: Thread | None = None
        self._idle = True

    def write(self, line: str) -> None:
        """Write one line, which ends with a line break. Never waits.

        What standard error takes at once is written here: to wake the thread would cost a request 0.2 ms of CPU. The
        rest, and every line while others wait, is queued for the thread.
        """
        content = line.encode(errors="backslashreplace")
        with self._lock:
            if self._idle and not (content := _write_at_once(content)):
                return
            if self._bytes + len(content) > MOST_BYTES:
                self.dropped += 1
                return
            self._lines.append(content)
            self._bytes += len(content)
            if self._idle:
                self._idle = False
                self._start_thread()
                self._wake.release()

    def flush(self, within_s: float = LAST_LINES_S) -> None:
        """Wait until every line is written, but no longer than ``within_s``."""
        deadline = time.monotonic() + within_s
        while not self._idle and time.monotonic() < deadline:
            time.sleep(GATHER_S / 4)

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            while lines := self._take():
                if not _write(b"".join(lines)):
                    with self._lock:
                        self.dropped += len(lines)

    def _take(self) -> list[bytes]:
        """The lines that wait; none makes the thread idle."""
        time.sleep(GATHER_S)
        with self._lock:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._idle = not lines
            return lines


STANDARD_ERROR: Final = LogWriter()


def _write_at_once(content: bytes) -> bytes:
    """Write what standard error takes without waiting, and return the rest."""
    try:
        descriptor = sys.stderr.fileno()
        state = os.fstat(descriptor)
        write = _without_waiting(descriptor, state.st_dev, state.st_ino, state.st_mode)
        return content[write(content) :] if write else content
    except (OSError, ValueError, AttributeError):  # full, closed, or there is none: the thread counts the line
        return content


@lru_cache(1)
def _without_waiting(descriptor: int, device: int, inode: int, mode: int) -> Callable[[bytes], int] | None:
    """A write to this file that never waits; None if there is none, as for a file on a disk.

    A pipe or a terminal is opened once more: O_NONBLOCK on the descriptor itself would be set for every process that
    shares it. To ask ``poll`` first is not enough: another process may fill the pipe, a terminal may take half a line.
    """
    with suppress(OSError):  # no /proc, or the pipe belongs to another user
        if stat.S_ISSOCK(mode):
            return partial(_send, socket.socket(fileno=os.dup(descriptor)))
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
            return partial(os.write, os.open(f"/proc/self/fd/{descriptor}", flags))
    return None


def _send(reader: socket.socket, content: bytes) -> int:
    return reader.send(content, socket.MSG_DONTWAIT)


def _write(content: bytes) -> bool:
    """Whether it was written. The buffer of ``sys.stderr`` is avoided: a thread in it would abort the exit."""
    with suppress(OSError, ValueError, AttributeError):  # closed, nobody reads it any more, or there is none
        try:
            descriptor = sys.stderr.fileno()
        except io.UnsupportedOperation:
            sys.stderr.write(content.decode())
            return True
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        return True
    return False


def occupy_standard_streams() -> None:
    """Open ``/dev/null`` for each of stdin, stdout and stderr that is closed.

    A connection would get the free descriptor otherwise. libuv aborts when it closes one of these three.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor


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
        metrics.registry.register(LogLinesDropped(lambda: STANDARD_ERROR.dropped))

    def record(
        self,
        method: str,
        status: int,
        request_id: object,
        route: str = UNMATCHED,
        reason: object = None,
        seconds: float = 0.0,
        known: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """Record one answer.

        Args:
            method: of the request.
            status: of the answer.
            request_id: of the request.
            route: the path template of the route, not the path of the request.
            reason: why the request was refused, if it was.
            seconds: since the headers of the request arrived.
            known: further fields for the log. One that is None is left out. ``model`` and ``version`` are labels, too.
        """
        model = (known["model"], known["version"]) if "model" in known else NO_MODEL
        self._metrics.requests_of(route, status, model).inc()
        self._metrics.duration_of(route, model).observe(seconds)
        if reason is not None:
            self._metrics.rejected.labels(str(reason)).inc()
        if (route in self._probes and status < HTTPStatus.MULTIPLE_CHOICES) or not self._logger.isEnabledFor(
            logging.INFO
        ):
            return
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "request_id": request_id,
            "duration_ms": round(1e3 * seconds, 3),
            "reason": reason,
            **known,
        }
        found = {name: value for name, value in fields.items() if value is not None}
        line = self._write(Line(time.time(), "INFO", REQUESTS, f"{method} {route} {status}", found))
        STANDARD_ERROR.write(f"{line}\n")


class _ToWriter(logging.Handler):
    """Hands lines to the thread that writes them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record."""
        try:
            STANDARD_ERROR.write(f"{self.format(record)}\n")
        except Exception:  # the method of ``logging`` would print to standard error, and wait
            STANDARD_ERROR.write(f"a record of {record.name} is no line\n{traceback.format_exc()}")

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
    logging.getLogger("uvicorn.error").name = "uvicorn"
    for reader in ("PIL", "python_multipart"):  # what they find wrong with a body is in the answer to the request
        logging.getLogger(reader).setLevel(logging.CRITICAL)


def skip_unused_fields() -> None:
    """Stop logging from looking up caller, thread and process for every line (logging HOWTO, "Optimization").

    Only where no other program formats lines: it misses the fields then.
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
