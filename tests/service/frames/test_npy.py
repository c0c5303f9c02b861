"""``.npy`` bodies, as NumPy writes them and as an attacker does."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib import format as npy_format

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, decode
from tests.support import frames as files

TYPES = st.sampled_from(["|u1", "<u2", ">u2", "<f4", ">f4"]).map(np.dtype)
SHAPES = st.tuples(st.integers(1, 5), st.integers(5, 9)) | st.tuples(
    st.integers(1, 3), st.integers(1, 5), st.integers(5, 9)
)
PIXELS = TYPES.flatmap(lambda dtype: arrays(dtype, SHAPES, elements={"min_value": 0, "max_value": 200}))


def read(body: bytes, **limits: int) -> list[Frame | ServiceError]:
    return decode(body, "application/x-npy", Budget(**limits), name="stack.npy")


def refusal(body: bytes, **limits: int) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read(body, **limits)
    return caught.value


def with_header(header: dict[str, object], data: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    text = repr(header).encode() + b"\n"
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + data


@given(PIXELS, st.sampled_from("CF"))
def test_either_byte_order_and_either_memory_order_are_read(pixels: np.ndarray, order: str) -> None:
    frames = read(files.npy(np.asarray(pixels, order=order)))  # type: ignore[call-overload]
    stack = pixels if pixels.ndim == 3 else pixels[None]
    assert len(frames) == len(stack)
    for frame, expected in zip(frames, stack, strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.counts, expected)
        assert frame.counts.dtype.isnative
        assert frame.counts.flags.c_contiguous
        assert frame.dtype == pixels.dtype.name


def test_the_second_version_of_the_format_is_read() -> None:
    buffer = io.BytesIO()
    npy_format.write_array(buffer, np.array([[1, 2]], np.uint8), version=(2, 0))
    (frame,) = read(buffer.getvalue())
    assert isinstance(frame, Frame)
    assert frame.counts.tolist() == [[1, 2]]


def test_a_frame_of_one_pixel_is_read() -> None:
    (frame,) = read(files.npy(np.array([[7]], np.uint8)))
    assert isinstance(frame, Frame)
    assert (frame.width, frame.height) == (1, 1)


def test_a_frame_of_no_number_fails_alone() -> None:
    stack = np.ones((3, 2, 5), np.float32)
    stack[1] = np.nan
    stack[2, 0, 0] = np.inf
    first, second, third = read(files.npy(stack))
    assert isinstance(first, Frame)
    assert first.invalid_pixels == 0
    assert isinstance(second, ServiceError)
    assert second.reason is Reason.UNDECODABLE_FRAME
    assert isinstance(third, Frame)
    assert third.invalid_pixels == 1


class Bomb:
    """Unpickling it would fail the test."""

    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("it was unpickled",)


def test_pickled_objects_are_refused_and_never_unpickled() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[Bomb()]], object), allow_pickle=True)
    assert "object" in refusal(buffer.getvalue()).detail
    bare = pickle.dumps(Bomb())
    with pytest.raises(ServiceError):
        read(bare)
    claimed = with_header({"descr": "|u1", "fortran_order": False, "shape": (1, len(bare))}, bare)
    assert isinstance(read(claimed)[0], Frame), "its bytes are pixels and nothing else"


@pytest.mark.parametrize("dtype", ["bool", "complex64", "S3", "M8[s]"])
def test_other_types_are_refused_by_name(dtype: str) -> None:
    fault = refusal(files.npy(np.zeros((4, 6), dtype)))
    assert fault.reason is Reason.UNDECODABLE_FRAME
    assert "integers or floats of at most 64 bits" in fault.detail
    assert ('array.astype("float32")' in fault.detail) == (dtype == "bool"), "where it helps"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i1", "i2", "u4", "i4", "u8", "i8", "f2", "f8"])
@pytest.mark.parametrize("memory", ["C", "F"])
def test_every_real_type_is_read(order: str, dtype: str, memory: str) -> None:
    pixels = np.asarray(np.arange(24).reshape(4, 6), f"{order}{dtype}", order=memory)  # type: ignore[call-overload]
    (frame,) = read(files.npy(pixels))
    assert isinstance(frame, Frame)
    assert (frame.counts.tolist(), frame.dtype) == (pixels.tolist(), pixels.dtype.name)


@pytest.mark.parametrize("shape", [(5, 7, 1), (1, 1, 5, 7), (3, 1, 5, 7), (3, 1, 5, 2), (2, 9, 1)])
def test_an_axis_of_one_channel_is_dropped(shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    expected = pixels[None, ..., 0] if len(shape) == 3 else pixels[:, 0]
    frames = read(files.npy(pixels))
    assert len(frames) == len(expected)
    for frame, one in zip(frames, expected, strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.counts, one)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_colour_array_is_refused(channels: int) -> None:
    assert "colour" in refusal(files.npy(np.zeros((20, 30, channels), np.uint8))).detail


@pytest.mark.parametrize("shape", [(), (9,), (2, 2, 8, 8)])
def test_an_array_of_other_dimensions_is_refused(shape: tuple[int, ...]) -> None:
    assert "send [H, W]" in refusal(files.npy(np.zeros(shape, np.uint8))).detail


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 5, 5)])
def test_an_array_without_pixels_is_refused(shape: tuple[int, ...]) -> None:
    assert "no pixel" in refusal(files.npy(np.zeros(shape, np.uint8))).detail


@pytest.mark.parametrize("change", [-1, 1, 1000])
def test_a_wrong_length_is_refused(change: int) -> None:
    body = files.npy(np.zeros((4, 6), np.uint16))
    changed = body[:change] if change < 0 else body + bytes(change)
    assert f"48 bytes of pixels, but {48 + change} bytes follow it" in refusal(changed).detail


@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**62, 2**62), (2**31, 8, 8), (-1, -24), (10**4000, 10**4000)])
def test_a_header_naming_huge_dimensions_is_refused(shape: tuple[int, ...]) -> None:
    body = with_header({"descr": "|u1", "fortran_order": False, "shape": shape}, bytes(24))
    assert refusal(body).reason is Reason.UNDECODABLE_FRAME


@pytest.mark.parametrize(
    "body",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x09\x00" + bytes(20),
        with_header({"descr": "|u1"}, b""),
        with_header({"descr": "|u1", "fortran_order": 3, "shape": (1, 1)}, b"\0"),
        with_header({"descr": "nonsense", "fortran_order": False, "shape": (1, 1)}, b"\0"),
        with_header({"descr": "|u1", "fortran_order": False, "shape": (1, "1")}, b"\0"),
        with_header({"descr": "|u1", "fortran_order": False, "shape": (True, 10)}, bytes(10)),
        with_header({"descr": "|u1", "fortran_order": False, "shape": (10, True)}, bytes(10)),
        with_header({"descr": "|u1", "fortran_order": False, "shape": (True, 5, 5)}, bytes(25)),
        b"\x93NUMPY\x01\x00\xd0\x07" + b"(" * 2000,
        files.npy(np.zeros((4, 6), np.uint8))[:40],
    ],
)
def test_a_damaged_header_is_undecodable(body: bytes) -> None:
    assert refusal(body).reason is Reason.UNDECODABLE_FRAME


def test_frames_and_pixels_are_counted() -> None:
    body = files.npy(np.zeros((3, 4, 6), np.uint8))
    assert len(read(body, max_frames=3, max_pixels=3 * 32 * 32)) == 3
    assert refusal(body, max_frames=2).reason is Reason.TOO_MANY_FRAMES
    assert refusal(body, max_pixels=3 * 32 * 32 - 1).reason is Reason.TOO_MANY_PIXELS


def test_an_error_shows_no_address_of_this_process() -> None:
    header = b"{'descr': f(), 'fortran_order': False, 'shape': (1, 1)}\n"
    detail = refusal(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header).detail
    assert "header cannot be read" in detail
    assert " at 0x" not in detail
