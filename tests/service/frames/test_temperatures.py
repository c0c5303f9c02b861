"""Temperatures of a radiometric JPEG of FLIR, by the constants that it carries."""

import struct
import subprocess
import sys

import httpx
import numpy as np
import pytest

from service.frames import Budget, Frame, Reading, decode
from service.frames.radiometric import NO_CONSTANTS, NO_FLYR
from service.simulation.scene import make_scene
from tests.service.frames.test_camera_images import radiometric
from tests.support.paths import ROOT

pytest.importorskip("flyr", reason="the extra radiometric is not installed")
DEEP = make_scene(2, 48, 64).counts(14).astype(np.uint16)
RECORD = struct.pack("<HHH", 2, 64, 48).ljust(32, b"\0") + DEEP.astype("<u2").tobytes()
R1, B, F, OFFSET, R2 = 21106.77, 1501.0, 1.0, -7340, 0.012545258
PLAIN = {  # by their place in the record (ExifTool, FLIR CameraInfo): a black body at the lens
    32: ("f", 1.0), 36: ("f", 0.0), 40: ("f", 293.15), 44: ("f", 293.15), 48: ("f", 293.15), 52: ("f", 1.0),
    60: ("f", 0.5), 88: ("f", R1), 92: ("f", B), 96: ("f", F), 112: ("f", 0.006569), 116: ("f", 0.01262),
    120: ("f", -0.002276), 124: ("f", -0.00667), 128: ("f", 1.9), 776: ("i", OFFSET), 780: ("f", R2),
}  # fmt: skip


def camera(changes: dict[int, tuple[str, float]] | None = None, length: int = 900) -> bytes:
    """The record of a camera."""
    record = bytearray(length)
    struct.pack_into("<H", record, 0, 2)
    for at, (kind, value) in (PLAIN | (changes or {})).items():
        if at + 4 <= length:
            struct.pack_into(f"<{kind}", record, at, value)
    return bytes(record)


def read(record: bytes) -> Frame:
    (frame,) = decode(radiometric(RECORD, camera=record), None, Budget(), reading=Reading(radiometric=True))
    assert isinstance(frame, Frame), frame
    np.testing.assert_array_equal(frame.counts, DEEP)
    return frame


def planck(counts: np.ndarray) -> np.ndarray:
    """Degrees Celsius of a black body at the lens."""
    return np.asarray(B / np.log(R1 / (R2 * (counts + OFFSET)) + F) - 273.15)


def test_counts_of_a_black_body_follow_the_law_of_planck() -> None:
    frame = read(camera())
    assert frame.warnings == ()
    assert frame.celsius is not None
    counts = np.array([9_000.0, 12_000, 15_000])
    np.testing.assert_allclose(frame.celsius(counts), planck(counts), rtol=1e-5)


def test_a_hot_object_that_reflects_cooler_surroundings_is_hotter_than_it_looks() -> None:
    counts = np.array([30_000.0])
    gray = read(camera({32: ("f", 0.8)}))
    assert gray.celsius is not None
    assert gray.celsius(counts) > planck(counts) + 5


@pytest.mark.parametrize(
    "record",
    [
        b"",
        camera(length=500),
        camera({32: ("f", 0.0)}),
        camera({40: ("f", 0.001)}),
        camera({36: ("f", -1.0)}),
        b"\0\2" + camera()[2:],
    ],
    ids=["none", "cut off", "no emissivity", "frozen", "behind the lens", "other byte order"],
)
def test_without_sound_constants_the_counts_are_read_and_the_file_is_named(record: bytes) -> None:
    frame = read(record)
    assert frame.celsius is None
    assert frame.warnings == (NO_CONSTANTS,)


def test_an_answer_has_the_temperature_of_each_target(client: httpx.Client) -> None:
    body = radiometric(RECORD, camera=camera())
    for query, expected in (("", planck), ("&radiometry=0.04:-273.15", lambda counts: counts * 0.04 - 273.15)):
        answer = client.post(f"/v1/detect?mask=none&radiometric=true{query}", content=body)
        (frame,) = answer.json()["frames"]
        assert frame["targets"]
        for target in frame["targets"]:
            signal = target["signal"]
            assert signal["temperature_c"] == pytest.approx(float(expected(np.array(signal["peak"]))), abs=1e-2)


def test_without_flyr_the_counts_are_read_and_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['flyr'] = None\n"
        "from service.frames import Budget, Reading, decode\n"
        "from tests.service.frames.test_temperatures import RECORD, camera, radiometric\n"
        "frame, = decode(radiometric(RECORD, camera=camera()), None, Budget(), reading=Reading(radiometric=True))\n"
        "print(frame.celsius, frame.counts.shape, *frame.warnings)\n"
    ).replace("from tests", "import pytest; pytest.importorskip = lambda *_, **__: None\nfrom tests")
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == f"None (48, 64) {NO_FLYR}"
