"""Writes log lines in a thread of its own. A pipe that nobody reads costs lines, and never stops a request."""

import io
import os
import sys
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Final

MOST_CHARACTERS: Final = 1 << 20  # that wait to be written; further lines are dropped
GATHER_S: Final = 0.02  # lines of so short a time are written together: waking the thread costs more than a line
LAST_LINES_S: Final = 1.0  # at the end of the process


class LogWriter:
    """Writes to standard error. Lines that nobody takes are dropped and counted.

    Attributes:
        dropped: lines that were not written.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._lines: list[str] = []
        self._characters = 0
        self._lock = Lock()
        self._wake = Lock()  # the thread sleeps in ``acquire``
        self._wake.acquire()
        self._thread: Thread | None = None
        self._idle = True

    def write(self, line: str) -> None:
        """Queue one line, which ends with a line break. Never waits."""
        with self._lock:
            if self._characters + len(line) > MOST_CHARACTERS:
                self.dropped += 1
                return
            self._lines.append(line)
            self._characters += len(line)
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
                if not _write("".join(lines)):
                    with self._lock:
                        self.dropped += len(lines)

    def _take(self) -> list[str]:
        """The lines that wait; none makes the thread idle."""
        time.sleep(GATHER_S)
        with self._lock:
            lines, self._lines, self._characters = self._lines, [], 0
            self._idle = not lines
            return lines


STANDARD_ERROR: Final = LogWriter()


def _write(text: str) -> bool:
    """Whether the text was written. The buffer of ``sys.stderr`` is avoided: a thread in it would abort the exit."""
    with suppress(OSError, ValueError, AttributeError):  # closed, nobody reads it any more, or there is none
        try:
            descriptor = sys.stderr.fileno()
        except io.UnsupportedOperation:
            sys.stderr.write(text)
            return True
        rest = memoryview(text.encode(errors="backslashreplace"))
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
