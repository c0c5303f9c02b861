"""Log lines on standard error: text for people, or one JSON object a line."""

import json
import logging
import sys
from datetime import UTC, datetime

from service.settings import LogFormat

EXTRA = ("request_id", "duration_ms")


class JsonFormatter(logging.Formatter):
    """One object a line; never the content of a frame."""

    def format(self, record: logging.LogRecord) -> str:
        """Time in RFC 3339."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in EXTRA if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Time, level, message, and what else is known of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and any exception below it."""
        time = datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds")
        first, *rest = record.getMessage().split("\n")
        known = "".join(f" {name}={getattr(record, name)}" for name in EXTRA if hasattr(record, name))
        if record.exc_info:
            rest.append(self.formatException(record.exc_info))
        return "\n".join([f"{time} {record.levelname:<7} {first}{known}", *rest])


def set_up_logs(style: LogFormat) -> None:
    """Send every logger of the process, uvicorn's too, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style is LogFormat.JSON else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    _leave_out_what_no_line_tells()
    logging.getLogger("uvicorn.error").name = "uvicorn"


def _leave_out_what_no_line_tells() -> None:
    """Caller, thread and process, which logging would look up for every line (its HOWTO, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
