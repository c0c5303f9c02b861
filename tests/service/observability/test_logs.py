"""Log lines, as people and as programs read them."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from _pytest.capture import CaptureResult

from service.observability.logs import STANDARD_ERROR, set_up_logs
from service.settings import LogFormat
from tests.support.waiting import WITHIN_S


@pytest.fixture(autouse=True)
def _logging_comes_back_as_it_was() -> Iterator[None]:
    root, uvicorn, *readers = (logging.getLogger(name) for name in (None, "uvicorn.error", "PIL", "python_multipart"))
    handlers, level, name, levels = root.handlers[:], root.level, uvicorn.name, [reader.level for reader in readers]
    yield
    root.handlers[:], uvicorn.name = handlers, name
    root.setLevel(level)
    for reader, before in zip(readers, levels, strict=True):
        reader.setLevel(before)


def written(capsys: pytest.CaptureFixture[str]) -> CaptureResult[str]:
    STANDARD_ERROR.flush(WITHIN_S)
    return capsys.readouterr()


def log_a_fault() -> None:
    try:
        raise ZeroDivisionError("a bug\nof two lines")
    except ZeroDivisionError:
        logging.getLogger("service").exception("it failed", extra={"request_id": "r1"})


def test_every_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    logging.getLogger("service").info("scène %s\nline 2", 7, extra={"request_id": "r1", "duration_ms": 1.5})
    logging.getLogger("uvicorn.error").warning("from below")
    log_a_fault()
    captured = written(capsys)
    assert captured.out == ""
    first, second, third = map(json.loads, captured.err.splitlines())
    moment = datetime.fromisoformat(first.pop("time"))
    assert moment.utcoffset() == timedelta(0)
    assert first == {
        "level": "info",
        "logger": "service",
        "message": "scène 7\nline 2",
        "request_id": "r1",
        "duration_ms": 1.5,
    }
    assert (second["level"], second["logger"], second["message"]) == ("warning", "uvicorn", "from below")
    assert "request_id" not in second
    assert third["exception"].endswith("ZeroDivisionError: a bug\nof two lines")
    assert third["exception"].startswith("Traceback")


def test_a_text_line_ends_with_what_is_known_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    logging.getLogger("service").info("answered", extra={"request_id": "r1", "duration_ms": 1.5})
    logging.getLogger("service").info("plain")
    log_a_fault()
    first, second, third, *trace = written(capsys).err.splitlines()
    assert first.endswith(" INFO    answered request_id=r1 duration_ms=1.5")
    assert second.endswith(" INFO    plain")
    assert third.endswith(" ERROR   it failed request_id=r1")
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-2:] == ["ZeroDivisionError: a bug", "of two lines"]


def test_details_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    logging.getLogger("PIL").debug("chunk by chunk")
    logging.getLogger("PIL.TiffImagePlugin").error("more samples than can be decoded: 16")
    logging.getLogger("python_multipart.multipart").warning("did not find boundary character")
    assert written(capsys).err == ""


def test_set_up_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    set_up_logs(LogFormat.JSON)
    logging.getLogger().info("once")
    (line,) = written(capsys).err.splitlines()
    assert json.loads(line)["message"] == "once"
