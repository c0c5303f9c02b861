"""``rrcanet evaluate`` asks a busy service again, and no service too much at once."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Lock

import pytest
from click.testing import CliRunner, Result

from export.commands.evaluate import evaluate_command
from export.evaluation import http_source
from rrcanet.http.retry import LONGEST_WAIT_S, RETRIES, SHORTEST_WAIT_S, USUAL_WAIT_S, read_retry_after
from tests.export.evaluation.answers import Reply, Request, answering, nothing_found

FRAMES = 12
ANSWER = Reply(nothing_found(160, 128))
NOW = (("Retry-After", "0"),)


def evaluate(url: str, scenes: Path) -> Result:
    return CliRunner().invoke(evaluate_command, [url, "--data", str(scenes)])


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again(scenes: Path, status: int) -> None:
    asked = Counter[bytes]()

    def answer(request: Request) -> Reply:
        asked[request.body] += 1
        return Reply(b"", status, NOW) if asked[request.body] < 3 else ANSWER

    with answering(answer) as url:
        result = evaluate(url, scenes)
    assert result.exit_code == 0, result.output
    assert f"| {FRAMES} |" in result.output
    assert list(asked.values()) == [3] * FRAMES


def test_a_service_that_stays_busy_ends_the_evaluation_with_words(scenes: Path) -> None:
    with answering(lambda _: Reply(b'{"detail": "no place"}', 429, NOW)) as url:
        result = evaluate(url, scenes)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert f"scene_0001: {url} answers 429: no place; sent {RETRIES + 1} times" in result.output


def test_what_fails_does_not_wait_for_frames_that_do(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "available_cpus", lambda: 8)
    first = (scenes / "images" / "scene_0001.png").read_bytes()

    def answer(request: Request) -> Reply:
        if request.body == first:
            time.sleep(0.5)  # the others wait already
            return Reply(b"", 500)
        return Reply(b"", 503, (("Retry-After", "20"),))

    began = time.monotonic()
    with answering(answer) as url:
        result = evaluate(url, scenes)
    assert "scene_0001: " in result.output
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(("cores", "most"), [(64, 8), (3, 3)])
def test_at_most_eight_requests_run_at_once(
    scenes: Path, monkeypatch: pytest.MonkeyPatch, cores: int, most: int
) -> None:
    monkeypatch.setattr(http_source, "available_cpus", lambda: cores)
    lock, running, seen = Lock(), 0, []

    def answer(_: Request) -> Reply:
        nonlocal running
        with lock:
            running += 1
            seen.append(running)
        time.sleep(0.3)
        with lock:
            running -= 1
        return ANSWER

    with answering(answer) as url:
        assert evaluate(url, scenes).exit_code == 0
    assert max(seen) == most


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, USUAL_WAIT_S),
        ("soon", USUAL_WAIT_S),
        ("-5", USUAL_WAIT_S),
        ("0", SHORTEST_WAIT_S),
        ("7", 7),
        ("3600", LONGEST_WAIT_S),
        ("9" * 5000, LONGEST_WAIT_S),
        ("Fri, 31 Dec 1999 23:59:59 GMT", SHORTEST_WAIT_S),
        ("Fri, 31 Dec 1999 23:59:59 -0000", USUAL_WAIT_S),
    ],
)
def test_waits_are_those_that_the_service_tells_within_bounds(header: str | None, seconds: float) -> None:
    assert read_retry_after(header) == seconds


def test_a_date_counts_from_now() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 15 < read_retry_after(header) <= 20
