"""What long work tells on stderr; `test_detect_command.py` looks at a terminal."""

import pytest

from service.commands import progress as told
from service.commands.progress import progress


def test_a_log_has_a_line_every_fifty_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(120), 120, "counting", "frame")) == list(range(120))
    assert capsys.readouterr().err.splitlines() == ["50 of 120 frames", "100 of 120 frames"]


def test_items_that_take_long_have_a_line_sooner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "LONGEST_SILENCE_S", 0.0)
    assert list(progress("abc", 3, "counting", "frame")) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == ["1 of 3 frames", "2 of 3 frames", "3 of 3 frames"]
