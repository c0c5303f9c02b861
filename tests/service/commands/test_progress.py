"""What long work tells on stderr; `test_detect_command.py` looks at a terminal."""

import time

import pytest

from service.commands import progress as told
from service.commands.progress import progress
from tests.support.waiting import Clock


def test_a_log_has_a_line_every_fifty_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(120), 120, "counting", "frame")) == list(range(120))
    assert capsys.readouterr().err.splitlines() == ["50 of 120 frames", "100 of 120 frames"]


def test_items_that_take_long_have_a_line_sooner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "LONGEST_SILENCE_S", 0.0)
    assert list(progress("abc", 3, "counting", "frame")) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == ["1 of 3 frames", "2 of 3 frames", "3 of 3 frames"]


def test_what_an_earlier_run_has_done_does_not_count_for_the_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    for _ in progress(range(10), 7210, "counting", "frame", with_rate=True, before=3600, every=10):
        clock.now += 0.5
    assert capsys.readouterr().err == "3610 of 7210 frames, 2.0 a second, 1800 s left\n"
