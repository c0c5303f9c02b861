"""FITS as observatories and cameras of astronomers write it; skipped where the extra ``fits`` is not installed."""

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, decode
from service.simulation.scene import make_scene
from tests.support.paths import ROOT

fits = pytest.importorskip("astropy.io.fits", reason="the extra fits is not installed")
DEEP: NDArray[np.uint16] = make_scene(3, 40, 56).counts(14).astype(np.uint16)


def write(*units: Any, **keywords: object) -> bytes:
    """A file of units; the keywords are set in the header of the first."""
    buffer = io.BytesIO()
    fits.HDUList(list(units)).writeto(buffer)
    body = bytearray(buffer.getvalue())
    for name, value in keywords.items():
        end = body.index(b"END".ljust(80))
        body[end : end + 160] = f"{name:8}= {value!s:>20}".ljust(80).encode() + b"END".ljust(80)
    return bytes(body)


def read(body: bytes, **limits: int) -> list[Frame | ServiceError]:
    return decode(body, None, Budget(**limits), name="frame")


def read_one(body: bytes) -> Frame:
    (frame,) = read(body)
    assert isinstance(frame, Frame), frame
    return frame


def fault(body: bytes, **limits: int) -> ServiceError:
    try:
        (one,) = read(body, **limits)
    except ServiceError as error:
        return error
    assert isinstance(one, ServiceError)
    return one


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_count_arrives(dtype: str) -> None:
    counts = (DEEP % 120).astype(dtype)
    frame = read_one(write(fits.PrimaryHDU(counts)))
    np.testing.assert_array_equal(frame.counts, counts)
    assert frame.dtype == np.dtype(dtype).name
    assert (frame.page, frame.name, frame.invalid_pixels) == (None, "frame", 0)


def test_scale_and_zero_are_applied() -> None:
    body = write(fits.PrimaryHDU(DEEP.astype(np.int16)), BSCALE=0.04, BZERO="-2.7315D2")
    np.testing.assert_allclose(read_one(body).counts.astype(np.float64), DEEP * 0.04 - 273.15, atol=1e-4)


@pytest.mark.parametrize(("dtype", "zero"), [("i2", 0), ("u2", 32_768), ("u4", 2**31), ("u1", 0)])
def test_blank_pixels_are_left_out(dtype: str, zero: int) -> None:
    counts = (DEEP % 200).astype(dtype)
    counts[3, 5] = 201
    frame = read_one(write(fits.PrimaryHDU(counts), BLANK=201 - zero))
    assert np.isnan(frame.counts[3, 5])
    assert frame.invalid_pixels == 1


def test_not_a_number_is_counted() -> None:
    counts = DEEP.astype(np.float32)
    counts[0, :3] = np.nan, np.inf, -np.inf
    assert read_one(write(fits.PrimaryHDU(counts))).invalid_pixels == 3


def test_every_image_of_a_cube_and_of_every_unit_is_a_frame() -> None:
    cube = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]])
    table = fits.BinTableHDU(np.zeros(3, [("a", "i4")]))
    body = write(fits.PrimaryHDU(), fits.ImageHDU(cube), table, fits.ImageHDU(DEEP[:8, :9].astype(np.float32)))
    frames = [one for one in read(body) if isinstance(one, Frame)]
    assert [frame.page for frame in frames] == [1, 1, 1, 3]
    for frame, expected in zip(frames, [*cube, DEEP[:8, :9]], strict=True):
        np.testing.assert_array_equal(frame.counts, expected)


@pytest.mark.parametrize("name", ["ERR", "DQ", "mask", "WHT"])
def test_errors_weights_and_masks_are_no_frames(name: str) -> None:
    body = write(fits.PrimaryHDU(), fits.ImageHDU(DEEP, name="SCI"), fits.ImageHDU(DEEP, name=name))
    assert len(read(body)) == 1


def test_a_compressed_image_is_refused_with_what_to_do() -> None:
    body = write(fits.PrimaryHDU(), fits.CompImageHDU(DEEP.astype(np.int16)))
    assert "funpack" in fault(body).detail


def test_a_file_of_tables_has_no_frame() -> None:
    body = write(fits.PrimaryHDU(), fits.BinTableHDU(np.zeros(3, [("a", "i4")])))
    assert "no unit of the FITS file is an image" in fault(body).detail


@pytest.mark.parametrize("cut", [9, 1_000, 2_880, 2_881, 4_000])
def test_a_cut_file_is_undecodable(cut: int) -> None:
    assert fault(write(fits.PrimaryHDU(DEEP))[:cut]).reason is Reason.UNDECODABLE_FRAME


def test_a_unit_that_is_cut_off_fails_alone() -> None:
    body = write(fits.PrimaryHDU(DEEP), fits.ImageHDU(DEEP))
    first, second = read(body[:-2_880])
    assert isinstance(first, Frame)
    assert isinstance(second, ServiceError)
    assert "truncated" in second.detail


@pytest.mark.parametrize(
    "wrong",
    [
        {"BSCALE": 0}, {"BSCALE": "1E400"}, {"BZERO": "'text'"}, {"BLANK": 1.5}, {"PCOUNT": -1},
        {"GCOUNT": "99999999999999999999"},
    ],
)  # fmt: skip
def test_keywords_that_make_no_sense_are_faults(wrong: dict[str, object]) -> None:
    found = fault(write(fits.PrimaryHDU(DEEP.astype(np.int16)), **wrong))
    assert found.reason is Reason.UNDECODABLE_FRAME
    assert "FITS data is" in found.detail


def test_huge_dimensions_are_refused_before_decoding() -> None:
    body = write(fits.PrimaryHDU(np.zeros((2, 3), np.uint8)))
    huge = body.replace(b"NAXIS1  =                    3", b"NAXIS1  =              9000000").ljust(19_000_000, b"\0")
    assert fault(huge).reason is Reason.TOO_MANY_PIXELS
    assert fault(write(fits.PrimaryHDU(np.zeros((70, 8, 8), np.uint8)))).reason is Reason.TOO_MANY_FRAMES


def test_a_header_without_an_end_costs_little() -> None:
    body = b"SIMPLE  =                    T".ljust(80) + b"COMMENT ".ljust(80, b"x") * 400_000
    assert "no end within" in fault(body).detail


def test_a_server_without_astropy_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['astropy'] = None\n"
        "from service.frames import Budget, decode\n"
        "from service.errors import ServiceError\n"
        "try:\n    decode(b'SIMPLE  =                    T', None, Budget())\n"
        "except ServiceError as fault:\n    print(fault.reason.value, fault.detail)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("unsupported_media_type reading FITS needs the extra fits")
    assert "rrcanet-serve[fits]" in ended.stdout


def test_astropy_is_not_loaded_for_other_frames() -> None:
    program = (
        "import sys\nfrom service.frames import Budget, decode\nfrom tests.support.frames import GOOD\n"
        "decode(GOOD, None, Budget())\nprint('astropy' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
