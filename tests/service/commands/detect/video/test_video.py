"""``rrcanet detect`` on video files: exact counts, times, formats, tracks, and files that are damaged."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.commands.detect.video import network
from service.commands.detect.video.decoder import decode, open_video
from service.commands.detect.video.pixels import spread_luma
from service.commands.detect.video.read_ahead import ReadAhead
from service.errors import Reason, ServiceError
from service.frames import Frame
from service.runtime import Runtime
from tests.service.commands.detect.detecting import Detect
from tests.service.commands.detect.video.clips import write_video
from tests.support.small_models import Rule, write_small_model
from tests.support.waiting import wait_until

HEIGHT, WIDTH, COUNT = 48, 64, 12


def moving(count: int = COUNT, top: int = 255, dtype: type = np.uint8) -> list[np.ndarray]:
    """Frames with one target of 2x2 pixels that moves one pixel a frame to the right."""
    frames: np.ndarray = np.zeros((count, HEIGHT, WIDTH), dtype)
    for number in range(count):
        frames[number, 20:22, 10 + number : 12 + number] = top
    return list(frames)


def lines(ended: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def counts_in(path: Path) -> list[np.ndarray]:
    with open_video(str(path)) as container:
        frames = [frame.content for frame in decode(container, path.name)]
    return [frame.counts for frame in frames if isinstance(frame, Frame)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "flight.mkv", moving(), "gray")


def test_a_video_is_answered_line_by_line_with_times(detect: Detect, video: Path) -> None:
    ended = detect(video)
    assert (ended.exit_code, ended.stderr) == (0, "")
    found = lines(ended)
    assert [(line["index"], line["name"], line["page"]) for line in found] == [
        (number, "flight.mkv", number) for number in range(COUNT)
    ]
    assert [line["time_s"] for line in found] == [round(number / 25, 6) for number in range(COUNT)]
    assert [line["targets"][0]["bbox"]["x"] for line in found] == [10 + number for number in range(COUNT)]
    assert found[0]["model"]["name"] == "small"


def test_frames_that_have_no_memory_together_run_alone(
    detect: Detect, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, take, frames = Runtime.probabilities, ReadAhead.take, []

    def take_two(self: ReadAhead, most: int) -> list:
        wait_until(lambda: len(self._buffer) > 1 or self._ended, "the thread reads ahead")
        return take(self, most)

    def run_one(self: Runtime, intensities: np.ndarray) -> np.ndarray:
        frames.append(len(intensities))
        if len(intensities) > 1:
            raise ServiceError(Reason.OUT_OF_MEMORY, "no memory")
        return run(self, intensities)

    monkeypatch.setattr(Runtime, "probabilities", run_one)
    monkeypatch.setattr(ReadAhead, "take", take_two)
    monkeypatch.setattr(network, "TOGETHER", 4)
    ended = detect(video)
    assert max(frames) > 1
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert [line["targets"][0]["bbox"]["x"] for line in lines(ended)] == [10 + number for number in range(COUNT)]


def test_a_frame_without_memory_is_named_and_keeps_its_place(tmp_path: Path) -> None:
    large = write_video(tmp_path / "large.mkv", np.eye(64, dtype=np.uint8)[None].repeat(3, 0) * 200, "gray")
    hungry = write_small_model(tmp_path / "hungry.onnx", Rule.HUNGRY)
    ended = CliRunner().invoke(main, ["detect", "--model", str(hungry), "--device", "cpu", str(large)])
    assert ended.exit_code == 1
    assert [line["error"]["reason"] for line in lines(ended)] == ["out_of_memory"] * 3
    assert "large.mkv: frame 2: no memory for 1 frame(s) of 64x64 pixels" in ended.stderr


def test_max_frames_ends_a_video_before_its_fault(detect: Detect, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "cut.mkv", np.random.default_rng(0).integers(0, 40, (60, 48, 64), np.uint8), "gray")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    ended = detect(whole, "--max-frames", 3)
    assert (ended.exit_code, len(lines(ended)), ended.stderr) == (0, 3, "")


def test_out_has_one_line_a_frame(detect: Detect, video: Path, tmp_path: Path) -> None:
    assert detect(video, "--out", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["targets.jsonl"]
    assert len((tmp_path / "out" / "targets.jsonl").read_text().splitlines()) == COUNT


def test_tracks_are_in_lines_and_confirmed_from_their_first_frame(detect: Detect, video: Path) -> None:
    tracks = [line["targets"][0]["track"] for line in lines(detect(video, "--track"))]
    assert [(track["id"], track["age"], track["confirmed"]) for track in tracks] == [
        (1, number, True) for number in range(1, COUNT + 1)
    ]
    assert tracks[-1]["velocity"] == pytest.approx({"x": 1, "y": 0}, abs=0.05)


def test_csv_has_times_and_tracks(detect: Detect, video: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(detect(video, "--track", "--format", "csv").stdout)))
    assert [(row["time_s"], row["track_id"], row["confirmed"]) for row in rows[:2]] == [
        ("0.000000", "1", "1"),
        ("0.040000", "1", "1"),
    ]
    assert "track_id" not in detect(video, "--format", "csv").stdout


def test_a_folder_of_frames_has_tracks_too(detect: Detect, tmp_path: Path) -> None:
    for number, frame in enumerate(moving(5)):
        np.save(tmp_path / f"{number}.npy", frame)
    document = json.loads(detect(tmp_path, "--track").stdout)
    assert [frame["targets"][0]["track"]["id"] for frame in document["frames"]] == [1] * 5


def test_videos_and_frames_of_a_folder_are_read_in_the_order_of_their_names(
    detect: Detect, video: Path, scene: Path
) -> None:
    (scene.parent / "flight.mkv").write_bytes(video.read_bytes())
    (scene.parent / "notes.txt").write_text("no video")
    found = lines(detect(scene.parent))
    assert [line["name"] for line in found] == ["flight.mkv"] * COUNT + ["scene.png"]
    assert [len(line["targets"]) for line in found] == [1] * COUNT + [2]


def test_coco_and_masks_have_a_frame_number(detect: Detect, video: Path, tmp_path: Path) -> None:
    entries = json.loads(detect(video, "--format", "coco").stdout)
    assert [entry["image_id"] for entry in entries[:2]] == ["flight", "flight_0001"]
    assert "track_id" not in entries[0]
    tracked = json.loads(detect(video, "--format", "coco", "--track").stdout)
    assert [entry["track_id"] for entry in tracked] == [1] * COUNT
    assert detect(video, "--format", "png", "--out", tmp_path / "masks", "--max-frames", 3).exit_code == 0
    assert len(list((tmp_path / "masks").iterdir())) == 3


def test_an_overlay_of_a_video_is_a_video_with_markers(detect: Detect, video: Path, tmp_path: Path) -> None:
    assert detect(video, "--format", "overlay", "--track", "--out", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["flight.mp4"]
    with av.open(str(tmp_path / "out" / "flight.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == COUNT
    green = frames[0][..., 1] - frames[0][..., 0] > 30
    assert green.any()
    assert not green[20:22, 10:12].any(), "the marker covers the target"


def test_an_overlay_of_a_frame_is_a_picture(detect: Detect, scene: Path, tmp_path: Path) -> None:
    assert detect(scene, "--format", "overlay", "--out", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scene.png"]
    assert "--format overlay needs --out" in detect(scene, "--format", "overlay").stderr


@pytest.mark.parametrize(
    ("pixels", "top"), [("gray", 255), ("gray16le", 65535), ("gray10le", 1023), ("gray12le", 4095)]
)
def test_gray_is_read_exactly(tmp_path: Path, pixels: str, top: int) -> None:
    ramp = np.linspace(0, top, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8 if top == 255 else np.uint16)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pixels
        frame = av.VideoFrame(WIDTH, HEIGHT, pixels)
        rows = np.zeros((HEIGHT, frame.planes[0].line_size), np.uint8)
        rows[:, : WIDTH * ramp.itemsize] = ramp.view(np.uint8).reshape(HEIGHT, -1)
        frame.planes[0].update(rows.tobytes())
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (counts,) = counts_in(tmp_path / "a.mkv")
    np.testing.assert_array_equal(counts, ramp)


def test_luma_of_limited_range_is_spread_and_colour_becomes_luminance(tmp_path: Path) -> None:
    gray = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    (luma,) = counts_in(write_video(tmp_path / "a.mkv", [gray], "yuv420p"))
    assert np.abs(luma.astype(int) - gray).max() <= 2
    assert spread_luma(np.array([16, 235, 0, 255], np.uint8), 8).tolist() == [0, 255, 0, 255]
    assert spread_luma(np.array([64, 940], np.uint16), 10).tolist() == [0, 1023]
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0] = 200
    (counts,) = counts_in(write_video(tmp_path / "b.mkv", [red], "bgr0"))
    assert counts.dtype == np.float32
    assert counts.mean() == pytest.approx(0.299 * 200, abs=0.1)


def test_a_video_that_is_cut_off_is_named_and_its_frames_are_kept(detect: Detect, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (60, HEIGHT, WIDTH), dtype=np.uint8)
    whole = write_video(tmp_path / "cut.mkv", noise, "gray")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    ended = detect(whole, "--out", tmp_path / "out")
    assert ended.exit_code == 1
    read = len((tmp_path / "out" / "targets.jsonl").read_text().splitlines())
    assert 10 < read < 50
    assert f"cut.mkv: it ends after {read} of 60 frames: the file is cut off" in ended.stderr


def test_a_video_that_changes_its_size_is_named_and_its_frames_are_kept(detect: Detect, tmp_path: Path) -> None:
    parts = [
        write_video(
            tmp_path / f"{side}.mjpeg", [np.zeros((side, side), np.uint8)] * 3, "yuvj420p", "mjpeg"
        ).read_bytes()
        for side in (48, 64)
    ]
    (tmp_path / "both.mjpeg").write_bytes(b"".join(parts))
    ended = detect(tmp_path / "both.mjpeg")
    assert ended.exit_code == 1
    assert "both.mjpeg: frame 3 has 64x64 pixels and those before it 48x48" in ended.stderr
    assert [line["width"] for line in lines(ended)] == [48] * 3


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_a_file_that_is_no_video_is_named(detect: Detect, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.mp4").write_bytes(content)
    ended = detect(tmp_path / "words.mp4")
    assert ended.exit_code == 1
    assert "words.mp4: it is no video that can be read" in ended.stderr


def test_without_the_extra_the_message_names_it(brightness_model: Path, video: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    ended = CliRunner().invoke(main, ["detect", "--model", str(brightness_model), str(video)])
    assert ended.exit_code == 1
    assert "rrcanet-serve[video]" in ended.stderr


def test_ctrl_c_keeps_what_was_done(brightness_model: Path, tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mkv", [moving(1)[0]] * 6000, "gray")
    options = ("--model", brightness_model, "--device", "cpu", "--out", tmp_path / "out")
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from service.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "detect", *map(str, options), str(long)]  # a background job ignores SIGINT
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        assert "50 of 6000 frames, " in next(line for line in process.stderr if "frames" in line)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    partial = tmp_path / "out" / "targets.jsonl.partial"
    assert process.returncode == 1
    assert f"Error: interrupted; the results so far are in {partial}" in rest
    assert len([json.loads(line) for line in partial.read_text().splitlines()]) >= 50
