"""``Detector`` answers as a server does, without one."""

import io
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from rrcanet import Client, Detections, Detector
from rrcanet.errors import BadRequest, ModelError, Undecodable
from service.simulation.scene import make_scene
from tests.support.small_models import write_small_model

COUNTS = make_scene(4, 64, 80).counts(14)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(device="cpu")


def pages(*frames: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    first, *others = map(Image.fromarray, frames)
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def without_times(found: list[Detections]) -> list[dict[str, Any]]:
    return [one.to_dict() | {"timing_ms": None} for one in found]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": "rle", "min_confidence": 0.5, "max_targets": 2, "preview": "png", "radiometry": "0.01:-273"},
        {"mask": "probability", "polarity": "black_hot", "range": (1000, 9000), "threshold": 0.3, "min_area": 2},
        {"mask": "none", "sensitivity": "high"},
    ],
)
def test_the_answers_are_those_of_a_server(client: httpx.Client, detector: Detector, options: dict[str, Any]) -> None:
    frames: list[Any] = [COUNTS, pages(COUNTS, COUNTS[::-1]), b"no frame", COUNTS.astype(np.float32), np.ones((9, 9))]
    with Client(str(client.base_url)) as served:
        there, here = served.detect(frames, **options), detector.detect(frames, **options)
    assert without_times(here) == without_times(there) == without_times(list(detector.lines(frames, **options)))
    assert len(here[0]) > 0 or "polarity" in options
    assert here[0].timing_ms.keys() == there[0].timing_ms.keys()
    assert here[3].error is not None


def test_raw_rows_and_folders_are_read_too(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(COUNTS.astype("<u2").tobytes())
    with detector as same:
        (found,) = same.detect(tmp_path, width=80, height=64, dtype="u16le")
    assert found.name == "a.raw"
    assert np.array_equal(found.xyxy, detector.detect(COUNTS)[0].xyxy)


def test_errors_are_those_of_a_client(detector: Detector) -> None:
    with pytest.raises(BadRequest, match="threshold"):
        detector.detect(COUNTS, threshold=3)
    with pytest.raises(BadRequest, match="range=dtype needs integer counts"):
        detector.detect(COUNTS.astype(np.float32), range="dtype")
    with pytest.raises(Undecodable) as raised:
        detector.detect([b"no frame"])
    assert (raised.value.status, raised.value.reason) == (422, "undecodable_frame")
    with pytest.raises(TypeError, match="model is an option of a server"):
        detector.detect(COUNTS, model="nuaa-sirst")
    with pytest.raises(TypeError, match="is no frame"):
        detector.detect(np.array(["a"]))


def test_a_model_is_a_file_or_the_name_of_one_that_ships(tmp_path: Path) -> None:
    bright = np.zeros((8, 8), np.uint8)
    bright[3, 3] = 255
    (found,) = Detector(write_small_model(tmp_path / "bright.onnx"), "cpu").detect(bright, range="dtype")
    assert found.peaks.tolist() == [[3, 3]]
    (named,) = Detector("nuaa-sirst", "cpu").detect(COUNTS)
    assert named.model is not None
    assert named.model.name == "nuaa-sirst"
    with pytest.raises(ModelError, match=r"none\.onnx"):
        Detector(tmp_path / "none.onnx")


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['onnxruntime'] = None; import rrcanet; rrcanet.Detector()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1
    assert re.search(r"MissingExtra: Detector needs onnxruntime.*\n.*rrcanet-serve\[cpu\]", ended.stderr)


def test_the_engine_is_an_argument_or_the_setting_of_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = write_small_model(tmp_path / "bright.onnx")
    monkeypatch.setenv("RRCANET_ENGINE", "openvino")
    bright = np.zeros((8, 8), np.uint8)
    bright[3, 3] = 255
    for engine, expected in ((None, "engine openvino"), ("onnxruntime", "engine onnxruntime")):
        caplog.clear()
        (found,) = Detector(model, "cpu", engine=engine).detect(bright, range="dtype")  # type: ignore[arg-type]
        assert found.peaks.tolist() == [[3, 3]]
        assert expected in caplog.text
    with pytest.raises(ModelError, match="precision bf16: bf16 needs the engine openvino"):
        Detector(model, "cpu", engine="onnxruntime", precision="bf16")
    monkeypatch.setenv("RRCANET_ENGINE", "tensorrt")
    with pytest.raises(ModelError, match="RRCANET_ENGINE: "):
        Detector(model, "cpu")
