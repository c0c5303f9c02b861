"""Fill values, swapped bytes, and what the service notices about a frame."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, RawLayout, RawType, Reading, decode
from service.frames.decode import SWAPPED
from service.simulation.scene import make_scene
from tests.support import frames as files

DEEP: NDArray[np.uint16] = make_scene(3, 96, 128).counts(14).astype(np.uint16)


def read(body: bytes, **reading: float | bool) -> Frame:
    (frame,) = decode(body, None, Budget(), reading=Reading(**reading))  # type: ignore[arg-type]
    assert isinstance(frame, Frame), frame
    return frame


@pytest.mark.parametrize("write", [files.png, files.tiff, files.npy])
def test_swapped_bytes_are_noticed_and_swapped_back(write) -> None:  # type: ignore[no-untyped-def]
    body = write(DEEP.byteswap())
    assert read(body).warnings == (SWAPPED,)
    np.testing.assert_array_equal(read(body, byteswap=True).counts, DEEP)
    assert read(write(DEEP)).warnings == ()


@pytest.mark.parametrize(
    "counts",
    [
        np.random.default_rng(1).integers(0, 2**16, (64, 64)).astype(np.uint16),
        (DEEP >> 6).astype(np.uint16) * 256,
        (DEEP >> 6).astype(np.uint16) * 257,
        (DEEP >> 6).astype(np.uint16),
        DEEP << 2,
        np.full((8, 8), 513, np.uint16),
        np.array([[5]], np.uint16),
    ],
    ids=["noise", "8 bits in the high byte", "8 bits twice", "8 bits in the low byte", "shifted", "flat", "a pixel"],
)
def test_other_frames_are_not_suspected(counts: NDArray[np.uint16]) -> None:
    assert SWAPPED not in read(files.npy(counts)).warnings


@pytest.mark.parametrize("body", [files.png((DEEP >> 6).astype(np.uint8)), files.npy(DEEP.astype(np.float32))])
def test_only_counts_of_16_bits_can_be_swapped(body: bytes) -> None:
    with pytest.raises(ServiceError, match="unsigned counts of 16 bits") as caught:
        decode(body, None, Budget(), reading=Reading(byteswap=True))
    assert caught.value.reason is Reason.BAD_PARAMETER


@pytest.mark.parametrize(
    ("counts", "fill"),
    [(DEEP, int(DEEP[0, 0])), (DEEP.astype(np.float32), float(DEEP[0, 0])), (DEEP.astype(np.int32) - 9_000, -9_000)],
)
def test_the_fill_value_is_no_count(counts: NDArray[np.generic], fill: float) -> None:
    holed = counts.copy()
    holed[5:9, 7:30] = fill
    frame = read(files.npy(holed), fill=fill)
    assert frame.invalid_pixels == np.count_nonzero(holed == fill)
    assert frame.dtype == counts.dtype.name
    np.testing.assert_array_equal(frame.counts[holed != fill], holed[holed != fill].astype(frame.counts.dtype))


def test_a_frame_of_nothing_but_fill_is_undecodable() -> None:
    (fault,) = decode(files.npy(np.zeros((4, 8), np.uint16)), None, Budget(), reading=Reading(fill=0))
    assert isinstance(fault, ServiceError)
    assert fault.reason is Reason.UNDECODABLE_FRAME


def test_the_fill_value_of_raw_rows() -> None:
    layout = RawLayout(128, 96, RawType.U16LE)
    holed = DEEP.copy()
    holed[:, :4] = 0
    (frame,) = decode(holed.tobytes(), None, Budget(), raw=layout, reading=Reading(fill=0))
    assert isinstance(frame, Frame)
    assert frame.invalid_pixels == 96 * 4


@pytest.mark.parametrize("edge", [np.s_[:2], np.s_[-1:], np.s_[:, :3], np.s_[:, -2:]])
@pytest.mark.parametrize("value", [0, 16_383])
@pytest.mark.parametrize("dtype", ["uint16", "float32", "int32"])
def test_a_dead_border_is_named(edge: tuple[slice, ...], value: int, dtype: str) -> None:
    counts = DEEP.clip(1, 16_382).astype(dtype)
    counts[edge] = value
    (warning,) = read(files.npy(counts)).warnings
    assert f"has the single count {value}" in warning
    assert f"fill={value}" in warning
    assert read(files.npy(counts), fill=value).warnings == ()


@pytest.mark.parametrize("edge", [np.s_[40:42], np.s_[0, :9]])
def test_dead_pixels_elsewhere_are_no_border(edge: tuple[slice, ...]) -> None:
    counts = DEEP.clip(1, 16_382)
    counts[edge] = 0
    assert read(files.npy(counts)).warnings == ()
