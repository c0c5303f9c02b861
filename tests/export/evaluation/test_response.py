"""Answers that no service of ours gives end ``rrcanet evaluate`` with words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from export.commands.evaluate import evaluate_command
from tests.export.evaluation.answers import Reply, answering, nothing_found, png

WIDTH, HEIGHT = 160, 128  # of the scenes


def target(x: int = 0, y: int = 0, area: int = 1, confidence: float = 0.5) -> dict[str, Any]:
    return {
        "peak": {"x": x, "y": y, "probability": 0.5},
        "centroid": {"x": x, "y": y},
        "bbox": {"x": 0, "y": 0, "width": 1, "height": 1},
        "area": area,
        "confidence": confidence,
    }


def evaluate(scenes: Path, reply: Reply, *options: str) -> Result:
    with answering(lambda _: reply) as url:
        return CliRunner().invoke(evaluate_command, [url, "--data", str(scenes), *options])


def test_an_answer_without_targets_is_one(scenes: Path) -> None:
    assert evaluate(scenes, Reply(nothing_found(WIDTH, HEIGHT))).exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is no JSON"),
        (b"[1, 2]", "it must be an object"),
        (b"[" * 100_000, "it is no JSON: maximum recursion depth"),
        (b"{}", "frames: is missing"),
        (b'{"frames": []}', "frames: must have at least one entry"),
        (b'{"frames": [7]}', "frames.0: must be an object"),
        (b'{"frames": [{"error": {"reason": "undecodable_frame"}}]}', "frames.0.error.detail: is missing"),
        (b'{"frames": [{}]}', "frames.0.width: is missing"),
        (json.dumps({"frames": [{"width": 2, "height": 1, "mask": {"data": ""}}]}).encode(), "targets: is missing"),
        (nothing_found(WIDTH, HEIGHT, mask=None), "frames.0.mask: must be an object"),
        (nothing_found(WIDTH, HEIGHT, mask={"data": "a"}), "its mask is no PNG that can be read"),
        (nothing_found(WIDTH, HEIGHT, mask={"data": "AAAA"}), "its mask is no PNG that can be read"),
        (nothing_found(WIDTH, HEIGHT, mask={"data": png(np.zeros((4, 5), np.uint8))}), "its mask is 5x4"),
        (nothing_found(WIDTH, HEIGHT, mask={"data": png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))}), "in colour"),
        (nothing_found(WIDTH, HEIGHT, targets=[{}]), "targets.0.peak: is missing"),
        (nothing_found(WIDTH, HEIGHT, targets=[target(x=WIDTH)]), "a peak lies outside the frame"),
        (nothing_found(WIDTH, HEIGHT, targets=[target(y=-1)]), "targets.0.peak.y: must be 0 or more"),
        (nothing_found(WIDTH, HEIGHT, targets=[target(area=10**9)]), "the targets are larger than the frame"),
        (
            nothing_found(WIDTH, HEIGHT, targets=[target(confidence=float("nan"))]),
            "targets.0.confidence: must be a number",
        ),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(scenes: Path, content: bytes, words: str) -> None:
    result = evaluate(scenes, Reply(content))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "scene_0001: http://127.0.0.1:" in result.output
    assert "answers, but not as POST /v1/detect does: " in result.output
    assert words in result.output


@pytest.mark.parametrize("options", [(), ("--report", "report")])
def test_a_mask_of_another_size_than_the_frame_is_named(scenes: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    given = [tmp_path / option if option == "report" else option for option in options]
    result = evaluate(scenes, Reply(nothing_found(8, 9)), *map(str, given))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "answers a mask of (9, 8), the frame is (128, 160)" in result.output


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b'{"detail": "no such thing"}', 404), "answers 404: no such thing"),
        (Reply(b"<html>", 502), "answers 502: <html>"),
        (Reply(b"", 301, (("Location", "/elsewhere"),)), "answers 301: Moved Permanently"),
        (Reply(b"[" * 100_000, 500), "answers 500: [[["),
    ],
)
def test_a_refusal_is_shown_in_its_own_words(scenes: Path, reply: Reply, words: str) -> None:
    result = evaluate(scenes, reply)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert words in result.output
