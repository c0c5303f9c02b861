"""``rrcanet detect`` on a real RTSP stream that ends, stalls, or is not there."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from tests.service.commands.detect.detecting import Detect
from tests.service.commands.detect.video.rtsp import rtsp_server

FRAME = np.full((48, 64), 20, np.uint8)
FRAME[20:24, 30:34] = 235


@pytest.mark.parametrize("stall", [False, True], ids=["goes away", "stalls"])
def test_a_stream_that_breaks_is_connected_again(detect: Detect, tmp_path: Path, stall: bool) -> None:
    with rtsp_server(FRAME, burst=8, stall=stall) as server:
        ended = detect(server.address, "--max-frames", 12, "--stall-timeout", 1, "--track", "--out", tmp_path / "out")
    assert ended.exit_code == 0
    assert server.connections == 2
    why = "nothing came for 1 s" if stall else "the stream ended"
    shown = server.address.replace("user:secret@", "")
    assert f"{shown}: {why}; connecting again in 1 s" in ended.stderr
    assert "secret" not in ended.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "targets.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(12))
    assert all(len(line["targets"]) == 1 for line in lines)
    times = [line["time_s"] for line in lines]
    assert times == sorted(times)
    assert "secret" not in json.dumps(lines)


def test_a_stream_that_is_not_there_is_named(detect: Detect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = detect(f"rtsp://user:secret@127.0.0.1:{port}/camera")
    assert ended.exit_code == 1
    assert f"127.0.0.1_{port}_camera".replace(".", "_") in ended.stderr
    assert "Connection refused" in ended.stderr
    assert "secret" not in ended.stderr


def test_a_stream_is_the_only_argument(detect: Detect, scene: Path) -> None:
    ended = detect("rtsp://127.0.0.1/a", scene)
    assert ended.exit_code == 2
    assert "must be the only argument" in ended.stderr
